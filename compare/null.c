/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/null.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"

/* Operations with the backend, each at the place that is noted in it. Both kinds of list are as large
 * as the loop's bound. */
struct list {
	struct duet_op **ops;
	uint32_t count;
};

struct null {
	struct list due;      /* end in the next wait */
	struct list standing; /* multishot: bring something in every wait */
	uint32_t connections; /* that have yet to connect */
	uint32_t size_bytes, work;
};

static struct null *null_of(const struct duet_loop *loop)
{
	return loop->state;
}

static void list_add(struct list *list, struct duet_op *op)
{
	list->ops[list->count++] = op;
	op->backend = list->count;
}

static void list_remove(struct list *list, const struct duet_op *op)
{
	struct duet_op *last = list->ops[--list->count];

	list->ops[op->backend - 1] = last;
	last->backend = op->backend;
}

/* ---- Life. ---- */

static uint32_t tuned(const char *tuning, const char *key, uint32_t otherwise)
{
	char text[16];

	return duet_core_tuning(tuning, key, text, sizeof(text)) ? (uint32_t)atol(text) : otherwise;
}

static bool is_number(const char *tuning, const char *key)
{
	char text[16];
	size_t length = duet_core_tuning(tuning, key, text, sizeof(text));

	return length < 10 && strspn(text, "0123456789") >= length;
}

static int null_probe(const char *tuning, struct duet_probe *probe)
{
	static const char *const keys[] = { "connections", "size", "work", NULL };

	snprintf(probe->shape, sizeof(probe->shape), "nothing is carried out: what all else costs");
	probe->error = duet_core_tuning_check(tuning, keys);
	for (int i = 0; !probe->error && keys[i]; i++) {
		if (!is_number(tuning, keys[i]))
			probe->error = -EINVAL;
	}
	if (probe->error)
		snprintf(probe->reason, sizeof(probe->reason),
			 "null knows the keys connections, size and work, each with a number");
	return probe->error;
}

static void null_destroy(struct duet_loop *loop)
{
	struct null *null = null_of(loop);

	free(null->due.ops);
	free(null->standing.ops);
	free(null);
}

static int null_create(struct duet_loop *loop, const struct duet_loop_options *options)
{
	struct duet_probe probe = {0};
	struct null *null;

	if (null_probe(options->tuning, &probe))
		return probe.error;
	null = calloc(1, sizeof(*null));
	if (!null)
		return -ENOMEM;
	loop->state = null;
	loop->fd = -1;
	null->due.ops = calloc(loop->entries_max, sizeof(*null->due.ops));
	null->standing.ops = calloc(loop->entries_max, sizeof(*null->standing.ops));
	if (!null->due.ops || !null->standing.ops) {
		null_destroy(loop);
		return -ENOMEM;
	}
	null->connections = tuned(options->tuning, "connections", 0);
	null->size_bytes = tuned(options->tuning, "size", 64);
	null->work = tuned(options->tuning, "work", 0);
	memset(loop->capability, DUET_EMULATED, sizeof(loop->capability));
	/* It has nobody to say where a message comes from, and no pipes. */
	loop->capability[DUET_RECVMSG] = loop->capability[DUET_SENDMSG] = DUET_ABSENT;
	loop->capability[DUET_SPLICE] = DUET_ABSENT;
	return 0;
}

static int null_attach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop, (void)slot;
	return 0;
}

static void null_detach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop, (void)slot;
}

/* ---- Operations. ---- */

static int null_start(struct duet_loop *loop, struct duet_op *op)
{
	struct null *null = null_of(loop);
	int fd = op->kind == DUET_SOCKET ? -1 : duet_core_op_slot(loop, op)->fd;

	switch (op->kind) {
	case DUET_SOCKET:
		op->result = duet_core_system_socket(loop, op->args.socket.domain,
						     op->args.socket.type,
						     op->args.socket.protocol);
		return BACKEND_ENDED;
	case DUET_BIND:
		op->result = duet_core_system_bind(loop, fd, op);
		return BACKEND_ENDED;
	case DUET_LISTEN:
		op->result = duet_core_system_listen(loop, fd, op->args.listen.backlog);
		return BACKEND_ENDED;
	case DUET_ACCEPT:
	case DUET_RECV:
		list_add(&null->standing, op);
		op->progress = 1;
		return BACKEND_ISSUED;
	default:
		list_add(&null->due, op);
		op->progress = 0;
		return BACKEND_ISSUED;
	}
}

static int null_cancel(struct duet_loop *loop, struct duet_op *op)
{
	struct null *null = null_of(loop);

	list_remove(op->progress ? &null->standing : &null->due, op);
	return BACKEND_ENDED;
}

/* So many steps that no compiler may leave out. */
static void work(uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++)
		__asm__ volatile("" : : "r"(i));
}

static int read_zeroes(const struct duet_op *op)
{
	void *data = op->args.io.vectors[0].iov_base;
	size_t bytes = op->args.io.length_bytes;
	bool lifted = duet_core_guard_lift(data, bytes);

	memset(data, 0, bytes);
	duet_core_guard_lower(data, bytes, lifted);
	return (int)bytes;
}

static int result_of(struct duet_loop *loop, const struct duet_op *op)
{
	switch (op->kind) {
	case DUET_CLOSE:
		return duet_core_system_close(loop, duet_core_op_slot(loop, op)->fd);
	case DUET_READ:
		return read_zeroes(op);
	case DUET_SEND:
	case DUET_WRITE:
		return (int)op->args.io.length_bytes;
	default:
		return 0;
	}
}

/* Those that were there: what they start is for the next wait. */
static void end_due(struct duet_loop *loop, struct null *null)
{
	for (uint32_t left = null->due.count; left && null->due.count; left--) {
		struct duet_op *op = null->due.ops[0];

		list_remove(&null->due, op);
		work(null->work);
		duet_core_end(loop, op, result_of(loop, op));
	}
}

static void bring_connection(struct duet_loop *loop, struct null *null, struct duet_op *op)
{
	int fd = null->connections ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	null->connections--;
	if (op->flags & DUET_MULTISHOT) {
		duet_core_item_accepted(loop, op, fd);
		return;
	}
	list_remove(&null->standing, op);
	duet_core_end(loop, op, fd);
}

static void bring_bytes(struct duet_loop *loop, struct null *null, struct duet_op *op)
{
	struct duet_pool *pool = op->flags & DUET_POOLED ? op->args.io.pool : NULL;
	int index = pool ? duet_core_buffer_take(pool) : 0;
	uint32_t bytes = null->size_bytes;

	work(null->work);
	if (bytes > op->args.io.length_bytes)
		bytes = op->args.io.length_bytes;
	if (pool && index >= 0 && op->flags & DUET_MULTISHOT) {
		duet_core_item_buffer(loop, op, (int)bytes, (uint16_t)index);
		return;
	}
	list_remove(&null->standing, op);
	if (!pool)
		duet_core_end(loop, op, (int)bytes);
	else if (index >= 0)
		duet_core_end_buffer(loop, op, (int)bytes, (uint16_t)index);
	else
		duet_core_starve(loop, op);
}

/* A report may end, and so move, any of them: the last is brought something first, since only places
 * behind the present one are filled anew. */
static void bring(struct duet_loop *loop, struct null *null)
{
	for (uint32_t place = null->standing.count; place-- > 0;) {
		struct duet_op *op;

		if (place >= null->standing.count)
			continue;
		op = null->standing.ops[place];
		if (op->kind == DUET_ACCEPT)
			bring_connection(loop, null, op);
		else
			bring_bytes(loop, null, op);
	}
}

/* Never sleeps: there is nobody to wait for. */
static int null_wait(struct duet_loop *loop, int64_t timeout_ns)
{
	struct null *null = null_of(loop);

	(void)timeout_ns;
	duet_core_awake(loop);
	end_due(loop, null);
	bring(loop, null);
	return 0;
}

static void null_wake(struct duet_loop *loop)
{
	(void)loop;
}

const struct duet_backend *null_backend(void)
{
	static const struct duet_backend backend = {
		.version = DUET_BACKEND_VERSION,
		.size = sizeof(struct duet_backend),
		.name = "null",
		.probe = null_probe,
		.create = null_create,
		.destroy = null_destroy,
		.start = null_start,
		.cancel = null_cancel,
		.wait = null_wait,
		.wake = null_wake,
		.attach = null_attach,
		.detach = null_detach,
	};

	return &backend;
}
