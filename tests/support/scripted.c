/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/scripted.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct script script;

static int script_probe(const char *tuning, struct duet_probe *probe)
{
	(void)tuning;
	if (script.probe_error)
		snprintf(probe->reason, sizeof(probe->reason), "the script says no");
	return script.probe_error;
}

static uint64_t script_clock(struct duet_loop *loop)
{
	(void)loop;
	script.clock_reads++;
	script.now_ns += script.clock_step_ns;
	return script.now_ns;
}

static int script_create(struct duet_loop *loop, const struct duet_loop_options *options)
{
	(void)options;
	script.creates++;
	if (script.create_error)
		return script.create_error;
	loop->clock = script_clock;
	loop->fd = -1;
	memset(loop->capability, DUET_NATIVE, sizeof(loop->capability));
	return 0;
}

static void script_destroy(struct duet_loop *loop)
{
	(void)loop;
}

static bool script_takes_room(void)
{
	if (script.room == 0)
		return false;
	if (script.room != UINT32_MAX)
		script.room--;
	return true;
}

static int script_start(struct duet_loop *loop, struct duet_op *op)
{
	(void)loop;
	if (!script_takes_room())
		return -EAGAIN;
	ck_assert_uint_lt(script.count, SCRIPT_MAX);
	script.with[script.count++] = op;
	op->result = script.result;
	return script.ends_at_once ? BACKEND_ENDED : BACKEND_ISSUED;
}

static int script_cancel(struct duet_loop *loop, struct duet_op *op)
{
	(void)loop;
	if (!script_takes_room())
		return -EAGAIN;
	ck_assert_uint_lt(script.cancels, SCRIPT_MAX);
	script.cancelled[script.cancels++] = op;
	return script.cancel_answer;
}

static void script_tell(struct duet_loop *loop, const struct script_report *report)
{
	switch (report->what) {
	case SCRIPT_END:
		duet_core_end(loop, report->op, report->result);
		break;
	case SCRIPT_END_BUFFER:
		duet_core_end_buffer(loop, report->op, report->result, report->index);
		break;
	case SCRIPT_ACCEPTED:
		duet_core_item_accepted(loop, report->op, report->result);
		break;
	case SCRIPT_BUFFER:
		duet_core_item_buffer(loop, report->op, report->result, report->index);
		break;
	case SCRIPT_STARVE:
		duet_core_starve(loop, report->op);
		break;
	case SCRIPT_AGAIN:
		duet_core_cancel_again(loop, report->op);
		break;
	}
}

static int script_wait(struct duet_loop *loop, int64_t timeout_ns)
{
	unsigned plans = script.plans;

	script.waits++;
	script.timeout_ns = timeout_ns;
	duet_core_awake(loop);
	for (unsigned i = 0; i < plans; i++)
		script_tell(loop, &script.planned[i]);
	script.plans -= plans;
	memmove(script.planned, script.planned + plans, script.plans * sizeof(script.planned[0]));
	return 0;
}

static void script_wake(struct duet_loop *loop)
{
	(void)loop;
	script.wakes++;
}

static int script_attach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop;
	(void)slot;
	return 0;
}

static void script_detach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop;
	(void)slot;
	script.detached++;
}

const struct duet_backend *scripted(void)
{
	static const struct duet_backend backend = {
		.version = DUET_BACKEND_VERSION,
		.size = sizeof(struct duet_backend),
		.name = "scripted",
		.probe = script_probe,
		.create = script_create,
		.destroy = script_destroy,
		.start = script_start,
		.cancel = script_cancel,
		.wait = script_wait,
		.wake = script_wake,
		.attach = script_attach,
		.detach = script_detach,
	};

	return &backend;
}

struct duet_loop *script_open(const struct duet_loop_options *options)
{
	struct duet_loop *loop;

	script = (struct script){ .now_ns = 1000000, .room = UINT32_MAX };
	ck_assert_int_eq(duet_loop_create(&loop, scripted(), options), 0);
	return loop;
}

void script_plan(struct duet_op *op, enum script_what what, int result, uint16_t index)
{
	ck_assert_uint_lt(script.plans, SCRIPT_MAX);
	script.planned[script.plans++] = (struct script_report){ op, what, result, index };
}

duet_handle script_handle(struct duet_loop *loop)
{
	duet_handle handle;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	/* Afterwards, so that it is a stream until somebody wants it to accept. */
	ck_assert_int_eq(listen(fd, 1), 0);
	return handle;
}
