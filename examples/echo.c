/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * An echo server: echo [PORT]. The line that says BACKEND chooses the mechanism, and nothing else
 * here knows which it is.
 */
#include <arpa/inet.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKEND duet_polling() /* or duet_completion() */

/* One operation is enough: a connection receives, or sends, or closes. */
struct connection {
	struct duet_op op;
	struct duet_buffer buffer; /* held from its receive to the end of its send */
	duet_handle handle;
};

static struct duet_loop *loop;
static struct duet_pool *pool;

static void closed(struct duet_op *op)
{
	free(op->context);
}

static void receive(struct connection *c);

static void sent(struct duet_op *op)
{
	struct connection *c = op->context;

	duet_buffer_return(loop, &c->buffer);
	receive(c); /* if the send failed, so will this, and says so */
}

static void received(struct duet_op *op)
{
	struct connection *c = op->context;

	if (op->more) /* the pool is empty for the moment: it goes on by itself */
		return;
	if (op->result > 0) {
		c->buffer = op->buffer;
		op->done = sent;
		duet_op_send(op, c->handle, c->buffer.data, c->buffer.length_bytes, DUET_WHOLE);
	} else {
		op->done = closed;
		duet_op_close(op, c->handle);
	}
	duet_op_start(loop, op);
}

static void receive(struct connection *c)
{
	c->op.done = received;
	duet_op_recv_pooled(&c->op, c->handle, pool, 0);
	duet_op_start(loop, &c->op);
}

static void accepted(struct duet_op *op)
{
	struct connection *c = op->more ? calloc(1, sizeof(*c)) : NULL;

	if (c) { /* else the accept itself has ended */
		duet_op_init(&c->op, NULL, c);
		c->handle = op->made;
		receive(c);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct duet_op accept;
	duet_handle listener;
	int error = duet_loop_create(&loop, BACKEND, NULL);

	address.sin_port = htons(argc > 1 ? (in_port_t)atoi(argv[1]) : 0);
	if (!error)
		error = duet_pool_create(loop, 64, 16384, &pool);
	if (!error)
		error = duet_handle_listen(loop, (void *)&address, sizeof(address), 128, &listener);
	if (error) {
		fprintf(stderr, "echo: %s\n", strerror(-error));
		return 1;
	}
	fprintf(stderr, "echo: port %d\n", ntohs(address.sin_port));
	duet_op_init(&accept, accepted, NULL);
	duet_op_accept(&accept, listener, DUET_MULTISHOT);
	duet_op_start(loop, &accept);
	return duet_loop_run(loop) ? 1 : 0;
}
