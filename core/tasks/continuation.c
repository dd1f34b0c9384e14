/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/continuation.h>

#include "core/operation.h"

static void resume(struct duet_op *op)
{
	struct duet_continuation *continuation = op->context;

	continuation->resume(continuation, op);
}

int duet_await_ready(struct duet_loop *loop, struct duet_op *op)
{
	int answer;

	duet_op_inline(op);
	/* A callback must be there for the case that it is lent: a late result is handed over. */
	op->done = resume;
	CORE_GUARD(core_guard_from(__builtin_return_address(0)));
	answer = duet_op_start_at(NULL, loop, op);
	if (answer >= 0)
		return answer;
	core_op_refuse(op, answer, DUET_CAUSE_ITSELF);
	return 1;
}

void duet_await_suspend(struct duet_op *op, struct duet_continuation *continuation)
{
	op->context = continuation;
}

int duet_await_resume(const struct duet_op *op)
{
	return op->result;
}
