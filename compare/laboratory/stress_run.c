/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A cell of the stress tier: its batches, and what they came to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/lane.h"
#include "compare/laboratory/mechanism.h"
#include "compare/say.h"

enum { BATCH = 4096, MEASURED = 512, WORKERS = 4, PLACES_A_LANE = 8, SHUTDOWN_NS = 1000000000 };

/* ---- What a cell has. ---- */

static size_t memory_bytes(const struct stress_kind *kind)
{
	return (size_t)kind->lanes * LANE_BUFFERS * (kind->bytes ? kind->bytes : 1);
}

static int open_pools(struct stress *stress)
{
	struct duet_pool_options options;
	int error = duet_pool_create(stress->loop, SCENE_POOL, SCENE_PIECE, &stress->pool);

	duet_pool_options_init(&options);
	options.count = LANES_MAX;
	options.size_bytes = SCENE_PIECE;
	options.regime = DUET_REGIME_MOVED;
	return error ? error : duet_pool_create_with(stress->loop, &options, &stress->staging);
}

static int open_loop(struct stress *stress, const struct mechanism *mechanism)
{
	struct duet_loop_options options;
	int error;

	duet_loop_options_init(&options);
	options.operations_max = options.handles_max = PLACES_A_LANE * LANES_MAX;
	options.worker_threads = WORKERS;
	options.tuning = mechanism->tuning;
	error = duet_loop_create(&stress->loop, mechanism->backend, &options);
	return error ? error : open_pools(stress);
}

static int open_stress(struct stress *stress, const struct stress_plan *plan)
{
	void *memory = mmap(NULL, memory_bytes(plan->kind), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	stress->kind = plan->kind;
	stress->listener = -1;
	stress->memory = memory == MAP_FAILED ? NULL : memory;
	stress->lanes = calloc(plan->kind->lanes, sizeof(*stress->lanes));
	error = stress->memory && stress->lanes ? open_loop(stress, plan->mechanism) : -ENOMEM;
	if (!error && plan->kind->begin)
		error = plan->kind->begin(stress);
	if (!error)
		error = stress_open_lanes(stress);
	/* What a mechanism sets up with the first turn isn't taken for the operations'. */
	if (!error && duet_loop_turn(stress->loop, 0) < 0)
		error = -EIO;
	if (!error)
		error = stress_other_begin(stress);
	stress->accompanied = !error;
	return error;
}

/* What is still in flight owns the memory: then all of it is kept to the end of the process. */
static void close_stress(struct stress *stress)
{
	if (stress->accompanied)
		stress_other_end(stress);
	if (stress->kind->end)
		stress->kind->end(stress);
	if (stress->stuck)
		return;
	if (stress->lanes && stress->loop)
		stress_close_lanes(stress);
	if (stress->loop) {
		duet_loop_shutdown(stress->loop, account_clock_ns() + SHUTDOWN_NS);
		if (duet_loop_destroy(stress->loop))
			return;
	}
	if (stress->memory)
		munmap(stress->memory, memory_bytes(stress->kind));
	free(stress->lanes);
	free(stress);
}

/* ---- The batches. ---- */

static int by_size(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* How long an operation takes that nobody asks to end: what the delays of the requests are spread over.
 * Of the quickest tenth, as with all lanes at work the others have stood in line, and on a busy machine
 * for long. */
static void measure_life(struct stress *stress)
{
	stress_batch(stress, MEASURED);
	qsort(stress->lives, stress->lives_count, sizeof(*stress->lives), by_size);
	stress->life_ns = stress->lives_count ? stress->lives[stress->lives_count / 10] : 0;
	stress->life_ns += !stress->life_ns;
}

static uint64_t requests(const struct stress *stress)
{
	return stress->operations - stress->ways[LANE_NOBODY];
}

static void play(struct stress *stress, const struct stress_plan *plan)
{
	uint64_t begun_ns = account_clock_ns(), now_ns = begun_ns, batch = plan->batch;

	stress->descriptors = account_descriptors();
	stress->random = plan->seed;
	measure_life(stress);
	while (!stress->broken && requests(stress) < plan->count && !*plan->interrupted &&
	       now_ns - begun_ns < plan->bound_ns) {
		uint64_t left = plan->count - requests(stress);

		stress->batch = batch += !plan->batch;
		stress->random = plan->seed ^ batch * 0x9e3779b97f4a7c15u;
		stress_batch(stress, left < BATCH ? (uint32_t)left : BATCH);
		now_ns = account_clock_ns();
		say_progress("%s, %s: %llu of %u requests, %.0f a second", plan->kind->name,
			     plan->mechanism->name, (unsigned long long)requests(stress),
			     plan->count, 1e9 * (double)requests(stress) /
						  (double)(now_ns - begun_ns));
	}
}

/* ---- What came of it. ---- */

static json_t *answers_json(const struct stress *stress)
{
	struct duet_stats stats;

	duet_loop_stats(stress->loop, &stats);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "cancels", (json_int_t)stats.cancels,
			 "cancels_again", (json_int_t)stats.cancels_again, "stale",
			 (json_int_t)stats.stale, "reclaimed", (json_int_t)stats.reclaimed,
			 "starved", (json_int_t)stats.starved, "worker",
			 (json_int_t)stats.worker);
}

static json_t *ways_json(const struct stress *stress)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "nobody",
			 (json_int_t)stress->ways[LANE_NOBODY], "here",
			 (json_int_t)stress->ways[LANE_HERE], "callback",
			 (json_int_t)stress->ways[LANE_CALLBACK], "message",
			 (json_int_t)stress->ways[LANE_MESSAGE], "deadline",
			 (json_int_t)stress->ways[LANE_DEADLINE], "close",
			 (json_int_t)stress->ways[LANE_CLOSE]);
}

static json_t *violations_json(const struct stress *stress)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < VIOLATION_COUNT; i++) {
		const struct breach *breach = &stress->breaches[i];

		if (breach->count)
			json_array_append_new(list, json_pack(
				"{s:s, s:I, s:I, s:I, s:I, s:s}", "name",
				violation_name((enum violation)i), "count",
				(json_int_t)breach->count, "batch", (json_int_t)breach->batch,
				"lane", (json_int_t)breach->lane, "serial",
				(json_int_t)breach->serial, "what", breach->what));
	}
	return list;
}

static json_t *cell_json(struct stress *stress, uint64_t elapsed_ns)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "operations",
			 (json_int_t)stress->operations, "asked", (json_int_t)stress->asked, "late",
			 (json_int_t)stress->late, "life_ns", (json_int_t)stress->life_ns,
			 "elapsed_ns", (json_int_t)elapsed_ns, "ways", ways_json(stress),
			 "outcomes", mix_json(&stress->outcomes), "answers", answers_json(stress),
			 "violations", violations_json(stress));
}

static json_t *refused_json(int error)
{
	char why[64];

	snprintf(why, sizeof(why), "can't be set up here: %s", duet_error_name(error));
	return json_pack("{s:s}", "refused", why);
}

json_t *stress_run(const struct stress_plan *plan)
{
	struct stress *stress = calloc(1, sizeof(*stress));
	uint64_t begun_ns = account_clock_ns();
	json_t *json, *head;
	int error = stress ? open_stress(stress, plan) : -ENOMEM;

	if (!error)
		play(stress, plan);
	json = error ? refused_json(error) : cell_json(stress, account_clock_ns() - begun_ns);
	if (stress)
		close_stress(stress);
	head = json_pack("{s:s, s:s}", "kind", plan->kind->name, "mechanism",
			 plan->mechanism->name);
	json_object_update_new(head, json);
	return head;
}
