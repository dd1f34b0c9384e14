/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "arena.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "place.h"

enum { WARM_SPAN_NS = 100000000 };

static bool loads_itself(const struct arena *arena)
{
	return arena->client.client == CLIENT_NONE;
}

static void stop(const struct arena *arena, struct arena_fighter *fighter)
{
	if (loads_itself(arena))
		load_stop(&fighter->load);
	child_stop(&fighter->child);
}

static void fall_out(const struct arena *arena, struct arena_fighter *fighter, const char *what,
		     int error)
{
	fprintf(stderr, "bench_%s: %s: %s: %s\n", arena->bench, fighter->server->name, what,
		strerror(error));
	if (!fighter->there)
		return;
	fighter->there = false;
	stop(arena, fighter);
}

static int start_server(struct arena_fighter *fighter)
{
	const struct arena_server *server = fighter->server;
	const char *argv[CHILD_ARGUMENTS_MAX] = { 0 };
	char path[CHILD_PATH_MAX];
	int used = 1;
	int rc;

	if (server->command)
		return child_start_command(&fighter->child, NULL, server->command);
	child_path(path, server->program);
	argv[0] = path;
	for (const char *const *word = server->arguments; *word; word++)
		argv[used++] = *word;
	rc = server->foreign ? child_start_foreign(&fighter->child, argv)
			     : child_start(&fighter->child, argv);
	if (rc == 0)
		place_process(fighter->child.pid, PLACE_FIRST);
	return rc;
}

static int start_fighter(const struct arena *arena, struct arena_fighter *fighter)
{
	struct load_job job = arena->job;
	int rc = start_server(fighter);

	fighter->there = rc == 0;
	if (rc < 0 || !loads_itself(arena))
		return rc;
	fighter->there = false;
	job.port = fighter->child.port;
	job.spin_ns = fighter->server->generator_spin_ns;
	rc = load_start(&fighter->load, &job);
	if (rc < 0) {
		child_stop(&fighter->child);
		return rc;
	}
	place_process(fighter->load.pid, PLACE_LAST);
	fighter->there = true;
	return 0;
}

static uint64_t spent_ns(pid_t pid)
{
	struct timespec spent;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &spent))
		return 0;
	return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

/* A span of our own generator, or the whole life of a foreign one. */
static int load(const struct arena *arena, struct arena_fighter *fighter, uint64_t span_ns,
		struct load_result *result)
{
	struct client_job job = arena->client;
	struct client_result heard;
	uint64_t begun_ns = clock_ns();
	int rc;

	if (loads_itself(arena))
		return load_span(&fighter->load, span_ns, result);
	job.port = fighter->child.port;
	rc = client_run(&job, &heard);
	result->messages = heard.messages;
	result->span_ns = clock_ns() - begun_ns;
	fighter->errors += heard.errors;
	return rc;
}

static void play(const struct arena *arena, struct arena_fighter *fighter, uint64_t span_ns,
		 double *cpu_ns, double *wall_ns)
{
	struct load_result result = { 0 };
	uint64_t before = spent_ns(fighter->child.pid);
	int rc = load(arena, fighter, span_ns, &result);

	if (result.wrong_bytes > 0) {
		fprintf(stderr, "bench_%s: %s: %" PRIu64 " wrong bytes: no figure counts\n",
			arena->bench, fighter->server->name, result.wrong_bytes);
		exit(4);
	}
	if (rc < 0) {
		fall_out(arena, fighter, "the load broke off", -rc);
		return;
	}
	fighter->messages += result.messages;
	*cpu_ns = (double)(spent_ns(fighter->child.pid) - before) / (double)result.messages;
	*wall_ns = (double)result.span_ns / (double)result.messages;
}

void arena_open(struct arena *arena, const struct arena_server *servers, unsigned int count)
{
	double unused;

	arena->count = count;
	for (unsigned int index = 0; index < count; index++) {
		struct arena_fighter *fighter = &arena->fighters[index];
		int rc;

		*fighter = (struct arena_fighter){ .server = &servers[index] };
		rc = start_fighter(arena, fighter);
		if (rc < 0)
			fall_out(arena, fighter, "cannot be started", -rc);
		else
			play(arena, fighter, WARM_SPAN_NS, &unused, &unused);
		fighter->messages = 0;
	}
}

void arena_round(struct arena *arena, uint64_t round)
{
	unsigned int order[ARENA_MAX];

	for (unsigned int index = 0; index < arena->count; index++)
		order[index] = index;
	rounds_shuffle(order, arena->count, &arena->seed);
	for (unsigned int index = 0; index < arena->count; index++) {
		struct arena_fighter *fighter = &arena->fighters[order[index]];

		fighter->cpu_ns[round] = NAN;
		fighter->wall_ns[round] = NAN;
		if (fighter->there)
			play(arena, fighter, arena->span_ns, &fighter->cpu_ns[round],
			     &fighter->wall_ns[round]);
	}
}

void arena_close(struct arena *arena)
{
	for (unsigned int index = 0; index < arena->count; index++) {
		struct arena_fighter *fighter = &arena->fighters[index];

		if (!fighter->there)
			continue;
		stop(arena, fighter);
	}
}

static bool both_there(const struct arena *arena, unsigned int over, unsigned int under)
{
	return arena->fighters[over].there && arena->fighters[under].there;
}

static const struct estimate unknown = { NAN, NAN, NAN };

struct estimate arena_cpu_ratio(const struct arena *arena, unsigned int over, unsigned int under,
				uint64_t rounds)
{
	if (!both_there(arena, over, under))
		return unknown;
	return rounds_ratio(arena->fighters[over].cpu_ns, arena->fighters[under].cpu_ns, rounds);
}

struct estimate arena_rate_ratio(const struct arena *arena, unsigned int over, unsigned int under,
				 uint64_t rounds)
{
	if (!both_there(arena, over, under))
		return unknown;
	return rounds_ratio(arena->fighters[under].wall_ns, arena->fighters[over].wall_ns, rounds);
}

static double median(const double *values, uint64_t count)
{
	double copy[ROUNDS_MAX];

	memcpy(copy, values, sizeof(copy));
	return rounds_estimate(copy, count).middle;
}

double arena_cpu_ns(const struct arena *arena, unsigned int fighter, uint64_t rounds)
{
	const struct arena_fighter *one = &arena->fighters[fighter];

	return one->there ? median(one->cpu_ns, rounds) : NAN;
}

double arena_rate(const struct arena *arena, unsigned int fighter, uint64_t rounds)
{
	const struct arena_fighter *one = &arena->fighters[fighter];

	return one->there ? 1e9 / median(one->wall_ns, rounds) : NAN;
}
