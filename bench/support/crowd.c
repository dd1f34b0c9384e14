/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The sockets are datagram ones with a name that the kernel has chosen: each takes one descriptor, and
 * one sender reaches them all.
 */
#include "crowd.h"

#include <duet/duet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "rounds.h"

enum { SPARE = 16, BATCH = 256 };

static const uint64_t far_ns = 30000000000u;

struct waiter {
	struct duet_op op;
	struct duet_member member;
	struct crowd *crowd;
	duet_handle handle;
	struct sockaddr_un name;
	socklen_t name_bytes;
	char byte;
};

struct crowd {
	struct duet_loop *loop;
	struct duet_scope *scopes;
	struct waiter *waiters;
	unsigned int *order;	/* of receives to be answered */
	unsigned int *turns;	/* of scopes to be cancelled */
	uint32_t count, ended, joined, wrong;
	uint64_t random;
	int sender;
	bool answered, deadline;
};

static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void begin(struct waiter *waiter)
{
	struct crowd *crowd = waiter->crowd;

	duet_op_recv(&waiter->op, waiter->handle, &waiter->byte, sizeof(waiter->byte), 0);
	if (crowd->deadline)
		duet_op_deadline(&waiter->op, duet_loop_now_ns(crowd->loop) + far_ns);
	crowd->wrong += duet_op_start(crowd->loop, &waiter->op) != 0;
}

static void on_end(struct duet_op *op)
{
	struct waiter *waiter = op->context;
	struct crowd *crowd = waiter->crowd;

	crowd->ended++;
	crowd->wrong += op->result != (crowd->answered ? 1 : -ECANCELED);
	if (crowd->answered)
		begin(waiter);
}

static int make_waiter(struct crowd *crowd, struct waiter *waiter)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	waiter->crowd = crowd;
	waiter->name_bytes = sizeof(waiter->name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) ||
	    getsockname(fd, (struct sockaddr *)&waiter->name, &waiter->name_bytes))
		return -errno;
	duet_op_init(&waiter->op, on_end, waiter);
	return duet_handle_adopt(crowd->loop, fd, 0, &waiter->handle);
}

static int make(struct crowd *crowd, const struct twin *twin)
{
	struct duet_loop_options options;
	int rc;

	duet_loop_options_init(&options);
	options.operations_max = 2 * crowd->count + SPARE;	/* a scope is one, too */
	options.handles_max = crowd->count + SPARE;
	options.worker_threads = 0;
	rc = duet_loop_create(&crowd->loop, twin->backend(), &options);
	crowd->waiters = calloc(crowd->count, sizeof(*crowd->waiters));
	crowd->scopes = calloc(crowd->count, sizeof(*crowd->scopes));
	crowd->order = calloc(crowd->count, sizeof(*crowd->order));
	crowd->turns = calloc(crowd->count, sizeof(*crowd->turns));
	crowd->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (rc || !crowd->waiters || !crowd->scopes || !crowd->order || !crowd->turns ||
	    crowd->sender < 0)
		return rc ? rc : -ENOMEM;
	for (uint32_t i = 0; !rc && i < crowd->count; i++) {
		crowd->order[i] = i;
		rc = make_waiter(crowd, &crowd->waiters[i]);
	}
	rounds_shuffle(crowd->order, crowd->count, &crowd->random);
	return rc;
}

struct crowd *crowd_create(const struct twin *twin, uint32_t count)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	int rc;

	if (!crowd)
		return NULL;
	allow_files();
	crowd->count = count;
	crowd->random = 1;
	rc = make(crowd, twin);
	if (rc == 0)
		return crowd;
	fprintf(stderr, "bench: %s, %u receives: %s\n", twin->name, count, strerror(-rc));
	crowd_destroy(crowd);
	return NULL;
}

int crowd_destroy(struct crowd *crowd)
{
	int wrong = (int)crowd->wrong + (crowd->loop && duet_loop_destroy(crowd->loop));

	if (crowd->sender >= 0)
		close(crowd->sender);
	free(crowd->turns);
	free(crowd->order);
	free(crowd->scopes);
	free(crowd->waiters);
	free(crowd);
	return wrong ? -EIO : 0;
}

static void on_joined(struct duet_scope *scope)
{
	struct crowd *crowd = scope->context;

	crowd->joined++;
}

/* Until the kernel has all that was started, and has said that nothing is there. */
static void settle(struct crowd *crowd)
{
	for (int i = 0; i < 2; i++)
		crowd->wrong += duet_loop_turn(crowd->loop, 0) < 0;
}

static void start_scope(struct crowd *crowd, uint32_t scope, uint32_t each)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.context = crowd;
	crowd->wrong += duet_scope_open(&crowd->scopes[scope], crowd->loop, NULL, &options) != 0;
	for (uint32_t i = scope * each; i < (scope + 1) * each; i++) {
		struct waiter *waiter = &crowd->waiters[i];

		duet_op_recv(&waiter->op, waiter->handle, &waiter->byte, sizeof(waiter->byte), 0);
		crowd->wrong += duet_scope_start(&crowd->scopes[scope], &waiter->member,
						 &waiter->op) != 0;
	}
	duet_scope_join(&crowd->scopes[scope], on_joined);
}

uint64_t crowd_cancel_scopes(struct crowd *crowd, uint32_t each)
{
	uint32_t scopes = crowd->count / each;
	uint64_t begun_ns;

	crowd->answered = false;
	crowd->ended = crowd->joined = 0;
	for (uint32_t i = 0; i < scopes; i++) {
		crowd->turns[i] = i;
		start_scope(crowd, i, each);
	}
	rounds_shuffle(crowd->turns, scopes, &crowd->random);
	settle(crowd);
	begun_ns = clock_cpu_ns();
	for (uint32_t i = 0; i < scopes; i++) {
		duet_scope_cancel(&crowd->scopes[crowd->turns[i]]);
		while (crowd->joined <= i && duet_loop_turn(crowd->loop, -1) >= 0)
			continue;
	}
	crowd->wrong += crowd->ended != crowd->count;
	return clock_cpu_ns() - begun_ns;
}

static void answer(struct crowd *crowd, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct waiter *waiter =
			&crowd->waiters[crowd->order[(first + i) % crowd->count]];

		crowd->wrong += sendto(crowd->sender, "x", 1, 0,
				       (const struct sockaddr *)&waiter->name,
				       waiter->name_bytes) != 1;
	}
}

/* Nothing is left of the crowd: as a scope would end it, but that there was none. */
static void dismiss(struct crowd *crowd)
{
	crowd->answered = false;
	crowd->ended = 0;
	for (uint32_t i = 0; i < crowd->count; i++)
		duet_op_cancel(&crowd->waiters[i].op);
	while (crowd->ended < crowd->count && duet_loop_turn(crowd->loop, -1) >= 0)
		continue;
}

uint64_t crowd_answer(struct crowd *crowd, uint32_t receives, bool deadline)
{
	uint64_t spent_ns = 0;

	crowd->answered = true;
	crowd->deadline = deadline;
	for (uint32_t i = 0; i < crowd->count; i++)
		begin(&crowd->waiters[i]);
	settle(crowd);
	for (uint32_t first = 0; first < receives; first += BATCH) {
		uint32_t count = receives - first < BATCH ? receives - first : BATCH;
		uint64_t begun_ns;

		answer(crowd, first, count);
		crowd->ended = 0;
		begun_ns = clock_cpu_ns();
		while (crowd->ended < count && duet_loop_turn(crowd->loop, -1) >= 0)
			continue;
		spent_ns += clock_cpu_ns() - begun_ns;
	}
	dismiss(crowd);
	return spent_ns;
}
