/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo server on libuv: "libuv PORT", on 127.0.0.1. What arrives is written back at once; reading
 * stops while the peer does not take it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { BUFFER_BYTES = 16384, BACKLOG = 4096 };

struct connection {
	uv_tcp_t tcp;
	uv_write_t write;
	char buffer[BUFFER_BYTES];
};

static void on_close(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop(struct connection *connection)
{
	if (!uv_is_closing((uv_handle_t *)&connection->tcp))
		uv_close((uv_handle_t *)&connection->tcp, on_close);
}

static void on_buffer(uv_handle_t *handle, size_t wished, uv_buf_t *buffer)
{
	struct connection *connection = handle->data;

	(void)wished;
	*buffer = uv_buf_init(connection->buffer, BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_write(uv_write_t *write, int status)
{
	struct connection *connection = write->data;

	if (status < 0)
		drop(connection);
	else
		uv_read_start((uv_stream_t *)&connection->tcp, on_buffer, on_read);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct connection *connection = stream->data;
	uv_buf_t reply;
	int sent;

	if (got == 0)
		return;
	if (got < 0) {
		drop(connection);
		return;
	}
	reply = uv_buf_init(buffer->base, (unsigned int)got);
	sent = uv_try_write(stream, &reply, 1);
	if (sent == got)
		return;
	if (sent < 0 && sent != UV_EAGAIN) {
		drop(connection);
		return;
	}
	if (sent > 0)
		reply = uv_buf_init(buffer->base + sent, (unsigned int)(got - sent));
	uv_read_stop(stream);
	connection->write.data = connection;
	if (uv_write(&connection->write, stream, &reply, 1, on_write))
		drop(connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct connection *connection = status < 0 ? NULL : malloc(sizeof(*connection));

	if (!connection)
		return;
	uv_tcp_init(listener->loop, &connection->tcp);
	connection->tcp.data = connection;
	if (uv_accept(listener, (uv_stream_t *)&connection->tcp) ||
	    uv_read_start((uv_stream_t *)&connection->tcp, on_buffer, on_read))
		drop(connection);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	uv_tcp_t listener;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 2 || uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address) ||
	    uv_tcp_init(loop, &listener) ||
	    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) ||
	    uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection)) {
		fprintf(stderr, "usage: %s PORT (which must be free)\n", argv[0]);
		return 2;
	}
	return uv_run(loop, UV_RUN_DEFAULT);
}
