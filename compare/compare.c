/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/compare.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "compare/conduct.h"
#include "compare/gate.h"
#include "compare/like.h"
#include "compare/load/schedule.h"
#include "compare/measure/interval.h"
#include "compare/measure/process.h"
#include "compare/measure/window.h"
#include "compare/report/environment.h"
#include "compare/report/repeat.h"
#include "compare/report/store.h"
#include "compare/report/text.h"
#include "compare/say.h"
#include "compare/sets.h"
#include "compare/options.h"

/* Of a cell: a machine that disturbs more than these is said to be too noisy, and not waited for. */
enum { REPEATS = 5 };

enum { CELLS_MAX = 16, PATH_BYTES_MAX = 1024 };
static const uint32_t UNSET = UINT32_MAX; /* 0 repeats is a wish like any other */

struct values {
	const char *set, *like, *file, *json, *a, *b;
	bool cells, parity, direct, quiet, no_kernel_view;
	uint32_t rounds, repeats, connections, size_bytes, depth, rate_per_s, block_bytes;
	uint64_t duration_ns, warmup_ns, seed, delay_ns;
	struct option_list fail_if;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "set", OPTION_TEXT, AT(set), 0, 0, "quick|full", "a fixed set of cells" },
	{ "like", OPTION_TEXT, AT(like), 0, 0, "FILE", "play a stored result again" },
	{ "cells", OPTION_FLAG, AT(cells), 0, 0, "", "echo: both models on both backends, and native" },
	{ "parity", OPTION_FLAG, AT(parity), 0, 0, "", "echo: a native dialect against the common API" },
	{ "a", OPTION_TEXT, AT(a), 0, 0, "ARM",
	  "BACKEND[/MODEL][:KEY=VALUE], floor-NAME, exec:COMMAND; see duet(1)" },
	{ "b", OPTION_TEXT, AT(b), 0, 0, "ARM", "what it is set against (polling)" },
	{ "rounds", OPTION_NUMBER, AT(rounds), 1, INTERVAL_VALUES_MAX, "N",
	  "each plays a, b and a again (15)" },
	{ "duration", OPTION_SECONDS, AT(duration_ns), 10000000, UINT64_C(3600000000000),
	  "SECONDS", "of one measured stretch (0.5; --set quick 0.2, full 1)" },
	{ "warmup", OPTION_SECONDS, AT(warmup_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "played before each (0.1; --set quick 0.05)" },
	{ "repeats", OPTION_NUMBER, AT(repeats), 0, INTERVAL_VALUES_MAX, "N",
	  "of disturbed rounds at most (5)" },
	{ "connections", OPTION_NUMBER, AT(connections), 1, 20000, "N", "echo: at once (64)" },
	{ "size", OPTION_SIZE, AT(size_bytes), 1, 1 << 20, "BYTES", "echo: of a message (64)" },
	{ "depth", OPTION_NUMBER, AT(depth), 1, 1024, "N",
	  "messages or reads under way (echo 1, file 32)" },
	{ "rate", OPTION_NUMBER, AT(rate_per_s), 0, SCHEDULE_RATE_MAX, "N",
	  "echo: open loop, N messages a second (0: closed)" },
	{ "delay", OPTION_SECONDS, AT(delay_ns), 1000, UINT64_C(1000000000), "SECONDS",
	  "echo: each way on a wire between the ends (root)" },
	{ "file", OPTION_TEXT, AT(file), 0, 0, "PATH", "file: read this one (one is made)" },
	{ "block", OPTION_SIZE, AT(block_bytes), 512, 1 << 20, "BYTES",
	  "file: of a read, a multiple of 512 (4K)" },
	{ "direct", OPTION_FLAG, AT(direct), 0, 0, "", "file: past the page cache, O_DIRECT" },
	{ "no-kernel-view", OPTION_FLAG, AT(no_kernel_view), 0, 0, "",
	  "leave out the pass in which the kernel counts" },
	{ "fail-if", OPTION_LIST, AT(fail_if), 0, 0, "GATE",
	  "exit 1 if METRIC>NUMBER or METRIC<NUMBER" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE", "all of it, for programs; - is stdout" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N", "of the order of play (random)" },
	{ "quiet", OPTION_FLAG, AT(quiet), 0, 0, "", "no table" },
	{ 0 },
};

static const struct option_set SET = {
	"compare", "[WORKLOAD...]",
	"Plays the workloads echo and file (both, if none is named) on two arms and says "
	"what differed. A round plays a, b and a again in shuffled order, each in a fresh "
	"process.",
	ROWS,
};

struct plan {
	const struct values *values;
	struct gates gates;
	struct like like;
	struct cell cells[CELLS_MAX];
	unsigned int count;
	uint64_t patience_ns;
};

static int read_arm(struct cell *cell, const char *text)
{
	char why[160];

	if (arm_read(text, &cell->arms[cell->arm_count++], why, sizeof(why)))
		return say_failure(SAY_USAGE, "compare: %s", why);
	return SAY_OK;
}

static int fill_arms(const struct values *values, struct cell *cell, bool cells)
{
	int code = SAY_OK;

	if (values->parity) {
		code = read_arm(cell, "polling/native");
		return code ? code : read_arm(cell, "polling/callback");
	}
	if (cells) {
		for (int i = 0; !code && i < ROUNDS_ARMS_MAX; i++)
			code = read_arm(cell, SETS_CELLS[i]);
		return code;
	}
	code = read_arm(cell, values->a ? values->a : "completion");
	return code ? code : read_arm(cell, values->b ? values->b : "polling");
}

static uint32_t chosen(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

/* What was asked for on the command line goes before what the set has. */
static void fill_times(const struct values *values, struct cell *cell, const struct sets *set)
{
	cell->rounds = chosen(values->rounds, set ? set->rounds : 15);
	cell->repeats_max = REPEATS;
	if (values->repeats != UNSET)
		cell->repeats_max = values->repeats;
	cell->duration_ns = set ? set->duration_ns : UINT64_C(500000000);
	if (values->duration_ns)
		cell->duration_ns = values->duration_ns;
	cell->warmup_ns = set ? set->warmup_ns : UINT64_C(100000000);
	if (values->warmup_ns != UINT64_MAX)
		cell->warmup_ns = values->warmup_ns;
	cell->kernel_view = !values->no_kernel_view;
}

static int plan_set(struct plan *plan, int operands)
{
	const struct values *values = plan->values;
	const struct sets *set = sets_find(values->set);
	int code = SAY_OK;

	if (!set)
		return say_failure(SAY_USAGE, "compare: --set %s: there is quick and full",
				   values->set);
	if (operands || values->cells || values->parity || values->connections ||
	    values->size_bytes || values->depth || values->rate_per_s || values->block_bytes ||
	    values->direct || values->delay_ns)
		return say_failure(SAY_USAGE, "compare: --set %s fixes the workloads and their "
				   "parameters; leave out one or the other", set->name);
	plan->patience_ns = set->patience_ns;
	for (const struct sets_row *row = set->rows; !code && row->workload; row++) {
		struct cell *cell = &plan->cells[plan->count++];

		*cell = (struct cell){ .workload = row->workload, .connections = row->connections,
				       .size_bytes = row->size_bytes, .depth = row->depth,
				       .rate_per_s = row->rate_per_s,
				       .block_bytes = row->block_bytes, .direct = row->direct,
				       .file = values->file };
		fill_times(values, cell, set);
		code = fill_arms(values, cell, row->cells);
	}
	return code;
}

/* The option that names its own arms, for echo; or NULL. */
static const char *names_arms(const struct values *values)
{
	return values->cells ? "--cells" : values->parity ? "--parity" : NULL;
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat left, right;

	return !stat(one, &left) && !stat(other, &right) && left.st_dev == right.st_dev &&
		left.st_ino == right.st_ino;
}

/* The cells come from the file; times and rounds may be given anew, and nothing else. */
static int plan_like(struct plan *plan, const struct values *before, int operands)
{
	static const char *const BESIDE[] = { "like", "rounds", "duration", "warmup", "json", "seed",
					      "quiet", "fail-if", NULL };
	const struct values *values = plan->values;
	const char *option = options_given(&SET, values, before, BESIDE);
	int code;

	if (operands || option)
		return say_failure(SAY_USAGE, "compare: --like takes workloads, parameters and arms "
				   "from %s; leave out %s%s", values->like, option ? "--" : "the ",
				   option ? option : "workload");
	if (values->json && is_same_file(values->json, values->like))
		return say_failure(SAY_USAGE, "compare: --json %s: that is the result to repeat; give "
				   "another file, or there is nothing to set this run against",
				   values->json);
	code = like_read(&plan->like, values->like, plan->cells, CELLS_MAX, &plan->count);
	for (unsigned int i = 0; !code && i < plan->count; i++) {
		struct cell *cell = &plan->cells[i];

		cell->kernel_view = true;
		cell->rounds = chosen(values->rounds, cell->rounds);
		if (values->duration_ns)
			cell->duration_ns = values->duration_ns;
		if (values->warmup_ns != UINT64_MAX)
			cell->warmup_ns = values->warmup_ns;
	}
	return code;
}

static int plan_workload(struct plan *plan, const char *name)
{
	const struct values *values = plan->values;
	const struct workload *workload = workload_find(name);
	struct cell *cell = &plan->cells[plan->count];

	if (!workload)
		return say_failure(SAY_USAGE, "compare: there is no workload '%s'; there is echo and "
				   "file", name);
	if (plan->count++ == CELLS_MAX)
		return say_failure(SAY_USAGE, "compare: at most %d workloads at once", CELLS_MAX);
	*cell = (struct cell){ .workload = workload, .file = values->file,
			       .direct = values->direct };
	cell->connections = chosen(values->connections, 64);
	cell->size_bytes = chosen(values->size_bytes, 64);
	cell->rate_per_s = values->rate_per_s;
	cell->depth = chosen(values->depth, workload == &WORKLOAD_FILE ? 32 : 1);
	cell->block_bytes = chosen(values->block_bytes, 4096);
	cell->delay_ns = workload == &WORKLOAD_ECHO ? values->delay_ns : 0;
	fill_times(values, cell, NULL);
	if (names_arms(values) && workload != &WORKLOAD_ECHO)
		return say_failure(SAY_USAGE, "compare: %s is for echo only; write duet compare echo "
				   "%s", names_arms(values), names_arms(values));
	return fill_arms(values, cell, values->cells);
}

/* Whether a workload is among those that were named; without names all are, and --cells is echo. */
static bool plays(int count, char **names, const struct values *values, const char *workload)
{
	if (!count)
		return !names_arms(values) || !strcmp(workload, "echo");
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], workload))
			return true;
	}
	return false;
}

/* An option of a workload that isn't played would change nothing: it is a mistake. */
static int check_options(const struct values *values, bool echo, bool file)
{
	const char *option = NULL;

	if (!file && echo)
		option = values->file ? "--file" : values->block_bytes ? "--block"
			: values->direct ? "--direct" : NULL;
	else if (!echo && file)
		option = values->connections ? "--connections"
			: values->size_bytes ? "--size" : values->rate_per_s ? "--rate"
			: values->delay_ns ? "--delay" : NULL;
	if (!option)
		return SAY_OK;
	return say_failure(SAY_USAGE, "compare: %s is an option of the workload %s, which isn't "
			   "played", option, file ? "echo" : "file");
}

static int plan_all(struct plan *plan, const struct values *before, int count, char **names)
{
	const struct values *values = plan->values;
	int code = SAY_OK;

	if (values->like)
		return plan_like(plan, before, count);
	if (values->file && strlen(values->file) > PATH_BYTES_MAX)
		return say_failure(SAY_USAGE, "compare: --file: the path has more than %d bytes",
				   PATH_BYTES_MAX);
	if (names_arms(values) && (values->a || values->b || (values->cells && values->parity)))
		return say_failure(SAY_USAGE, "compare: %s names its own arms; leave out --a and --b "
				   "and their like", names_arms(values));
	if (values->rate_per_s && values->depth)
		return say_failure(SAY_USAGE, "compare: --depth is for a closed loop; with --rate "
				   "no message waits for an answer");
	if (values->block_bytes % 512)
		return say_failure(SAY_USAGE, "compare: --block %u: give a multiple of 512",
				   values->block_bytes);
	for (int i = 1; i < count; i++) {
		if (plays(i, names, values, names[i]))
			return say_failure(SAY_USAGE, "compare: the workload '%s' is named twice",
					   names[i]);
	}
	if (!values->set)
		code = check_options(values, plays(count, names, values, "echo"),
				     plays(count, names, values, "file"));
	if (code)
		return code;
	if (values->set)
		return plan_set(plan, count);
	if (!count && names_arms(values))
		return plan_workload(plan, "echo");
	if (!count) {
		code = plan_workload(plan, "echo");
		return code ? code : plan_workload(plan, "file");
	}
	for (int i = 0; !code && i < count; i++)
		code = plan_workload(plan, names[i]);
	return code;
}

static json_t *repeat_json(int argc, char **argv, uint64_t seed)
{
	char *line = repeat_line(say_program(), argc, argv, seed);
	json_t *json = store_string(line ? line : "?");

	free(line);
	return json;
}

static json_t *begin_result(int argc, char **argv, uint64_t seed)
{
	json_t *words = json_array();
	time_t now = time(NULL);
	struct tm when;
	char started[32];

	for (int i = 0; i < argc; i++)
		json_array_append_new(words, store_string(argv[i]));
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &when));
	return json_pack("{s:i, s:o, s:{s:I, s:o, s:s, s:o}, s:o, s:[], s:b, s:b}", "schema",
			 STORE_SCHEMA, "tool", environment_tool_json(), "run", "seed",
			 (json_int_t)seed, "argv", words, "started", started, "repeat",
			 repeat_json(argc, argv, seed), "environment", environment_json(), "cells",
			 "complete", 0, "correct", 1);
}

static bool wants_text(const struct values *values)
{
	return !values->quiet && !(values->json && !strcmp(values->json, "-"));
}

/* Where nothing was measured, nothing is printed. Without a file for the result a table that is lost
 * ends the run. */
static int print_cell(const struct values *values, const json_t *result, const json_t *cell)
{
	int error;

	if (!wants_text(values) || !json_array_size(json_object_get(cell, "rounds")))
		return SAY_OK;
	if (json_array_get(json_object_get(result, "cells"), 0) == cell)
		text_head(result, stdout);
	text_cell(cell, stdout);
	error = say_flush();
	if (!error || values->json)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "can't write to the standard output: %s",
			   strerror(-error));
}

static int play_cells(struct plan *plan, json_t *result)
{
	uint64_t random = plan->values->seed;
	struct conduct conduct = { .random = &random, .count = plan->count };
	int code = SAY_OK;

	if (plan->patience_ns)
		conduct.until_ns = window_now_ns() + plan->patience_ns;
	for (unsigned int i = 0; !code && i < plan->count; i++) {
		json_t *cell;
		int printed;

		conduct.index = i;
		code = conduct_cell(&conduct, &plan->cells[i], &cell);
		if (!cell)
			continue;
		json_array_append_new(json_object_get(result, "cells"), cell);
		printed = print_cell(plan->values, result, cell);
		code = code ? code : printed;
	}
	json_object_set_new(result, "complete", json_boolean(code == SAY_OK));
	json_object_set_new(result, "correct", json_boolean(code != SAY_WRONG_BYTE));
	return code;
}

static bool has_rounds(const json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "cells"), 0);

	return json_array_size(json_object_get(first, "rounds")) > 0;
}

static void say_where(const struct values *values)
{
	if (values->json && strcmp(values->json, "-") != 0)
		printf("Stored in %s\n", values->json);
}

/* Where the old result stands, and how the two are set side by side. */
static void say_like(const struct values *values)
{
	const char *const words[] = { say_program(), "diff", values->like, values->json };

	if (!values->like)
		return;
	if (values->json) {
		printf("The old result is in %s; both side by side:\n ", values->like);
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
			putchar(' ');
			repeat_word(stdout, words[i]);
		}
		putchar('\n');
		return;
	}
	printf("The old result is in %s; duet diff OLD NEW sets the\n"
	       "two side by side, if this one is stored with --json.\n", values->like);
}

/* Ctrl-C is no failure if something was measured: it is kept, and marked as incomplete. */
static int finish(const struct plan *plan, json_t *result, int code)
{
	const struct values *values = plan->values;
	bool measured = has_rounds(result);
	int written = SAY_OK;

	process_pass_interrupt();
	gate_judge(&plan->gates, result);
	if (wants_text(values) && measured)
		text_foot(result, stdout);
	if (values->json && measured)
		written = store_write(result, values->json);
	if (wants_text(values) && measured && !written) {
		say_where(values);
		say_like(values);
	}
	if (written && values->quiet && strcmp(values->json, "-") != 0) {
		say_note("the table is printed in its place, --quiet or not");
		text_whole(result, stdout);
	}
	if (code == WORKLOAD_INTERRUPTED && measured) {
		say_note("ended early: the rounds that were played to their end are kept");
		code = SAY_OK;
	} else if (code == WORKLOAD_INTERRUPTED) {
		code = say_failure(SAY_UNMEASURED, "ended before the first round was over: nothing "
				   "was measured%s%s", values->json ? ", and nothing written to " : "",
				   values->json ? values->json : "");
	}
	if (!code)
		code = written;
	return code ? code : gate_say(result);
}

/* All of it before the first round: what is refused is refused at once. */
static int check_all(const struct plan *plan)
{
	const struct values *values = plan->values;
	bool stdout_matters = wants_text(values) || (values->json && !strcmp(values->json, "-"));
	int code = stdout_matters ? say_check_output("compare: ") : SAY_OK;

	if (!code && values->json)
		code = store_check(values->json, "compare");
	for (unsigned int i = 0; !code && i < plan->count; i++)
		code = conduct_check(&plan->cells[i]);
	return code;
}

static int run(struct plan *plan, int argc, char **argv)
{
	const struct values *values = plan->values;
	json_t *result;
	int code = check_all(plan);

	if (code)
		return code;
	result = begin_result(argc, argv, values->seed);
	if (values->like) {
		like_note_machine(&plan->like);
		json_object_set_new(json_object_get(result, "run"), "like",
				    store_string(values->like));
	}
	process_catch_interrupts();
	if (values->json && strcmp(values->json, "-") != 0)
		signal(SIGPIPE, SIG_IGN); /* whoever leaves the table half read still gets the result */
	code = finish(plan, result, play_cells(plan, result));
	json_decref(result);
	return code;
}

int compare_command(int argc, char **argv)
{
	struct values values = { .repeats = UNSET, .warmup_ns = UINT64_MAX, .seed = UINT64_MAX };
	const struct values before = values;
	struct plan *plan = calloc(1, sizeof(*plan));
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	int first, code;

	if (!plan || !words)
		abort();
	memcpy(words, argv, (size_t)argc * sizeof(*words)); /* reading permutes argv */
	code = options_read(&SET, argc, argv, &values, &first);
	if (code == OPTIONS_READ) {
		plan->values = &values;
		code = gate_read(&plan->gates, &values.fail_if, "compare");
		if (!code)
			code = plan_all(plan, &before, argc - first, argv + first);
		if (values.seed == UINT64_MAX && values.like)
			values.seed = plan->like.seed;
		else if (values.seed == UINT64_MAX &&
		    getrandom(&values.seed, sizeof(values.seed), 0) == sizeof(values.seed))
			values.seed &= UINT32_MAX;
		if (!code)
			code = run(plan, argc, words);
	}
	like_forget(&plan->like);
	free(words);
	free(plan);
	return code;
}
