/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/stress.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "compare/laboratory/lane.h"
#include "compare/laboratory/matrix.h"
#include "compare/laboratory/mechanism.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/environment.h"
#include "compare/report/field.h"
#include "compare/report/repeat.h"
#include "compare/report/store.h"
#include "compare/say.h"

struct values {
	struct option_list backends;
	const char *resume;
	uint32_t count, batch;
	uint64_t seed, bound_ns;
	struct outlet outlet;
};

#define SECOND_NS 1000000000u
#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "count", OPTION_NUMBER, AT(count), 1, 1000000000, "N",
	  "requests to end one, of each kind on each mechanism; 1000000 by default" },
	{ "seconds", OPTION_SECONDS, AT(bound_ns), SECOND_NS / 100, 86400ull * SECOND_NS, "S",
	  "and no longer than this for each; 60 by default" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling, polling/eager" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N", "of sizes, ways and delays; 1 by default" },
	{ "batch", OPTION_NUMBER, AT(batch), 1, 1000000000, "N",
	  "only this batch, again and again: where a violation was" },
	{ "resume", OPTION_TEXT, AT(resume), 0, 0, "FILE",
	  "what is whole in this result, which was interrupted, isn't played again" },
	OUTLET_ROWS(struct values, outlet),
	{ 0 },
};

static const struct option_set SET = {
	"cancel stress", "[KIND...]",
	"Plays each kind of operation on each mechanism until a million were to be cancelled, with another "
	"thread that acts at the same time, cancels at random moments, and accounts for "
	"everything. Without a KIND: all.",
	ROWS,
};

/* As argv[0] in the line that repeats it. */
static char called[] = "cancel stress";

static volatile int interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* ---- What is asked for. ---- */

static const struct stress_kind *const TABLES[] = { STRESS_SOCKETS, STRESS_FILES, STRESS_NAMES,
						   STRESS_EVENTS };

static const struct stress_kind *kind_at(size_t index)
{
	for (size_t table = 0; table < sizeof(TABLES) / sizeof(*TABLES); table++) {
		for (const struct stress_kind *at = TABLES[table]; at->name; at++) {
			if (!index--)
				return at;
		}
	}
	return NULL;
}

static bool is_kind(const char *name)
{
	const struct stress_kind *kind;

	for (size_t i = 0; (kind = kind_at(i)); i++) {
		if (!strcmp(kind->name, name))
			return true;
	}
	return false;
}

static int check_kinds(char **names, int count)
{
	const struct stress_kind *kind;
	char list[512] = "";

	while (count && is_kind(*names)) {
		names++;
		count--;
	}
	for (size_t i = 0; count && (kind = kind_at(i)); i++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", kind->name);
	}
	return count ? say_failure(SAY_USAGE, "cancel stress: no such kind as '%s'; there are %s",
				   *names, list) : SAY_OK;
}

static bool is_wanted(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return !count;
}

/* ---- The play. ---- */

static const char *file_system(void)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} NAMES[] = { { EXT4_SUPER_MAGIC, "ext4" }, { XFS_SUPER_MAGIC, "xfs" },
		      { BTRFS_SUPER_MAGIC, "btrfs" }, { TMPFS_MAGIC, "tmpfs" },
		      { OVERLAYFS_SUPER_MAGIC, "overlay" } };
	const char *folder = getenv("TMPDIR");
	struct statfs stat;

	if (statfs(folder && *folder ? folder : "/tmp", &stat))
		return "none";
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		if ((unsigned long)stat.f_type == NAMES[i].magic)
			return NAMES[i].name;
	}
	return "other";
}

static const char *class_name(enum duet_kind kind)
{
	static const char *const CLASSES[] = {
		[DUET_CANCEL_TOTAL] = "total",
		[DUET_CANCEL_PARTIAL] = "partial",
		[DUET_CANCEL_TAINTING] = "tainting",
		[DUET_CANCEL_NOT] = "not once issued",
	};

	return CLASSES[duet_kind_cancel_class(kind)];
}

static json_t *kinds_json(char **names, int count)
{
	json_t *list = json_array();
	const struct stress_kind *kind;

	for (size_t i = 0; (kind = kind_at(i)); i++) {
		if (is_wanted(kind->name, names, count))
			json_array_append_new(list, json_pack(
				"{s:s, s:s, s:s, s:s}", "name", kind->name, "operation",
				duet_kind_name(kind->kind), "cancel_class",
				class_name(kind->kind), "what", kind->what));
	}
	return list;
}

/* The same script on every mechanism, also if others are left out. */
static uint64_t kind_seed(uint64_t seed, const char *kind)
{
	for (; *kind; kind++)
		seed = (seed ^ (unsigned char)*kind) * 0x100000001b3u;
	return seed;
}

/* Of an earlier result, or NULL: it has none, or one that was cut short. Borrowed. */
static json_t *whole_cell(const json_t *earlier, const char *kind, const char *mechanism,
			  uint32_t count)
{
	json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(earlier, "cells"), i, cell) {
		if (!strcmp(field_string(cell, "kind"), kind) &&
		    !strcmp(field_string(cell, "mechanism"), mechanism) &&
		    field_integer(cell, "asked") + field_integer(cell, "late") >= (json_int_t)count)
			return cell;
	}
	return NULL;
}

static void play_kind(const struct values *values, const struct stress_kind *kind,
		      const struct mechanism *mechanisms, size_t count, const json_t *earlier,
		      json_t *result)
{
	for (size_t i = 0; i < count && !interrupted; i++) {
		struct stress_plan plan = { kind, &mechanisms[i], kind_seed(values->seed, kind->name),
					    values->count, values->batch, values->bound_ns,
					    &interrupted };
		json_t *cell = whole_cell(earlier, kind->name, mechanisms[i].name, values->count);

		say_progress("%s, %s", kind->name, mechanisms[i].name);
		cell = cell ? json_incref(cell) : stress_run(&plan);
		if (json_array_size(json_object_get(cell, "violations")))
			json_object_set_new(result, "correct", json_false());
		json_array_append_new(json_object_get(result, "cells"), cell);
	}
}

static json_t *play(const struct values *values, int argc, char **argv, int first,
		    struct mechanism *mechanisms, size_t count, const json_t *earlier)
{
	json_t *run = repeat_run_json(argc, argv, values->seed);
	json_t *result = json_pack("{s:i, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:[], s:b, s:b}",
				   "schema", STORE_SCHEMA, "kind", STRESS_KIND, "tool",
				   environment_tool_json(), "run", run, "environment",
				   environment_json(), "file_system", file_system(), "mechanisms",
				   mechanism_probe(mechanisms, &count), "kinds",
				   kinds_json(argv + first, argc - first), "cells", "complete", 0,
				   "correct", 1);
	const struct stress_kind *kind;

	json_object_set_new(run, "count", json_integer(values->count));
	json_object_set_new(run, "resumed", earlier ? json_string(field_string(
		json_object_get(earlier, "run"), "started")) : json_null());
	for (size_t i = 0; (kind = kind_at(i)); i++) {
		if (is_wanted(kind->name, argv + first, argc - first))
			play_kind(values, kind, mechanisms, count, earlier, result);
	}
	say_progress_end();
	json_object_set_new(result, "complete", json_boolean(count && !interrupted));
	return result;
}

/* ---- What came of it. ---- */

static int judge(const json_t *result)
{
	json_int_t seed = field_integer(json_object_get(result, "run"), "seed");
	json_t *cell, *violation;
	bool any = false;
	size_t i;

	json_array_foreach(json_object_get(result, "cells"), i, cell) {
		violation = json_array_get(json_object_get(cell, "violations"), 0);
		any |= !json_object_get(cell, "refused");
		if (!violation)
			continue;
		return say_failure(SAY_WRONG_BYTE, "cancel stress: %s on %s, batch %lld, lane %lld, "
				   "operation %lld: %s; again: %s cancel stress %s --backend %s "
				   "--seed %lld --batch %lld", field_string(cell, "kind"),
				   field_string(cell, "mechanism"),
				   (long long)field_integer(violation, "batch"),
				   (long long)field_integer(violation, "lane"),
				   (long long)field_integer(violation, "serial"),
				   field_string(violation, "what"), say_program(),
				   field_string(cell, "kind"), field_string(cell, "mechanism"),
				   (long long)seed, (long long)field_integer(violation, "batch"));
	}
	return any ? SAY_OK : say_failure(SAY_UNMEASURED, "cancel stress: nothing was played; duet "
					  "doctor says what can be had here");
}

static int report(const struct values *values, const json_t *result)
{
	int code = outlet_deliver(&values->outlet, result, stress_print);

	return code ? code : judge(result);
}

/* Another machine or another seed has other rates. */
static int read_earlier(const struct values *values, json_t **earlier)
{
	json_t *here = environment_json();
	int code = matrix_load(values->resume, "cancel stress", stress_problem, earlier);

	if (!code && ((uint64_t)field_integer(json_object_get(*earlier, "run"), "seed") !=
			      values->seed ||
		      strcmp(field_string(json_object_get(*earlier, "environment"),
					  "kernel_release"), field_string(here, "kernel_release"))))
		code = say_failure(SAY_USAGE, "cancel stress: --resume %s: it is of another seed or "
				   "another kernel", values->resume);
	json_decref(here);
	return code;
}

int stress_command(int argc, char **argv)
{
	struct values values = { .count = 1000000, .seed = 1, .bound_ns = 60ull * SECOND_NS };
	struct sigaction action = { .sa_handler = interrupt };
	struct mechanism mechanisms[MECHANISMS_MAX];
	size_t count = 0;
	int first, code = options_read(&SET, argc, argv, &values, &first);
	json_t *result, *earlier = NULL;

	if (code != OPTIONS_READ)
		return code;
	code = check_kinds(argv + first, argc - first);
	if (!code)
		code = mechanism_choose(MECHANISM_STRESS, "cancel stress", &values.backends,
					mechanisms, &count);
	if (!code)
		code = outlet_open(&values.outlet, "cancel stress");
	if (!code && values.resume)
		code = read_earlier(&values, &earlier);
	if (code) {
		json_decref(earlier);
		return code;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	argv[0] = called;
	result = play(&values, argc, argv, first, mechanisms, count, earlier);
	code = report(&values, result);
	json_decref(result);
	json_decref(earlier);
	return code;
}
