/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* An echo server: echo [PORT]. The line that says BACKEND chooses the mechanism, and nothing else
 * here knows which it is. */
#include <arpa/inet.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKEND duet_polling() /* or duet_completion() */

/* One operation is enough: a connection receives, or sends, or closes. */
struct connection {
	struct duet_op op;
	struct duet_buffer buffer; /* held from its receive to the end of its send */
};

static struct duet_loop *loop;
static struct duet_pool *pool;
static struct duet_op accepting; /* not multishot: it takes none that there is no place for */

static void check(int error)
{
	if (error) {
		fprintf(stderr, "echo: %s\n", strerror(-error));
		exit(1);
	}
}

static void received(struct duet_op *op);

static void sent(struct duet_op *op)
{
	struct connection *c = op->context;

	duet_buffer_return(loop, &c->buffer);
	op->done = received; /* if the send failed, so will this, and says so */
	duet_op_recv_pooled(op, op->handle, pool, 0);
	check(duet_op_start(loop, op));
}

static void closed(struct duet_op *op)
{
	free(op->context);
	if (!duet_op_pending(&accepting)) /* it had failed: now there is a place */
		check(duet_op_start(loop, &accepting));
}

static void received(struct duet_op *op)
{
	struct connection *c = op->context;

	if (op->more) /* the pool is empty for the moment: it goes on by itself */
		return;
	op->done = op->result > 0 ? sent : closed;
	c->buffer = op->buffer;
	if (op->result > 0)
		duet_op_send(op, op->handle, c->buffer.data, c->buffer.length_bytes, DUET_WHOLE);
	else
		duet_op_close(op, op->handle);
	check(duet_op_start(loop, op));
}

static void accepted(struct duet_op *op)
{
	struct connection *c = op->result ? NULL : calloc(1, sizeof(*c));

	if (c) {
		duet_op_init(&c->op, received, c);
		duet_op_recv_pooled(&c->op, op->made, pool, 0);
		check(duet_op_start(loop, &c->op));
	} else if (!op->result) {
		close(duet_handle_release(loop, op->made)); /* ours, and no memory to keep it */
	}
	if (!op->result || op->result == -ECONNABORTED)
		check(duet_op_start(loop, op));
} /* else no descriptor, handle or memory is left: closed() goes on */

int main(int argc, char **argv)
{
	in_port_t port = argc > 1 ? (in_port_t)atoi(argv[1]) : 0;
	struct sockaddr_in address = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
	duet_handle listener;

	check(duet_loop_create(&loop, BACKEND, NULL));
	check(duet_pool_create(loop, 64, 16384, &pool));
	check(duet_handle_listen(loop, (void *)&address, sizeof(address), 128, &listener));
	fprintf(stderr, "echo: port %d\n", ntohs(address.sin_port));
	duet_op_init(&accepting, accepted, NULL);
	duet_op_accept(&accepting, listener, 0);
	check(duet_op_start(loop, &accepting));
	check(duet_loop_run(loop));
	check(accepting.result); /* nothing is pending: it has failed, and no connection is left */
}
