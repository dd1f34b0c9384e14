/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/job.h"

#include "tests/support/harness.h"

DUET_COROUTINE(wait_often)
{
	DUET_BEGIN(struct job, self);
	while (self->waits < self->times) {
		self->prepare(self);
		DUET_AWAIT(&self->op);
		self->results[self->waits++] = DUET_RESULT;
	}
	duet_coroutine->value = DUET_RESULT;
	DUET_END;
}

void job_make(struct job *job, duet_coroutine_fn *body)
{
	*job = (struct job){ .times = 1 };
	duet_op_init(&job->op, NULL, NULL);
	duet_coroutine_init(&job->coroutine, body);
	duet_coroutine_task_init(&job->task, &job->coroutine);
	job->task.task.name = "job";
}

void job_never(struct job *job)
{
	duet_op_timeout(&job->op, DUET_NO_DEADLINE);
}

void job_at_once(struct job *job)
{
	duet_op_timeout(&job->op, 0);
}

void job_in_a_moment(struct job *job)
{
	duet_op_timeout(&job->op, duet_loop_now_ns(stage.loop) + 1000000);
}

void job_refused(struct job *job)
{
	static char byte;

	duet_op_recv(&job->op, DUET_HANDLE_NONE, &byte, 1, 0);
}
