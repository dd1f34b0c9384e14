/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Rockets over HTTP on loopback: the arm is a client that fetches a list and then each item of it,
 * again and again; the server, a process of its own that is the same for every arm, is the load. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "compare/measure/process.h"
#include "compare/models/rockets_fetcher.h"
#include "compare/say.h"
#include "compare/workloads/listening.h"
#include "compare/workloads/player.h"
#include "compare/workloads/workload.h"

/* Of the server: while a client closes one connection it opens the next. */
enum { SPARE_CONNECTIONS = 64, SPARE_FILES = 16 };

struct scene {
	const struct cell *cell;
	const struct arm *arm;
	struct process server;
	char address[64];
};

static json_t *parameters(const struct cell *cell)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:I}", "transport", "HTTP over TCP on loopback",
			 "load", "closed loop", "connections", (int)cell->connections, "items",
			 (int)cell->items, "latency_ns", (json_int_t)cell->latency_ns);
}

static uint32_t connections_of_server(const struct cell *cell)
{
	return 2 * cell->connections + SPARE_CONNECTIONS;
}

static int check(const struct cell *cell)
{
	int code = listening_check_loopback("rockets");

	return code ? code : listening_check_files("rockets", cell->connections,
						   connections_of_server(cell) + SPARE_FILES);
}

static int check_arm(const struct cell *cell, const struct arm *arm)
{
	(void)cell;
	if (arm->kind != ARM_BACKEND || !strcmp(arm->backend, "null"))
		return say_failure(SAY_USAGE, "arm %s: the workload rockets is played by completion "
				   "and polling only", arm->name);
	return fetcher_model_find(arm->model) ? SAY_OK
		: say_failure(SAY_USAGE, "arm %s: the workload rockets has no model '%s'; it has "
			      FETCHER_MODEL_NAMES, arm->name, arm->model);
}

/* What is said of a server that has ended, whoever ended it: no answer is the arm's loss then. */
static int complain(const struct scene *scene, int code)
{
	char line[256];

	process_complaint(&scene->server, line, sizeof(line));
	if (process_interrupted())
		return WORKLOAD_INTERRUPTED;
	if (*line)
		return say_failure(SAY_UNMEASURED, "arm %s: the server of rockets: %s",
				   scene->arm->name, line);
	if (code > 128)
		return say_failure(SAY_UNMEASURED, "arm %s: the server of rockets died of signal %d "
				   "(%s)", scene->arm->name, code - 128, strsignal(code - 128));
	return say_failure(SAY_UNMEASURED, "arm %s: the server of rockets ended with exit code %d",
			   scene->arm->name, code);
}

static int start_server(struct scene *scene, const struct stage *stage)
{
	const struct process_where where = { .cpu = stage->load_cpu, .space = -1 };
	const struct cell *cell = scene->cell;
	struct arguments arguments;
	int status, code;

	arguments_begin(&arguments);
	arguments_add(&arguments, "serve");
	arguments_add(&arguments, "rockets");
	arguments_add(&arguments, "--backend=polling");
	arguments_add(&arguments, "--connections=%u", connections_of_server(cell));
	arguments_add(&arguments, "--items=%u", cell->items);
	arguments_add(&arguments, "--latency=%.9f", (double)cell->latency_ns / 1e9);
	status = listening_start(&scene->server, &arguments, &where, scene->address,
				 sizeof(scene->address), &code);
	if (status == -EINTR)
		return WORKLOAD_INTERRUPTED;
	if (status == -ECHILD)
		return complain(scene, code);
	return status ? say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(-status))
		      : SAY_OK;
}

static int play_arm(struct scene *scene, const struct stage *stage, json_t **slot)
{
	const struct cell *cell = scene->cell;
	struct player_job job = { .stage = stage, .cell = cell, .arm = scene->arm };
	int code = player_begin(&job, "play-rockets");

	if (code)
		return code;
	job.cpu = stage->subject_cpu;
	arguments_add(&job.arguments, "--model=%s", scene->arm->model);
	arguments_add(&job.arguments, "--address=%s", scene->address);
	arguments_add(&job.arguments, "--server=%d", (int)scene->server.pid);
	arguments_add(&job.arguments, "--connections=%u", cell->connections);
	arguments_add(&job.arguments, "--items=%u", cell->items);
	arguments_add(&job.arguments, "--latency=%.9f", (double)cell->latency_ns / 1e9);
	return player_end(&job, slot);
}

static int end_server(struct scene *scene)
{
	bool over = process_is_over(&scene->server, 0);
	int code = process_end(&scene->server, over ? 0 : SIGTERM);

	return over || code ? complain(scene, code) : SAY_OK;
}

static int play(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		json_t **slot)
{
	struct scene scene = { .cell = cell, .arm = arm };
	int code, ended = SAY_OK;

	*slot = NULL;
	code = start_server(&scene, stage);
	if (!code)
		code = play_arm(&scene, stage, slot);
	if (*slot)
		ended = end_server(&scene);
	process_forget(&scene.server);
	if (ended) {
		json_decref(*slot);
		*slot = NULL;
	}
	return ended ? ended : code;
}

const struct workload WORKLOAD_ROCKETS = {
	.name = "rockets", .parameters = parameters, .check = check, .check_arm = check_arm,
	.play = play,
};
