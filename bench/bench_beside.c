/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One table of bench/beside: the twins as servers beside other programs, each an external arm and
 * told its port, in one run: "bench_beside OPTIONS NAME=COMMAND...", the twins first, {port} in each
 * command. CPU time a message from paired rounds; instructions and calls from runs of their own,
 * since a probe taxes the arms unequally.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/arena.h"
#include "support/options.h"
#include "support/sheet.h"
#include "support/tracer.h"

enum { ARMS_MAX = ARENA_MAX - SHEET_TWINS, LOAD_SECONDS = 60, COUNT_SHORT = 1, COUNT_LONG = 3 };

/* Of the short run under a tracer; the long one has COUNT_LONG times as many. wrk goes by seconds. */
enum { COUNT_MESSAGES = 4000 };

struct values {
	const char *client, *path, *title, *json;
	uint64_t connections, size, depth, requests, rounds, span_ms, seed, counts, judged;
};

struct bench {
	struct values values;
	struct arena arena;
	struct sheet sheet;
	struct arena_server servers[ARENA_MAX];
	const char *request;	/* what any of these servers answers at once */
};

static const struct {
	const char *name;
	enum client client;
	const char *request;
} clients[] = {
	{ "echo", CLIENT_NONE, "a message\n" },
	{ "redis-benchmark", CLIENT_REDIS_BENCHMARK, "PING\r\n" },
	{ "wrk", CLIENT_WRK, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" },
};

static _Noreturn void refuse(const char *what, const char *value)
{
	fprintf(stderr, "bench_beside: %s: %s\n", value, what);
	exit(2);
}

static void find_client(struct bench *bench)
{
	const struct values *values = &bench->values;

	for (size_t index = 0; index < sizeof(clients) / sizeof(clients[0]); index++) {
		if (strcmp(clients[index].name, values->client) != 0)
			continue;
		bench->request = clients[index].request;
		bench->arena.client = (struct client_job){
			.client = clients[index].client,
			.connections = (uint32_t)values->connections,
			.depth = (uint32_t)values->depth,
			.amount = clients[index].client == CLIENT_WRK ? 1 : values->requests,
			.path = values->path,
		};
		return;
	}
	refuse("there is --client echo, redis-benchmark, wrk", values->client);
}

/* ---- The arms: as given, and the twins once more behind them. ---- */

static void add_arm(struct bench *bench, const char *name, const char *command, bool again)
{
	struct sheet_row *row = &bench->sheet.rows[bench->sheet.count];

	bench->servers[bench->sheet.count++] = (struct arena_server){ .name = name,
								      .command = command };
	*row = (struct sheet_row){ .name = name, .command = command, .again = again,
				   .instructions = NAN, .calls = NAN };
}

static void read_arm(struct bench *bench, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		refuse("an arm is NAME=COMMAND", text);
	if (bench->sheet.count == ARENA_MAX)
		refuse("there is no place for so many arms", text);
	*equals = '\0';
	add_arm(bench, text, equals + 1, false);
}

static void read_arms(struct bench *bench, int count, char **texts)
{
	static const char *const again[SHEET_TWINS] = { "polling again", "completion again" };

	if (count < SHEET_TWINS || count > ARMS_MAX)
		refuse("give both twins, and the others behind them", "NAME=COMMAND");
	for (int index = 0; index < count; index++) {
		read_arm(bench, texts[index]);
		if (index != SHEET_TWINS - 1)
			continue;
		for (int twin = 0; twin < SHEET_TWINS; twin++)
			add_arm(bench, again[twin], bench->servers[twin].command, true);
	}
}

/* ---- Rounds. ---- */

static void play(struct bench *bench)
{
	struct arena *arena = &bench->arena;
	struct sheet *sheet = &bench->sheet;

	arena_open(arena, bench->servers, sheet->count);
	for (uint64_t round = 0; round < bench->values.rounds; round++)
		arena_round(arena, round);
	for (unsigned int index = 0; index < sheet->count; index++) {
		const struct arena_fighter *fighter = &arena->fighters[index];
		struct sheet_row *row = &sheet->rows[index];

		row->there = fighter->there;
		row->messages = fighter->messages;
		row->errors = fighter->errors;
		row->cpu_ns = arena_cpu_ns(arena, index, bench->values.rounds);
		for (unsigned int twin = 0; twin < SHEET_TWINS; twin++)
			row->ratios[twin] = arena_cpu_ratio(arena, twin, index, bench->values.rounds);
	}
	arena_close(arena);
}

/* ---- Counts. ---- */

static int load_echo(const struct bench *bench, uint16_t port, uint64_t times, uint64_t *messages)
{
	struct load_job job = bench->arena.job;
	struct load_result result = { 0 };
	struct load load;
	int rc;

	job.port = port;
	job.messages = times * COUNT_MESSAGES;
	job.seconds = LOAD_SECONDS;
	rc = load_start(&load, &job);
	if (rc == 0)
		rc = load_join(&load, &result);
	*messages = result.messages;
	return rc == 0 && result.wrong_bytes > 0 ? -EBADMSG : rc;
}

static int load_foreign(const struct bench *bench, uint16_t port, uint64_t times, uint64_t *messages)
{
	struct client_job job = bench->arena.client;
	struct client_result result;
	int rc;

	job.port = port;
	job.amount = job.client == CLIENT_WRK ? times : times * COUNT_MESSAGES;
	rc = client_run(&job, &result);
	*messages = result.messages;
	return rc == 0 && result.errors > 0 ? -EBADMSG : rc;
}

static int load_traced(const struct bench *bench, struct child *child, uint64_t times,
		       uint64_t *messages)
{
	int rc = bench->arena.client.client == CLIENT_NONE
			 ? load_echo(bench, child->port, times, messages)
			 : load_foreign(bench, child->port, times, messages);

	if (rc == 0)
		return child_end(child, bench->request);
	child_stop(child);
	return rc;
}

/* A whole life of a server under a tracer. 0 or -errno. */
static int run_traced(const struct bench *bench, const char *command, enum tracer tracer,
		      uint64_t times, uint64_t *messages, struct trace_counts *counts)
{
	const char *before[TRACER_WORDS + 1] = { NULL };
	struct trace trace;
	struct child child;
	int rc = trace_begin(&trace, tracer, before), read;

	if (rc < 0)
		return rc;
	rc = child_start_command(&child, before, command);
	if (rc == 0)
		rc = load_traced(bench, &child, times, messages);
	read = trace_read(&trace, counts);
	return rc < 0 ? rc : read;
}

/* What the further messages of the longer run cost, so that start and end drop out. */
static double slope(double few, double many, uint64_t few_messages, uint64_t many_messages)
{
	if (many_messages <= few_messages)
		return NAN;
	return (many - few) / (double)(many_messages - few_messages);
}

static void count_arm(const struct bench *bench, struct sheet_row *row, enum tracer tracer)
{
	static const uint64_t times[] = { COUNT_SHORT, COUNT_LONG };
	struct trace_counts counts[2];
	uint64_t messages[2];

	for (int run = 0; run < 2; run++) {
		int rc = run_traced(bench, row->command, tracer, times[run], &messages[run],
				    &counts[run]);

		if (rc == 0)
			continue;
		fprintf(stderr, "bench_beside: %s under %s: %s\n", row->name, tracer_name(tracer),
			strerror(-rc));
		return;
	}
	if (tracer == TRACER_STRACE)
		row->calls = slope(counts[0].calls, counts[1].calls, messages[0], messages[1]);
	else
		row->instructions = slope(counts[0].instructions, counts[1].instructions,
					  messages[0], messages[1]);
}

static void count(struct bench *bench)
{
	static const enum tracer tracers[] = { TRACER_STRACE, TRACER_CALLGRIND };

	for (int which = 0; which < 2; which++) {
		if (!tracer_there(tracers[which])) {
			printf("%s cannot be run here: %s are absent\n", tracer_name(tracers[which]),
			       which ? "user instructions" : "calls");
			continue;
		}
		for (unsigned int index = 0; index < bench->sheet.count; index++) {
			struct sheet_row *row = &bench->sheet.rows[index];

			if (!row->again && !sheet_void(row))
				count_arm(bench, row, tracers[which]);
		}
	}
}

/* ---- The whole. ---- */

static int end(const struct bench *bench)
{
	const struct sheet *sheet = &bench->sheet;
	int rc = bench->values.json ? sheet_write(sheet, bench->values.json) : 0;

	sheet_print(sheet);
	if (rc < 0) {
		fprintf(stderr, "bench_beside: cannot write %s: %s\n", bench->values.json,
			strerror(-rc));
		return 3;
	}
	for (unsigned int index = 0; index < sheet->count; index++)
		if (sheet_void(&sheet->rows[index]))
			return sheet->rows[index].errors ? 4 : 3;
	return 0;
}

static int first_arm(int argc, char **argv)
{
	int first = 1;

	while (first < argc && strncmp(argv[first], "--", 2) == 0)
		first += 2;
	return first < argc ? first : argc;
}

static void prepare(struct bench *bench, int argc, char **argv)
{
	struct values *values = &bench->values;
	const struct bench_option options[] = {
		{ "client", NULL, 0, &values->client },
		{ "path", NULL, 0, &values->path },
		{ "title", NULL, 0, &values->title },
		{ "json", NULL, 0, &values->json },
		{ "connections", &values->connections, 512, NULL },
		{ "size", &values->size, 1 << 20, NULL },
		{ "depth", &values->depth, 1024, NULL },
		{ "requests", &values->requests, UINT32_MAX, NULL },
		{ "rounds", &values->rounds, ROUNDS_MAX, NULL },
		{ "span-ms", &values->span_ms, 10000, NULL },
		{ "seed", &values->seed, UINT32_MAX, NULL },
		{ "counts", &values->counts, 1, NULL },
		{ "judged", &values->judged, 1, NULL },
		{ 0 },
	};
	int first = first_arm(argc, argv);

	options_parse(options, first, argv);
	if (!values->connections || !values->size || !values->rounds)
		refuse("at least 1", "--connections, --size, --rounds");
	find_client(bench);
	read_arms(bench, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .values = {
		.client = "echo", .path = "/", .title = "echo", .connections = 64, .size = 64,
		.depth = 1, .requests = 30000, .rounds = 15, .span_ms = 200, .seed = 1, .counts = 1,
	} };
	const struct values *values = &bench.values;

	prepare(&bench, argc, argv);
	bench.arena.bench = "beside";
	bench.arena.seed = values->seed;
	bench.arena.span_ns = values->span_ms * 1000000;
	bench.arena.job = (struct load_job){
		.connections = (uint32_t)values->connections, .size_bytes = (uint32_t)values->size,
		.depth = (uint32_t)values->depth, .seconds = 10,
	};
	bench.sheet.title = values->title;
	bench.sheet.rounds = (unsigned int)values->rounds;
	bench.sheet.judged = values->judged;
	play(&bench);
	if (values->counts)
		count(&bench);
	return end(&bench);
}
