/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * Inside a task or beside it: Rust's async is said to be structured already inside of one task, by
 * select! and join!, where Go and Kotlin have to spawn (tokio, issue 1879). What it saves to have
 * children inside, and what it doesn't.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compare/claim/beside_stage.h"
#include "compare/claim/claim.h"
#include "compare/report/field.h"
#include "compare/say.h"

enum { CPU, LATENCY, OWN, STACK, LINES };
enum { HELD_SIBLING = LINES + 1, HELD_OTHER, SLICED_SIBLING, SLICED_OTHER, TURNS };

static const char *const LEGEND[][2] = {
	{ "join",
	  "a parent has 10, 100 or 1000 children that each receive a byte, which is there; or is "
	  "asked to end while all wait" },
	{ "select",
	  "the first child that has its byte ends the others: one is there; or comes while all "
	  "wait" },
	{ "inside", "children are futures of one task, each with a waker of its own" },
	{ "futures, coroutines, fibers",
	  "beside: children are tasks in a scope; the futures are the same "
	  "ones" },
	{ "stall", "the first child computes a hundred slices: how many of them its last sibling, "
		   "and a task "
		   "that is no child, wait for; and if it gives up its turn between them" },
	{ NULL, NULL },
};

/* ---- A play. ---- */

static int play(const struct claim_play *play, double *figures)
{
	struct beside_options options = { .mechanism = play->mechanism,
					  .selects = !strncmp(play->arm, "select/", 7),
					  .count = play->size,
					  .seed = play->seed,
					  .quick = play->quick };
	const char *way = strchr(play->arm, '/');
	struct beside_result result = { 0 };
	int error;

	for (size_t i = 0; way && BESIDE_PLAYERS[i]; i++) {
		if (!strcmp(BESIDE_PLAYERS[i]->name, way + 1))
			options.player = BESIDE_PLAYERS[i];
	}
	if (!options.player || !play->size || play->size % 2)
		return -EINVAL;
	error = beside_play(&options, &result);
	figures[CPU] = result.cpu_ns;
	figures[LATENCY] = result.latency_ns;
	figures[OWN] = result.own;
	figures[STACK] = result.stack;
	figures[LINES] = options.player->lines;
	figures[HELD_SIBLING] = result.held_sibling;
	figures[HELD_OTHER] = result.held_other;
	figures[SLICED_SIBLING] = result.sliced_sibling;
	figures[SLICED_OTHER] = result.sliced_other;
	figures[TURNS] = result.turns;
	return error;
}

/* ---- What is asked. ---- */

static void add_group(struct claim_plan *plan, const char *mechanism, const char *what,
		      uint32_t count)
{
	struct claim_group *group = &plan->groups[plan->count++];
	char arm[CLAIM_NAME_MAX];

	*group = (struct claim_group){ .mechanism = mechanism, .size = count };
	snprintf(group->name, sizeof(group->name), "%s, %s of %u", mechanism, what, count);
	for (size_t i = 0; BESIDE_PLAYERS[i]; i++) {
		snprintf(arm, sizeof(arm), "%s/%s", what, BESIDE_PLAYERS[i]->name);
		claim_add_arm(group, arm, NULL, 0);
	}
}

static void plan(struct claim_plan *plan, const struct mechanism *mechanisms, size_t count)
{
	static const uint32_t sizes[] = { 10, 100, 1000 };

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < (plan->quick ? 2 : 3); k++)
			add_group(plan, mechanisms[i].name, "join", sizes[k]);
		for (size_t k = 0; k < (plan->quick ? 2 : 3); k++)
			add_group(plan, mechanisms[i].name, "select", sizes[k]);
	}
}

/* ---- What came of it. ---- */

static const json_t *arm_at(const json_t *group, size_t index)
{
	return json_array_get(json_object_get(group, "arms"), index);
}

static bool is_of(const json_t *group, const char *what)
{
	const char *name = field_string(arm_at(group, 0), "name");

	return !strncmp(name, what, strlen(what)) && name[strlen(what)] == '/';
}

/* Those of one mechanism with the most children, or NULL. */
static const json_t *find_largest(const json_t *result, const char *mechanism, const char *what)
{
	const json_t *found = NULL;
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (!strcmp(field_string(group, "mechanism"), mechanism) && is_of(group, what))
			found = group;
	}
	return found;
}

/* The same future beside is the plainest comparison: nothing else is different. */
static void conclude_cost(json_t *result, const json_t *group)
{
	const json_t *same = arm_at(group, 1), *cpu = json_object_get(same, "cpu");
	char first[64], second[64], third[64];

	claim_format_interval(cpu, first, sizeof(first));
	claim_format_interval(json_object_get(arm_at(group, 2), "cpu"), second, sizeof(second));
	claim_format_interval(json_object_get(arm_at(group, 3), "cpu"), third, sizeof(third));
	claim_add_finding(
		result, field_string(group, "name"),
		"%s; CPU of a child, times inside: the same future as a task %s; coroutine "
		"%s; fiber %s.",
		claim_shown(cpu) > 0   ? "to spawn has a price"
		: claim_shown(cpu) < 0 ? "to spawn is the cheaper way"
				       : "no price of spawning is shown",
		first, second, third);
}

static void conclude_ends(json_t *result, const json_t *group)
{
	const json_t *same = arm_at(group, 1);
	char latency[64], about[96];

	claim_format_interval(json_object_get(same, "latency"), latency, sizeof(latency));
	snprintf(about, sizeof(about), "%s, to the end of all", field_string(group, "name"));
	claim_add_finding(
		result, about,
		"%.0f us inside, in %.0f turns of the loop, and all children have ended then; the "
		"same futures as tasks, times that: %s, in %.0f. None outlives its scope either.",
		claim_figure(arm_at(group, 0), "latency_ns") / 1e3,
		claim_figure(arm_at(group, 0), "turns"), latency, claim_figure(same, "turns"));
}

static void conclude_sizes(json_t *result, const json_t *group)
{
	char text[300] = "";
	json_t *arm;
	size_t i, used = 0;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const char *way = strchr(field_string(arm, "name"), '/');

		if (!way || used >= sizeof(text))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s %.0f bytes, %.0f lines", used ? "; " : "", way + 1,
					 claim_figure(arm, "own") + claim_figure(arm, "stack"),
					 claim_figure(arm, "lines"));
	}
	claim_add_finding(result, "a child", "%s.", text);
}

/* Whether those who wait for a child that computes are the same, inside and beside. */
static void conclude_stall(json_t *result, const json_t *group)
{
	const json_t *inside = arm_at(group, 0), *beside = arm_at(group, 1);
	const double sibling = claim_figure(inside, "held_sibling");
	const bool alike = sibling == claim_figure(beside, "held_sibling") &&
			   claim_figure(inside, "held_other") == claim_figure(beside, "held_other");

	claim_add_finding(
		result, "how far a stall spreads",
		"%s: of a child's hundred slices its siblings wait for %.0f inside and %.0f "
		"beside, other tasks for %.0f and %.0f; if it gives up its turn between them, "
		"for %.0f and %.0f, and %.0f and %.0f.",
		alike ? "as far inside as beside" : "not as far", sibling,
		claim_figure(beside, "held_sibling"), claim_figure(inside, "held_other"),
		claim_figure(beside, "held_other"), claim_figure(inside, "sliced_sibling"),
		claim_figure(beside, "sliced_sibling"), claim_figure(inside, "sliced_other"),
		claim_figure(beside, "sliced_other"));
}

/* "CPU of a join, time of a select": where the same futures as tasks are shown to take more, or
 * less. */
static unsigned int list_shown(const json_t *const groups[2], int more, char *text, size_t size)
{
	static const char *const metrics[][2] = { { "cpu", "CPU" }, { "latency", "time" } };
	unsigned int count = 0;
	size_t used = 0;

	*text = 0;
	for (size_t i = 0; i < 4; i++) {
		const char *const *metric = metrics[i / 2];

		if (claim_shown(json_object_get(arm_at(groups[i % 2], 1), metric[0])) != more)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s of a %s",
					 count++ ? ", " : "", metric[1], i % 2 ? "select" : "join");
	}
	return count;
}

static void add_savings(const json_t *const groups[2], char *text, size_t size)
{
	char saved[96], lost[96];
	const bool saves = list_shown(groups, 1, saved, sizeof(saved)) > 0;
	const bool loses = list_shown(groups, -1, lost, sizeof(lost)) > 0;
	const size_t used = strlen(text);

	snprintf(text + used, size - used, "%son %s it saves %s%s%s", used ? "; " : "",
		 field_string(groups[0], "mechanism"), saves ? saved : "nothing that is shown",
		 loses ? ", and costs " : "", loses ? lost : "");
}

/* Structured it is both ways, as the player has checked: no child is left when the parent ends. */
static void conclude_claim(json_t *result, const char *savings)
{
	claim_add_finding(
		result, "the claim",
		"shown, that children can be joined and selected without one being spawned. That "
		"this alone is structured is shown false: those spawned in a scope all ended "
		"before "
		"their parent as well. With the same futures, %s.",
		savings);
}

static void conclude(json_t *result)
{
	const json_t *join = NULL;
	char savings[300] = "";
	json_t *mechanism;
	size_t i;

	json_array_foreach(json_object_get(result, "mechanisms"), i, mechanism) {
		const char *name = field_string(mechanism, "name");
		const json_t *joined = find_largest(result, name, "join");
		const json_t *selected = find_largest(result, name, "select");

		if (joined)
			conclude_cost(result, joined);
		if (joined)
			conclude_ends(result, joined);
		if (selected)
			conclude_cost(result, selected);
		if (joined && selected)
			add_savings((const json_t *[]){ joined, selected }, savings,
				    sizeof(savings));
		join = joined ? joined : join;
	}
	if (!join)
		return;
	conclude_sizes(result, join);
	conclude_stall(result, join);
	if (*savings)
		conclude_claim(result, savings);
}

/* ---- The table. ---- */

enum { NAME_COLUMNS = 24, COLUMNS = 7 };

static void print_compared(const json_t *arm, const char *metric, const char *figure, double unit,
			   FILE *out)
{
	const json_t *ratio = json_object_get(arm, metric);
	char text[32];

	if (ratio)
		claim_format_ratio(ratio, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%.0f", claim_figure(arm, figure) / unit);
	fprintf(out, "%*s", COLUMNS, text);
}

static void print_arm(const json_t *arm, FILE *out)
{
	static const char *const counts[] = { "own",        "stack",          "held_sibling",
					      "held_other", "sliced_sibling", "sliced_other" };
	const char *way = strchr(field_string(arm, "name"), '/');

	fprintf(out, "  %-*s", NAME_COLUMNS - 2, way ? way + 1 : "");
	print_compared(arm, "cpu", "cpu_ns", 1, out);
	print_compared(arm, "latency", "latency_ns", 1e3, out);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		fprintf(out, "%*.0f", i < 2 ? COLUMNS : COLUMNS - 2, claim_figure(arm, counts[i]));
	fprintf(out, "%*.0f\n", COLUMNS, claim_figure(arm, "lines"));
}

static void print_columns(FILE *out)
{
	static const char *const heads[] = { "CPU", "ends", "own", "stack" };

	fprintf(out, "\n%-*s      held  given up\n%-*s", NAME_COLUMNS + 4 * COLUMNS, "",
		NAME_COLUMNS, "");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		fprintf(out, "%*s", COLUMNS, heads[i]);
	fputs("  sib  oth  sib  oth  lines\n", out);
}

static void print(const json_t *result, FILE *out)
{
	const char *mechanism = "";
	json_t *group, *arm;
	size_t i, k;

	claim_print_head(&CLAIM_BESIDE, result, out);
	say_wrapped(out,
		    "CPU: of a child, ns. ends: from the request, or the first byte, to the end of "
		    "all, us. "
		    "Beside, times inside. own, stack: bytes a child. held, given up: slices of a "
		    "stall "
		    "that siblings and others wait for. lines: of source. ~: no difference shown.",
		    0, 2);
	json_array_foreach(json_object_get(result, "groups"), i, group) {
		if (strcmp(field_string(group, "mechanism"), mechanism) != 0)
			print_columns(out);
		mechanism = field_string(group, "mechanism");
		fprintf(out, "%s%s%s\n", say_bold(out), field_string(group, "name"),
			say_plain(out));
		json_array_foreach(json_object_get(group, "arms"), k, arm) print_arm(arm, out);
	}
	claim_print_end(result, out);
}

const struct claim CLAIM_BESIDE = {
	.name = "beside",
	.kind = "compare beside",
	.summary =
		"Inside a task or beside it: children joined and selected within one task, against "
		"children spawned in a scope.",
	.varies = "children",
	.takes_descriptors = true,
	.figures = { "cpu_ns", "latency_ns", "own", "stack", "lines", "held_sibling", "held_other",
		     "sliced_sibling", "sliced_other", "turns" },
	.legend = LEGEND,
	.plan = plan,
	.play = play,
	.conclude = conclude,
	.print = print,
};
