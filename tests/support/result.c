/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "tests/support/result.h"

#include <math.h>
#include <stdlib.h>

#include "compare/report/conclude.h"

void result_shape_init(struct result_shape *shape)
{
	*shape = (struct result_shape){ .rounds = 15, .connections = 64,
					.arms = { "completion", "polling" },
					.cpu_ns = { 2000, 4000 }, .step = 0.001,
					.kernel = "6.1.0" };
}

/* 1000 operations in a millisecond: few enough that p99.9 isn't shown. */
static json_t *make_slot(int arm, double cpu_ns, json_int_t wait_ns)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:I, s:i, s:i, s:i, s:{s:f, s:f, s:n}, s:{s:i, s:i, "
			 "s:i, s:f, s:i}, s:{s:I, s:i, s:i, s:i, s:i}}", "arm", arm, "operations",
			 1000, "operations_total", 2000, "elapsed_ns", 1000000, "cpu_ns",
			 (json_int_t)(cpu_ns * 1000), "load_cpu_ns", 500000, "wrong_bytes", 0,
			 "lost_operations", 0, "latency", "p50_ns", 10 * cpu_ns, "p99_ns",
			 20 * cpu_ns, "p999_ns", "counters", "system_calls", 4000, "ended", 2000,
			 "waits", 500, "lent_byte_seconds", 0.5, "life_ns", 1000000000, "noise",
			 "wait_ns", wait_ns, "steal_ns", 0, "others_cpu_ns", 1000000,
			 "voluntary_switches", 30, "involuntary_switches", 20);
}

/* The rounds of an arm stand in some order, but a step apart when they are sorted. */
static double wobble(const struct result_shape *shape, int round)
{
	return exp(shape->step * ((round * 7) % shape->rounds - (shape->rounds - 1) / 2.0));
}

static json_t *make_round(const struct result_shape *shape, int i)
{
	const double *cpu_ns = shape->cpu_ns;
	json_t *round = json_pack("{s:i, s:b, s:[o, o, o]}", "round", i, "kept", 1, "slots",
				  make_slot(0, cpu_ns[0] * wobble(shape, i), shape->wait_ns),
				  make_slot(1, cpu_ns[1] * wobble(shape, i), 0),
				  make_slot(0, cpu_ns[0] * wobble(shape, i), 0));
	const char *cause = conclude_disturbance(round);

	json_object_set_new(round, "disturbed_by", cause ? json_string(cause) : json_null());
	return round;
}

json_t *result_cell(const struct result_shape *shape)
{
	json_t *rounds = json_array(), *cell;

	for (int i = 0; i < shape->rounds; i++)
		json_array_append_new(rounds, make_round(shape, i));
	cell = json_pack("{s:s, s:{s:s, s:s, s:i, s:i, s:i}, s:i, s:I, s:[{s:s, s:s}, {s:s, s:s}], "
			 "s:o, s:b, s:b}", "workload", "echo", "parameters", "transport",
			 "TCP on loopback", "load", "closed loop", "connections",
			 shape->connections, "size_bytes", 64, "depth", 1, "warmup_ns", 0,
			 "duration_ns", (json_int_t)1000000, "arms", "name", shape->arms[0],
			 "shape", "as it is", "name", shape->arms[1], "shape", "as it was",
			 "rounds", rounds, "complete", 1, "correct", 1);
	conclude_cell(cell);
	return cell;
}

json_t *result_around(const struct result_shape *shape, json_t *cell)
{
	return json_pack("{s:i, s:{s:s}, s:{s:i, s:s, s:s}, s:{s:s, s:s, s:s}, s:[o], s:b, s:b}",
			 "schema", 1, "tool", "version", "0.1.0", "run", "seed", 7, "started",
			 "2026-11-23T00:00:00Z", "repeat", "duet compare --seed 7", "environment",
			 "kernel_release", shape->kernel, "cpu_model", "a processor",
			 "load_average", shape->kernel, "cells", cell, "complete", 1, "correct", 1);
}

json_t *result_make(const struct result_shape *shape)
{
	return result_around(shape, result_cell(shape));
}

void result_write(const json_t *json, const char *path)
{
	if (json_dump_file(json, path, 0))
		abort();
}
