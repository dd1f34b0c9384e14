/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/futures.h"

#include <duet/future.h>
#include <duet/scheduler.h>
#include <errno.h>
#include <stddef.h>

enum { PARTS = 2, ROUNDS = 3, MESSAGE_BYTES = 6, PIECE_BYTES = 2 };

struct part {
	struct duet_op_future future;
	bool made;
	bool started; /* it has to be heard to its end, however little it is still wanted */
	duet_handle handle;
	int peer;
	uint32_t have; /* of this round's message */
	unsigned char memory[MESSAGE_BYTES];
};

struct futures {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	bool hot;
	struct duet_scheduler scheduler;
	struct duet_task task;
	struct duet_member member;
	struct part parts[PARTS];
	uint32_t rounds;
};

static bool is_whole(const struct part *part)
{
	return part->have == MESSAGE_BYTES;
}

/* ---- One of the two. ---- */

static enum duet_readiness ask_once(struct futures *futures, struct part *part)
{
	struct duet_context context = {&futures->scheduler, duet_lab_loop(futures->lab),
				       &futures->task.waker};

	return duet_op_future_poll(&part->future, &context);
}

static enum duet_readiness await(struct futures *futures, struct part *part)
{
	enum duet_readiness answer;

	part->started = true;
	answer = ask_once(futures, part);
	if (answer == DUET_READY)
		part->made = part->started = false;
	return answer;
}

static void hear(struct futures *futures, struct part *part)
{
	if (futures->policy->discards && duet_scope_check(futures->scope))
		return;
	duet_lab_received(futures->lab, part->peer, part->memory + part->have,
			  part->future.op.transferred);
	part->have += part->future.op.transferred;
}

static void make(struct futures *futures, struct part *part)
{
	if (part->made || is_whole(part))
		return;
	duet_op_future_init(&part->future);
	duet_op_recv(&part->future.op, part->handle, part->memory + part->have,
		     MESSAGE_BYTES - part->have, 0);
	part->made = true;
	part->started = futures->hot;
	if (futures->hot)
		ask_once(futures, part);
}

/* ---- The task. ---- */

static struct part *awaited(struct futures *futures)
{
	return &futures->parts[is_whole(&futures->parts[0])];
}

static bool is_abandoned(const struct futures *futures, const struct part *part)
{
	return futures->policy->forgets && part != &futures->parts[is_whole(&futures->parts[0])];
}

static void end_round(struct futures *futures)
{
	if (!is_whole(&futures->parts[0]) || !is_whole(&futures->parts[1]))
		return;
	futures->rounds++;
	futures->parts[0].have = futures->parts[1].have = 0;
}

/* What was started is heard to its end. What was only made has done nothing, and is dropped. */
static enum duet_readiness stop(struct futures *futures)
{
	for (int i = 0; i < PARTS; i++) {
		struct part *part = &futures->parts[i];

		if (part->started && !is_abandoned(futures, part)) {
			if (await(futures, part) == DUET_PENDING)
				return DUET_PENDING;
			hear(futures, part);
		}
		part->made = part->started;
	}
	end_round(futures);
	duet_member_leave(&futures->member, -ECANCELED);
	return DUET_READY;
}

static enum duet_readiness poll(struct duet_task *task)
{
	struct futures *futures = (struct futures *)(void *)((char *)task -
		offsetof(struct futures, task));

	while (!duet_scope_check(futures->scope) && futures->rounds < ROUNDS) {
		struct part *part = awaited(futures);

		make(futures, &futures->parts[0]);
		make(futures, &futures->parts[1]);
		if (await(futures, part) == DUET_PENDING)
			return DUET_PENDING;
		hear(futures, part);
		end_round(futures);
	}
	if (futures->rounds < ROUNDS)
		return stop(futures);
	duet_lab_finish(futures->lab);
	duet_member_leave(&futures->member, 0);
	return DUET_READY;
}

static const struct duet_task_model poll_model = {.name = "future", .step = poll};

/* An idle operation takes no notice: of what is cold there is nothing to cancel. */
static void ask(struct duet_member *member, enum duet_cause cause)
{
	struct futures *futures = (struct futures *)(void *)((char *)member -
		offsetof(struct futures, member));

	(void)cause;
	for (int i = 0; i < PARTS; i++) {
		if (!is_abandoned(futures, &futures->parts[i]))
			duet_op_cancel(&futures->parts[i].future.op);
	}
	duet_waker_wake(&futures->task.waker);
}

/* ---- The workloads. ---- */

static void script(struct duet_lab *lab, const struct futures *futures)
{
	for (int i = 0; i < ROUNDS; i++) {
		duet_lab_peer_sends(lab, futures->parts[1].peer, PIECE_BYTES);
		duet_lab_peer_sends(lab, futures->parts[0].peer, PIECE_BYTES);
		duet_lab_peer_sends(lab, futures->parts[0].peer, MESSAGE_BYTES - PIECE_BYTES);
		duet_lab_peer_sends(lab, futures->parts[1].peer, MESSAGE_BYTES - PIECE_BYTES);
	}
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct futures *futures = state;

	futures->lab = lab;
	futures->policy = duet_lab_context(lab);
	duet_scheduler_init(&futures->scheduler, duet_lab_loop(lab), NULL);
	for (int i = 0; i < PARTS; i++) {
		struct part *part = &futures->parts[i];

		duet_op_future_init(&part->future);
		part->peer = duet_lab_pair(lab, &part->handle);
		if (part->peer < 0)
			return part->peer;
	}
	script(lab, futures);
	return 0;
}

static int set_up_hot(struct duet_lab *lab, void *state)
{
	((struct futures *)state)->hot = true;
	return set_up(lab, state);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct futures *futures = state;

	(void)lab;
	futures->scope = scope;
	if (duet_scope_enter(scope, &futures->member, ask))
		return;
	duet_task_init(&futures->task, &poll_model);
	if (duet_task_spawn(&futures->scheduler, NULL, &futures->task))
		duet_member_leave(&futures->member, -ECANCELED);
}

void hot_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "hot",
						.state_bytes = sizeof(struct futures),
						.set_up = set_up_hot, .body = body,
						.context = policy };
}

void cold_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "cold",
						.state_bytes = sizeof(struct futures),
						.set_up = set_up, .body = body,
						.context = policy };
}
