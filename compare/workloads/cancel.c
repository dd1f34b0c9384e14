/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Receives that are ended early: from the request to the end of each, to its memory's next use, and to
 * its descriptor's number being free again. The arm's process is its own load. */
#include "compare/workloads/cancel.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "bench/floors/cancel_epoll.h"
#include "bench/floors/cancel_uring.h"
#include "compare/measure/process.h"
#include "compare/say.h"
#include "compare/workloads/player.h"
#include "compare/workloads/workload.h"

/* Descriptors that are none of the crowd's. */
enum { SPARE_FILES = 32 };

static const char *const METHODS[CANCEL_METHODS] = {
	[CANCEL_USER_DATA] = "user-data", [CANCEL_DESCRIPTOR] = "descriptor",
	[CANCEL_SCOPE] = "scope", [CANCEL_DEADLINE] = "deadline", [CANCEL_NEVER] = "never",
};

const char *cancel_method_name(enum cancel_method method)
{
	return METHODS[method];
}

enum cancel_method cancel_method_find(const char *name)
{
	int method = 0;

	while (method < CANCEL_METHODS && strcmp(METHODS[method], name) != 0)
		method++;
	return (enum cancel_method)method;
}

const struct cancel_engine *cancel_floor_find(const char *name)
{
	static const struct cancel_engine *const floors[] = {
		&cancel_epoll_engine, &cancel_uring_engine, &cancel_link_engine,
	};

	for (size_t i = 0; i < sizeof(floors) / sizeof(*floors); i++) {
		if (!strcmp(floors[i]->name, name))
			return floors[i];
	}
	return NULL;
}

static const char *load_of(const struct cell *cell)
{
	switch (cell->method) {
	case CANCEL_DEADLINE:
		return cell->storm ? "1 of 100 is answered, the others end by their deadline"
				   : "all end by their deadline";
	case CANCEL_NEVER:
		return "answered in random order";
	default:
		return "asked to end in random order";
	}
}

static json_t *parameters(const struct cell *cell)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:b}", "transport", "unix datagram sockets",
			 "load", load_of(cell), "method", cancel_method_name(cell->method),
			 "operations", (int)cell->operations, "pending", (int)cell->pending, "storm",
			 cell->storm);
}

static int check(const struct cell *cell)
{
	uint64_t files = (uint64_t)cell->pending + SPARE_FILES;
	uint64_t files_max = process_files_max();

	if (files <= files_max)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "cancel: %u receives at once take %" PRIu64
			   " descriptors, and the limit is %" PRIu64 ": raise it with ulimit -n, or "
			   "ask for fewer with --operations and --pending", cell->pending, files,
			   files_max);
}

static int check_floor(const struct cell *cell, const struct arm *arm)
{
	const struct cancel_engine *floor = cancel_floor_find(arm->backend);

	if (!floor)
		return say_failure(SAY_USAGE, "arm %s: for the workload cancel there is "
				   CANCEL_FLOOR_NAMES, arm->name);
	if (floor == &cancel_link_engine && cell->method < CANCEL_DEADLINE)
		return say_failure(SAY_USAGE, "arm %s: a linked timeout is a deadline: write "
				   "--method deadline", arm->name);
	return SAY_OK;
}

static int check_arm(const struct cell *cell, const struct arm *arm)
{
	if (arm->kind == ARM_EXTERNAL)
		return say_failure(SAY_USAGE, "arm %s: the workload cancel is played by completion, "
				   "polling and the floors only", arm->name);
	if (arm->kind == ARM_FLOOR)
		return check_floor(cell, arm);
	if (!strcmp(arm->model, "callback") ||
	    (cell->method == CANCEL_NEVER && !strcmp(arm->model, "timed")))
		return SAY_OK;
	return say_failure(SAY_USAGE, "arm %s: the workload cancel has callbacks only%s", arm->name,
			   strcmp(arm->model, "timed") ? ""
				   : "; 'timed' is for --deadlines, which names it by itself");
}

static int play(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		json_t **slot)
{
	struct player_job job = { .stage = stage, .cell = cell, .arm = arm };
	int code = player_begin(&job, "play-cancel");

	*slot = NULL;
	if (code)
		return code;
	arguments_add(&job.arguments, "--method=%s", cancel_method_name(cell->method));
	arguments_add(&job.arguments, "--operations=%u", cell->operations);
	arguments_add(&job.arguments, "--pending=%u", cell->pending);
	if (cell->storm)
		arguments_add(&job.arguments, "--storm");
	if (!strcmp(arm->model, "timed"))
		arguments_add(&job.arguments, "--timed");
	return player_end(&job, slot);
}

const struct workload WORKLOAD_CANCEL = {
	.name = "cancel", .parameters = parameters, .check = check, .check_arm = check_arm,
	.play = play,
};
