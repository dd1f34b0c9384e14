/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/loop.h"

#include <duet/loop.h>
#include <duet/scheduler.h>

#include "compare/laboratory/mechanism.h"
#include "compare/measure/window.h"

enum { SPARE = 64 };
static const uint64_t PATIENCE_NS = 5000000000;

int loop_begin_tasks(const struct mechanism *mechanism, uint32_t tasks, struct duet_loop **loop,
		     struct duet_scheduler *scheduler)
{
	struct duet_scheduler_options scheduling;
	struct duet_loop_options options;
	int error;

	duet_loop_options_init(&options);
	options.handles_max = tasks + SPARE;
	options.operations_max = 2 * tasks + SPARE;
	options.worker_threads = 0;
	options.tuning = mechanism->tuning;
	error = duet_loop_create(loop, mechanism->backend, &options);
	duet_scheduler_options_init(&scheduling);
	scheduling.inline_max = 0;
	return error ? error : duet_scheduler_init(scheduler, *loop, &scheduling);
}

int loop_end(struct duet_loop *loop)
{
	int error = loop ? duet_loop_shutdown(loop, window_now_ns() + PATIENCE_NS) : 0;

	return error || !loop ? error : duet_loop_destroy(loop);
}
