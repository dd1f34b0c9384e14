/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One active child among many idle ones. A process of its own sends it something at a constant rate,
 * and whether its parent is told which child to ask, or asks them all, is the arm. */
#include <inttypes.h>
#include <string.h>

#include "compare/measure/process.h"
#include "compare/models/informed.h"
#include "compare/say.h"
#include "compare/workloads/player.h"
#include "compare/workloads/workload.h"

enum { SPARE_FILES = 32 };

static json_t *parameters(const struct cell *cell)
{
	return json_pack("{s:s, s:o, s:i, s:s}", "transport", "unix sockets", "load",
			 json_sprintf("open loop at %u a second", cell->rate_per_s), "rate_per_s",
			 (int)cell->rate_per_s, "idle_children",
			 cell->idle_children ? cell->idle_children : "");
}

static uint32_t idle_max(const struct cell *cell)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < cell->arm_count; i++) {
		if (cell->arms[i].idle > most)
			most = cell->arms[i].idle;
	}
	return most;
}

static int check(const struct cell *cell)
{
	uint64_t files = (uint64_t)idle_max(cell) + SPARE_FILES;
	uint64_t files_max = process_files_max();

	if (files <= files_max)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "informed: %u idle children take %" PRIu64
			   " descriptors, and the limit is %" PRIu64 ": raise it with ulimit -n, or "
			   "ask for fewer with --children", idle_max(cell), files, files_max);
}

static int check_arm(const struct cell *cell, const struct arm *arm)
{
	(void)cell;
	if (arm->kind != ARM_BACKEND || !strcmp(arm->backend, "null"))
		return say_failure(SAY_USAGE, "arm %s: the question informed is played by completion "
				   "and polling only", arm->name);
	if (!informed_style_find(arm->model))
		return say_failure(SAY_USAGE, "arm %s: the question informed has no '%s'; it has "
				   INFORMED_STYLE_NAMES, arm->name, arm->model);
	if (arm->idle <= INFORMED_IDLE_MAX)
		return SAY_OK;
	return say_failure(SAY_USAGE, "arm %s: the key idle=N is missing: how many idle children, "
			   "1 to %d", arm->name, INFORMED_IDLE_MAX);
}

static int play(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		json_t **slot)
{
	struct player_job job = { .stage = stage, .cell = cell, .arm = arm };
	int code = player_begin(&job, "play-informed");

	*slot = NULL;
	if (code)
		return code;
	arguments_add(&job.arguments, "--style=%s", arm->model);
	arguments_add(&job.arguments, "--rate=%u", cell->rate_per_s);
	arguments_add(&job.arguments, "--cpu=%d", stage->subject_cpu + 1);
	arguments_add(&job.arguments, "--load-cpu=%d", stage->load_cpu + 1);
	return player_end(&job, slot);
}

const struct workload WORKLOAD_INFORMED = {
	.name = "informed", .parameters = parameters, .check = check, .check_arm = check_arm,
	.play = play,
};
