/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/plan.h"

#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "compare/agenda.h"
#include "compare/load/load.h"
#include "compare/load/schedule.h"
#include "compare/measure/interval.h"
#include "compare/models/crowd.h"
#include "compare/plan_cancel.h"
#include "compare/plan_question.h"
#include "compare/questions/question.h"
#include "compare/rockets/catalogue.h"
#include "compare/say.h"
#include "compare/sets.h"

/* Of a cell: a machine that disturbs more than these is said to be too noisy, and not waited for. */
enum { REPEATS = 5 };

enum { PATH_BYTES_MAX = 1024 };
static const uint32_t UNSET = UINT32_MAX;

#define AT(field) offsetof(struct wishes, field)
static const struct option_row ROWS[] = {
	AGENDA_ROWS,
	{ "set", OPTION_TEXT, AT(set), 0, 0, "quick|full", "a fixed set of cells" },
	{ "like", OPTION_TEXT, AT(like), 0, 0, "FILE", "play a stored result again" },
	{ "cells", OPTION_FLAG, AT(cells), 0, 0, "",
	  "cancel: both ring modes, polling and the floors side by side" },
	{ "parity", OPTION_GONE, 0, 0, 0, "", "duet compare parity" },
	{ "a", OPTION_TEXT, AT(a), 0, 0, "ARM",
	  "BACKEND[/MODEL][:KEY=VALUE], floor-NAME, exec:COMMAND; see duet(1)" },
	{ "b", OPTION_TEXT, AT(b), 0, 0, "ARM", "what it is set against (polling)" },
	{ "rounds", OPTION_NUMBER, AT(rounds), 1, INTERVAL_VALUES_MAX, "N",
	  "each plays a, b and a again (15)" },
	{ "duration", OPTION_SECONDS, AT(duration_ns), 10000000, UINT64_C(3600000000000),
	  "SECONDS", "of one measured stretch (0.5; --set quick 0.2, full 1)" },
	{ "warmup", OPTION_SECONDS, AT(warmup_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "played before each (0.1; --set quick 0.05)" },
	{ "quick", OPTION_FLAG, AT(quick), 0, 0, "",
	  "as --set quick, but 6 rounds, and none repeated: seconds, and coarse" },
	{ "repeats", OPTION_NUMBER, AT(repeats), 0, INTERVAL_VALUES_MAX, "N",
	  "of disturbed rounds at most (5)" },
	{ "connections", OPTION_NUMBER, AT(connections), 1, 20000, "N",
	  "at once (64; churn, slow, copy, rockets 16)" },
	{ "size", OPTION_SIZE, AT(size_bytes), 1, 1 << 20, "BYTES",
	  "of a message (64, slow 16K), of a file (http 1K, copy 64K), of a value (kv 64)" },
	{ "depth", OPTION_NUMBER, AT(depth), 1, 1024, "N",
	  "messages, requests or reads under way (1, slow 512, kv 16, file 32)" },
	{ "read-rate", OPTION_SIZE, AT(read_bytes_per_s), 1024, 1 << 30, "BYTES",
	  "slow: a connection reads so many a second (1M)" },
	{ "rate", OPTION_NUMBER, AT(rate_per_s), 0, SCHEDULE_RATE_MAX, "N",
	  "echo: open loop, N messages a second (0: closed); informed: events (2000)" },
	{ "delay", OPTION_SECONDS, AT(delay_ns), 1000, UINT64_C(1000000000), "SECONDS",
	  "echo: each way on a wire between the ends (root)" },
	{ "items", OPTION_NUMBER, AT(items), 1, WORKLOAD_ITEMS_MAX, "N", "rockets: in the list (48)" },
	{ "latency", OPTION_SECONDS, AT(latency_ns), 1000, UINT64_C(60000000000), "SECONDS",
	  "rockets: of the server, before each answer (none)" },
	{ "file", OPTION_TEXT, AT(file), 0, 0, "PATH", "file: read this one (one is made)" },
	{ "block", OPTION_SIZE, AT(block_bytes), 512, 1 << 20, "BYTES",
	  "file: of a read, a multiple of 512 (4K)" },
	{ "direct", OPTION_FLAG, AT(direct), 0, 0, "", "file: past the page cache, O_DIRECT" },
	{ "operations", OPTION_TEXT, AT(operations), 0, 0, "N,...",
	  "cancel: ended by one request (1,100,10000)" },
	{ "method", OPTION_TEXT, AT(method), 0, 0, "NAME,...",
	  "cancel: user-data, descriptor, scope or deadline (scope)" },
	{ "pending", OPTION_NUMBER, AT(pending), 1, CROWD_MAX, "N", "cancel: at once (10000)" },
	{ "storm", OPTION_FLAG, AT(storm), 0, 0, "", "cancel: 99 of 100 end by their deadline" },
	{ "deadlines", OPTION_FLAG, AT(deadlines), 0, 0, "",
	  "cancel: a deadline on each that doesn't come, against none" },
	{ "children", OPTION_TEXT, AT(children), 0, 0, "N,...",
	  "informed: how many are idle (1,10,100,1000,10000)" },
	{ "within", OPTION_NUMBER, AT(within_percent), 1, 100, "PERCENT",
	  "cells, informed: what is as good as equal (5)" },
	{ "no-kernel-view", OPTION_FLAG, AT(no_kernel_view), 0, 0, "",
	  "leave out the pass in which the kernel counts" },
	{ "fail-if", OPTION_LIST, AT(fail_if), 0, 0, "GATE",
	  "exit 1 if METRIC>NUMBER or METRIC<NUMBER" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N", "of the order of play (random)" },
	OUTLET_ROWS(struct wishes, outlet),
	{ 0 },
};

static const struct option_set SET = {
	"compare", "[WORKLOAD... | QUESTION]",
	"Plays the workloads echo, churn, slow, http, kv, proxy, udp, copy, file, rockets and "
	"cancel (echo and file, if none is "
	"named) on two "
	"arms and says what differed. A round plays a, b and a again in shuffled order, each in a "
	"fresh process. Or answers one question, in a table with a verdict: cells (of echo, rockets "
	"and file, or of those that are named) and informed with options of these, the others with "
	"those that duet compare QUESTION --help lists.",
	ROWS,
};

static int read_arm(struct cell *cell, const char *text)
{
	char why[ARM_WHY_MAX];

	if (arm_read(text, &cell->arms[cell->arm_count++], why, sizeof(why)))
		return say_failure(SAY_USAGE, "compare: %s", why);
	return SAY_OK;
}

static int fill_arms(const struct wishes *wishes, struct cell *cell, bool cells)
{
	int code = SAY_OK;

	for (int i = 0; cells && !code && i < SETS_ARMS; i++)
		code = read_arm(cell, SETS_CANCEL_CELLS[i]);
	if (cells)
		return code;
	code = read_arm(cell, wishes->a ? wishes->a : "completion");
	return code ? code : read_arm(cell, wishes->b ? wishes->b : "polling");
}

/* Nothing else tells what a deadline costs: both arms are one backend. */
static int fill_timed_arms(struct cell *cell, bool completion)
{
	int code = read_arm(cell, completion ? "completion/timed" : "polling/timed");

	return code ? code : read_arm(cell, completion ? "completion/callback" : "polling/callback");
}

static uint32_t chosen(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

/* What was asked for on the command line goes before what the set has, or --quick. */
static void fill_times(const struct wishes *wishes, struct cell *cell, const struct sets *set)
{
	const struct sets *times = wishes->quick ? sets_find("quick") : set;

	cell->rounds = chosen(wishes->rounds, wishes->quick ? INTERVAL_VALUES_MIN
				      : set ? set->rounds : 15);
	cell->repeats_max = wishes->quick ? 0 : REPEATS;
	if (wishes->repeats != UNSET)
		cell->repeats_max = wishes->repeats;
	cell->duration_ns = times ? times->duration_ns : UINT64_C(500000000);
	if (wishes->duration_ns)
		cell->duration_ns = wishes->duration_ns;
	cell->warmup_ns = times ? times->warmup_ns : UINT64_C(100000000);
	if (wishes->warmup_ns != UINT64_MAX)
		cell->warmup_ns = wishes->warmup_ns;
	cell->kernel_view = !wishes->no_kernel_view;
}

static int plan_set(struct plan *plan, int operands)
{
	const struct wishes *wishes = &plan->wishes;
	const struct sets *set = sets_find(wishes->set);
	int code = SAY_OK;

	if (!set)
		return say_failure(SAY_USAGE, "compare: --set %s: there is quick and full",
				   wishes->set);
	if (operands || wishes->quick || plan_cancel_option(wishes) || wishes->connections ||
	    wishes->size_bytes || wishes->depth || wishes->rate_per_s || wishes->read_bytes_per_s ||
	    wishes->block_bytes ||
	    wishes->direct || wishes->delay_ns || wishes->items || wishes->latency_ns)
		return say_failure(SAY_USAGE, "compare: --set %s fixes the workloads and their "
				   "parameters; leave out one or the other", set->name);
	plan->patience_ns = set->patience_ns;
	for (const struct sets_row *row = set->rows; !code && row->workload; row++) {
		struct cell *cell = &plan->cells[plan->count++];

		*cell = (struct cell){ .workload = row->workload, .connections = row->connections,
				       .size_bytes = row->size_bytes, .depth = row->depth,
				       .rate_per_s = row->rate_per_s,
				       .block_bytes = row->block_bytes, .direct = row->direct,
				       .method = row->method, .operations = row->operations,
				       .pending = row->pending, .storm = row->storm,
				       .file = wishes->file };
		fill_times(wishes, cell, set);
		code = row->question ? plan_question_fill(row->question, wishes, cell)
			: row->method == CANCEL_NEVER ? fill_timed_arms(cell, row->ring)
						      : fill_arms(wishes, cell, row->cells);
	}
	return code;
}

/* The option that names its own arms, or NULL: both are cancel's. */
static const char *names_arms(const struct wishes *wishes)
{
	return wishes->cells ? "--cells" : wishes->deadlines ? "--deadlines" : NULL;
}

static bool is_same_file(const char *one, const char *other)
{
	struct stat left, right;

	return !stat(one, &left) && !stat(other, &right) && left.st_dev == right.st_dev &&
		left.st_ino == right.st_ino;
}

/* The cells come from the file; times and rounds may be given anew, and nothing else. */
static int plan_like(struct plan *plan, const struct wishes *before, int operands)
{
	static const char *const BESIDE[] = { "like", "rounds", "duration", "warmup", "json", "seed",
					      "quiet", "fail-if", NULL };
	const struct wishes *wishes = &plan->wishes;
	const char *option = options_given(&SET, wishes, before, BESIDE);
	int code;

	if (operands || option)
		return say_failure(SAY_USAGE, "compare: --like takes workloads, parameters and arms "
				   "from %s; leave out %s%s", wishes->like, option ? "--" : "the ",
				   option ? option : "workload");
	if (wishes->outlet.json && is_same_file(wishes->outlet.json, wishes->like))
		return say_failure(SAY_USAGE, "compare: --json %s: that is the result to repeat; give "
				   "another file, or there is nothing to set this run against",
				   wishes->outlet.json);
	code = like_read(&plan->like, wishes->like, plan->cells, PLAN_CELLS_MAX, &plan->count);
	for (unsigned int i = 0; !code && i < plan->count; i++) {
		struct cell *cell = &plan->cells[i];

		cell->kernel_view = true;
		cell->rounds = chosen(wishes->rounds, cell->rounds);
		if (wishes->duration_ns)
			cell->duration_ns = wishes->duration_ns;
		if (wishes->warmup_ns != UINT64_MAX)
			cell->warmup_ns = wishes->warmup_ns;
	}
	return code;
}

static int plan_cancel(struct plan *plan)
{
	const struct wishes *wishes = &plan->wishes;
	unsigned int first = plan->count, count;
	int code = plan_cancel_cells(wishes, &plan->cells[first], PLAN_CELLS_MAX - first, &count);

	for (unsigned int i = 0; !code && i < count; i++) {
		struct cell *cell = &plan->cells[plan->count++];

		fill_times(wishes, cell, NULL);
		code = wishes->deadlines ? fill_timed_arms(cell, i == 0)
					 : fill_arms(wishes, cell, wishes->cells);
	}
	return code;
}

/* All but its arms. */
static void fill_cell(const struct wishes *wishes, const struct workload *workload,
		      struct cell *cell)
{
	bool few = workload == &WORKLOAD_CHURN || workload == &WORKLOAD_SLOW ||
		   workload == &WORKLOAD_ROCKETS || workload == &WORKLOAD_COPY;

	*cell = (struct cell){ .workload = workload, .file = wishes->file,
			       .direct = wishes->direct };
	cell->connections = chosen(wishes->connections, few ? 16 : 64);
	cell->size_bytes = chosen(wishes->size_bytes, workload == &WORKLOAD_SLOW ? SLOW_SIZE
				  : workload == &WORKLOAD_HTTP ? 1024
				  : workload == &WORKLOAD_COPY ? COPY_SIZE : 64);
	cell->rate_per_s = wishes->rate_per_s;
	cell->depth = chosen(wishes->depth, workload == &WORKLOAD_FILE ? 32
			     : workload == &WORKLOAD_SLOW ? SLOW_DEPTH
			     : workload == &WORKLOAD_KV ? 16 : 1);
	cell->read_bytes_per_s = chosen(wishes->read_bytes_per_s, SLOW_READS);
	cell->block_bytes = chosen(wishes->block_bytes, 4096);
	cell->delay_ns = workload == &WORKLOAD_ECHO ? wishes->delay_ns : 0;
	cell->items = chosen(wishes->items, catalogue_natural());
	cell->latency_ns = wishes->latency_ns;
	fill_times(wishes, cell, NULL);
}

static int plan_workload(struct plan *plan, const char *name)
{
	const struct wishes *wishes = &plan->wishes;
	const struct workload *workload = workload_find(name);
	struct cell *cell = &plan->cells[plan->count];

	if (agenda_has(name))
		return say_failure(SAY_USAGE, "compare: %s is a question, and asked by itself: write "
				   "duet compare %s first", name, name);
	if (!workload)
		return say_failure(SAY_USAGE, "compare: there is no workload '%s'; there is echo, "
				   "churn, slow, http, kv, proxy, udp, copy, file, rockets and cancel, "
				   "and the questions that "
				   "--help lists", name);
	if (names_arms(wishes) && workload != &WORKLOAD_CANCEL)
		return say_failure(SAY_USAGE, "compare: %s is for cancel only; write duet compare "
				   "cancel %s", names_arms(wishes), names_arms(wishes));
	if (workload == &WORKLOAD_CANCEL)
		return plan_cancel(plan);
	if (plan->count++ == PLAN_CELLS_MAX)
		return say_failure(SAY_USAGE, "compare: at most %d workloads at once", PLAN_CELLS_MAX);
	fill_cell(wishes, workload, cell);
	return fill_arms(wishes, cell, false);
}

/* Whether a workload is among those that were named; without names echo and file are, or cancel where an
 * option of its own says so. */
static bool plays(int count, char **names, const struct wishes *wishes, const char *workload)
{
	if (!count)
		return wishes->deadlines ? !strcmp(workload, "cancel")
			: !strcmp(workload, "echo") || !strcmp(workload, "file");
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], workload))
			return true;
	}
	return false;
}

/* An option of a workload that isn't played would change nothing: it is a mistake. */
static int check_options(const struct wishes *wishes, int count, char **names)
{
	bool echo = plays(count, names, wishes, "echo"), file = plays(count, names, wishes, "file");
	bool rockets = plays(count, names, wishes, "rockets");
	bool churn = plays(count, names, wishes, "churn"), slow = plays(count, names, wishes, "slow");
	bool deep = plays(count, names, wishes, "http") || plays(count, names, wishes, "kv") ||
		    plays(count, names, wishes, "proxy");
	bool service = deep || plays(count, names, wishes, "udp") ||
		       plays(count, names, wishes, "copy");
	const struct {
		const char *owner, *option;
		bool played;
	} rows[] = {
		{ "file", wishes->file ? "--file" : wishes->block_bytes ? "--block"
			: wishes->direct ? "--direct" : NULL, file },
		{ "rockets", wishes->items ? "--items" : wishes->latency_ns ? "--latency" : NULL,
		  rockets },
		{ "echo, churn, slow, http, kv, proxy, udp, copy or rockets",
		  wishes->connections ? "--connections" : NULL,
		  echo || churn || slow || service || rockets },
		{ "echo, churn, slow, http, kv, proxy, udp or copy",
		  wishes->size_bytes ? "--size" : NULL,
		  echo || churn || slow || service },
		{ "echo", wishes->rate_per_s ? "--rate" : wishes->delay_ns ? "--delay" : NULL, echo },
		{ "slow", wishes->read_bytes_per_s ? "--read-rate" : NULL, slow },
		{ "echo, slow, http, kv, proxy or file", wishes->depth ? "--depth" : NULL,
		  echo || slow || deep || file },
		{ "cancel", plan_cancel_option(wishes), plays(count, names, wishes, "cancel") },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].option && !rows[i].played)
			return say_failure(SAY_USAGE, "compare: %s is an option of the workload %s, "
					   "which isn't played", rows[i].option, rows[i].owner);
	}
	return SAY_OK;
}

/* What no workload could make sense of, or not this one. */
static int check_wishes(const struct wishes *wishes, int count, char **names)
{
	if (wishes->file && strlen(wishes->file) > PATH_BYTES_MAX)
		return say_failure(SAY_USAGE, "compare: --file: the path has more than %d bytes",
				   PATH_BYTES_MAX);
	if (wishes->cells && (count != 1 || strcmp(names[0], "cancel") != 0))
		return say_failure(SAY_USAGE, "compare: --cells is for cancel only; of any other workload "
				   "the four cells are a question: write duet compare cells");
	if (names_arms(wishes) && (wishes->a || wishes->b || (wishes->cells && wishes->deadlines)))
		return say_failure(SAY_USAGE, "compare: %s names its own arms; leave out --a and --b "
				   "and their like", names_arms(wishes));
	if (wishes->rate_per_s && wishes->depth)
		return say_failure(SAY_USAGE, "compare: --depth is for a closed loop; with --rate "
				   "no message waits for an answer");
	if (wishes->block_bytes % 512)
		return say_failure(SAY_USAGE, "compare: --block %u: give a multiple of 512",
				   wishes->block_bytes);
	for (int i = 1; i < count; i++) {
		if (plays(i, names, wishes, names[i]))
			return say_failure(SAY_USAGE, "compare: the workload '%s' is named twice",
					   names[i]);
	}
	if (wishes->set)
		return SAY_OK;
	return check_options(wishes, count, names);
}

static int plan_workloads(struct plan *plan, int count, char **names)
{
	int code = SAY_OK;

	for (int i = 0; !code && i < count; i++)
		code = plan_workload(plan, names[i]);
	if (count)
		return code;
	if (plan->wishes.deadlines)
		return plan_workload(plan, "cancel");
	code = plan_workload(plan, "echo");
	return code ? code : plan_workload(plan, "file");
}

static int plan_asked(struct plan *plan, const struct question *question, const char *name)
{
	struct cell *cell = &plan->cells[plan->count++];

	fill_cell(&plan->wishes, workload_find(name), cell);
	return plan_question_fill(question, &plan->wishes, cell);
}

static int plan_question(struct plan *plan, const struct question *question, int count,
			 char **names)
{
	char echo[] = "echo", rockets[] = "rockets", file[] = "file";
	char *usual[] = { echo, rockets, file };
	bool of_workloads = question == &QUESTION_CELLS;
	int code = plan_question_check(question, &plan->wishes, count, names);

	if (!count && of_workloads) {
		count = sizeof(usual) / sizeof(*usual);
		names = usual;
	}
	if (!code && of_workloads)
		code = check_wishes(&plan->wishes, count, names);
	if (!code && plan_cancel_option(&plan->wishes))
		code = say_failure(SAY_USAGE, "compare: %s is an option of the workload cancel, "
				   "which isn't played", plan_cancel_option(&plan->wishes));
	if (!code && !of_workloads)
		return plan_asked(plan, question, question->name);
	for (int i = 0; !code && i < count; i++)
		code = plan_asked(plan, question, names[i]);
	return code;
}

static int plan_all(struct plan *plan, const struct wishes *before, int count, char **names)
{
	const struct question *question;
	int code;

	if (plan->wishes.like)
		return plan_like(plan, before, count);
	question = count && !plan->wishes.set ? question_find(names[0]) : NULL;
	if (question)
		return plan_question(plan, question, count - 1, names + 1);
	code = check_wishes(&plan->wishes, count, names);
	if (!code && plan_question_option(&plan->wishes))
		code = say_failure(SAY_USAGE, "compare: %s is an option of the questions cells and "
				   "informed, and none is asked", plan_question_option(&plan->wishes));
	if (code)
		return code;
	return plan->wishes.set ? plan_set(plan, count) : plan_workloads(plan, count, names);
}

static void choose_seed(struct plan *plan)
{
	uint64_t *seed = &plan->wishes.seed;

	if (*seed != UINT64_MAX)
		return;
	if (plan->wishes.like)
		*seed = plan->like.seed;
	else if (getrandom(seed, sizeof(*seed), 0) == sizeof(*seed))
		*seed &= UINT32_MAX;
}

int plan_read(struct plan *plan, int argc, char **argv)
{
	const struct wishes before = { .repeats = UNSET, .warmup_ns = UINT64_MAX,
				       .seed = UINT64_MAX };
	int first, code;

	memset(plan, 0, sizeof(*plan));
	plan->wishes = before;
	code = options_read(&SET, argc, argv, &plan->wishes, &first);
	if (code != OPTIONS_READ)
		return code;
	code = gate_read(&plan->gates, &plan->wishes.fail_if, "compare");
	if (!code)
		code = plan_all(plan, &before, argc - first, argv + first);
	choose_seed(plan);
	return code ? code : OPTIONS_READ;
}

void plan_forget(struct plan *plan)
{
	like_forget(&plan->like);
}
