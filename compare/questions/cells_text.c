/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/questions/cells.h"

#include <stdbool.h>
#include <string.h>

#include "compare/questions/question.h"
#include "compare/report/field.h"
#include "compare/report/figure.h"
#include "compare/report/page.h"
#include "compare/say.h"

enum { NAME_COLUMNS = 21, FIGURE_COLUMNS = 9, EFFECT_COLUMNS = 29, HEADLINES = 2 };

static const char *const HEADLINE[HEADLINES] = { "CPU per operation", "median latency" };

static const json_t *metric_of(const json_t *cell, const char *list, size_t index)
{
	const json_t *of = !strcmp(list, "answer") ? json_object_get(cell, "answer") : cell;

	return json_array_get(json_object_get(of, "metrics"), index);
}

static const json_t *effects_of(const json_t *cell, size_t metric)
{
	return json_object_get(metric_of(cell, "answer", metric), "effects");
}

/* What only rockets have: NULL elsewhere. */
static const json_t *fetch_answer(const json_t *cell)
{
	return question_row(json_object_get(json_object_get(cell, "answer"), "metrics"),
			    "fetch_p50_ns");
}

static void print_bold(const char *text, FILE *out)
{
	fprintf(out, "%s%s%s", page_style(out, PAGE_BOLD), text, page_style(out, PAGE_PLAIN));
}

/* Fills up to the column; nothing where the line ends. */
static void pad(int columns, FILE *out)
{
	fprintf(out, "%*s", columns > 0 ? columns : 0, "");
}

/* ---- The figures. ---- */

static const enum cells_arm COMPLETION[] = { CELLS_COMPLETION_CONTINUATION, CELLS_COMPLETION_FUTURE,
					     CELLS_COMPLETION_CALLBACK };
static const enum cells_arm POLLING[] = { CELLS_POLLING_CONTINUATION, CELLS_POLLING_FUTURE,
					  CELLS_POLLING_CALLBACK };
static const char COLUMNS[] = "  contin.   future callback";

static void print_three(const json_t *medians, const enum cells_arm *arms, FILE *out)
{
	for (int i = 0; i < 3; i++) {
		char figure[32];

		figure_text(json_array_get(medians, arms[i]), "ns", figure, sizeof(figure));
		fprintf(out, "%*s", FIGURE_COLUMNS, figure);
	}
}

static void print_medians(const json_t *cell, const char *name, const enum cells_arm *arms, FILE *out)
{
	fprintf(out, "  %-*s", page_is_narrow(out) ? 0 : NAME_COLUMNS - 2, name);
	for (size_t metric = 0; metric < HEADLINES; metric++) {
		const json_t *medians = json_object_get(metric_of(cell, "cell", metric), "medians");

		if (metric)
			pad(page_is_narrow(out) ? 0 : EFFECT_COLUMNS - 3 * FIGURE_COLUMNS, out);
		if (page_is_narrow(out))
			fprintf(out, "\n    %s\n    ", HEADLINE[metric]);
		print_three(medians, arms, out);
	}
	fputc('\n', out);
}

static void print_figures(const json_t *cell, FILE *out)
{
	if (page_is_narrow(out)) {
		say_wrapped(out, "By continuations, by futures, by callbacks:", 0, 0);
	} else {
		pad(NAME_COLUMNS + 1, out);
		print_bold(HEADLINE[0], out);
		pad(EFFECT_COLUMNS - (int)strlen(HEADLINE[0]), out);
		print_bold(HEADLINE[1], out);
		fprintf(out, "\n%*s%-*s%s\n", NAME_COLUMNS, "", EFFECT_COLUMNS, COLUMNS, COLUMNS);
	}
	print_medians(cell, "completion", COMPLETION, out);
	print_medians(cell, "polling", POLLING, out);
}

/* ---- The effects. ---- */

/* Three words of a verdict's are too many for a column. */
static const char *short_verdict(const json_t *effect)
{
	static const char *const WORDS[][2] = {
		{ "within", "within" }, { "beyond", "beyond" }, { "not shown", "open" },
		{ "too noisy", "noisy" }, { "too few rounds", "few" },
	};

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		if (!strcmp(field_string(effect, "verdict"), WORDS[i][0]))
			return WORDS[i][1];
	}
	return "";
}

static void print_effect(const json_t *effect, int columns, FILE *out)
{
	const char *verdict = short_verdict(effect);
	bool beyond = !strcmp(verdict, "beyond");
	char text[96];

	question_ratio_text(effect, text, sizeof(text));
	fprintf(out, "%s%s%s%s%s", text, *verdict ? " " : "", page_style(out, beyond ? PAGE_BOLD : ""),
		verdict, page_style(out, beyond ? PAGE_PLAIN : ""));
	pad(columns - (int)strlen(text) - (*verdict ? 1 : 0) - (int)strlen(verdict), out);
}

/* Two effects beside each other, or below. */
static void print_pair(const char *name, const json_t *left, const json_t *right, FILE *out)
{
	if (page_is_narrow(out)) {
		fprintf(out, "  %.36s\n    ", name);
		print_effect(left, 0, out);
		fputs("\n    ", out);
		print_effect(right, 0, out);
	} else {
		fprintf(out, "  %-*.19s ", NAME_COLUMNS - 2, name);
		print_effect(left, EFFECT_COLUMNS, out);
		print_effect(right, 0, out);
	}
	fputc('\n', out);
}

static void print_effects(const json_t *cell, FILE *out)
{
	static const char *const KEYS[] = {
		"future", "future_on_completion", "future_on_polling", "polling",
		"polling_by_continuations", "polling_by_futures", "interaction", "both",
	};

	if (page_is_narrow(out))
		say_wrapped(out, "CPU per operation, and below median latency:", 0, 0);
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
		const json_t *cpu = question_row(effects_of(cell, 0), KEYS[i]);

		print_pair(field_string(cpu, "title"), cpu,
			   question_row(effects_of(cell, 1), KEYS[i]), out);
	}
}

static void print_over_callbacks(const json_t *cell, FILE *out)
{
	const json_t *effects = effects_of(cell, 2);

	print_bold("throughput/callback", out);
	if (!page_is_narrow(out))
		fprintf(out, "%*s%-*s%s", NAME_COLUMNS + 1 - 19, "", EFFECT_COLUMNS, "on completion",
			"on polling");
	fputc('\n', out);
	print_pair("by continuations",
		   question_row(effects, "coroutine_over_callback_on_completion"),
		   question_row(effects, "coroutine_over_callback_on_polling"), out);
	print_pair("by futures", question_row(effects, "future_over_callback_on_completion"),
		   question_row(effects, "future_over_callback_on_polling"), out);
}

static void print_fetch_of(const json_t *cell, const char *name, const enum cells_arm *arms,
			   const char *key, FILE *out)
{
	const json_t *metric = question_row(json_object_get(cell, "metrics"), "fetch_p50_ns");
	bool narrow = page_is_narrow(out);

	fprintf(out, "  %-*s%s", narrow ? 0 : NAME_COLUMNS - 2, name, narrow ? "\n    " : "");
	print_three(json_object_get(metric, "medians"), arms, out);
	fputs(narrow ? "\n    " : "  ", out);
	print_effect(question_row(json_object_get(fetch_answer(cell), "effects"), key), 0, out);
	fputc('\n', out);
}

/* The list, and all that is in it. */
static void print_fetch(const json_t *cell, FILE *out)
{
	if (!fetch_answer(cell))
		return;
	print_bold("median whole fetch", out);
	if (page_is_narrow(out))
		say_wrapped(out, ", and of it future/continuation", 18, 0);
	else
		fprintf(out, "%*s%-*s%s\n", NAME_COLUMNS - 18, "", EFFECT_COLUMNS, COLUMNS,
			"future/continuation");
	print_fetch_of(cell, "completion", COMPLETION, "future_on_completion", out);
	print_fetch_of(cell, "polling", POLLING, "future_on_polling", out);
}

static void print_legend(const json_t *cell, FILE *out)
{
	char floors[HEADLINES][32], text[320];

	for (size_t metric = 0; metric < HEADLINES; metric++)
		question_floor_text(question_row(effects_of(cell, metric), "both"), floors[metric],
				    sizeof(floors[metric]));
	snprintf(text, sizeof(text), "within, beyond: of %.0f %% either way; open: neither is shown. "
		 "Both at once: futures on polling / continuations on completion. An arm against "
		 "itself: within %s, %s.", 100 * question_within(cell), floors[0], floors[1]);
	say_wrapped(out, text, fprintf(out, "  "), 2);
}

/* ---- What explains it. ---- */

static void print_counter(const json_t *counter, const char *title, FILE *out)
{
	const json_t *medians = json_object_get(counter, "medians");
	bool narrow = page_is_narrow(out);

	if (narrow)
		fprintf(out, "  %s\n  ", title);
	else
		fprintf(out, "  %-*s", NAME_COLUMNS, title);
	for (size_t arm = 0; arm < CELLS_ARMS; arm++) {
		char figure[32];

		figure_counter(json_array_get(medians, arm), figure, sizeof(figure));
		fprintf(out, "%*s%s", narrow ? 12 : 9, figure, narrow && arm == 2 ? "\n  " : "");
	}
	fputc('\n', out);
}

static void print_counters(const json_t *cell, FILE *out)
{
	static const struct {
		const char *key, *title;
	} ROWS[] = {
		{ "system_calls_per_operation", "system calls per op" },
		{ "completions_per_wait", "completions per wait" },
		{ "inline_per_operation", "ended inline per op" },
		{ "steps_per_operation", "steps per op" },
		{ "task_wakes_per_operation", "woken tasks per op" },
		{ "polls_per_operation", "polls per op" },
	};

	print_bold("what explains it", out);
	if (page_is_narrow(out))
		say_wrapped(out, ", of each: completion by continuations, by futures; polling by "
			    "these; callbacks on both", 16, 0);
	else
		fprintf(out, "%*s%s\n", NAME_COLUMNS + 2 - 15, "",
			" c/cont.   c/fut.  p/cont.   p/fut.   c/call   p/call");
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
		const json_t *counter =
			question_row(json_object_get(cell, "counters"), ROWS[i].key);

		if (counter)
			print_counter(counter, ROWS[i].title, out);
	}
}

/* ---- The verdict. ---- */

static void add_where(const json_t *effect, const char *where, char *text, size_t size)
{
	size_t used = strlen(text);
	char ratio[96];

	question_ratio_text(effect, ratio, sizeof(ratio));
	if (used < size)
		snprintf(text + used, size - used, "%s %s (%.20s)", ratio, where,
			 field_string(effect, "verdict"));
}

static void print_identical(const json_t *answer, const char *name, FILE *out)
{
	const json_t *effects = json_object_get(answer, "effects");
	char text[512];

	snprintf(text, sizeof(text), "%s: %.20s. A future / a continuation: ", name,
		 field_string(answer, "identical"));
	add_where(question_row(effects, "future_on_completion"), "on completion", text,
		  sizeof(text));
	strncat(text, ", ", sizeof(text) - strlen(text) - 1);
	add_where(question_row(effects, "future_on_polling"), "on polling", text,
		  sizeof(text));
	strncat(text, ".", sizeof(text) - strlen(text) - 1);
	say_wrapped(out, text, fprintf(out, "  "), 4);
}

/* What the argument was about all the time: both axes at once. */
static void print_argument(const json_t *cell, FILE *out)
{
	static const char *const KEYS[] = { "both", "polling", "future" };
	char ratios[HEADLINES][3][96], text[768];

	for (size_t metric = 0; metric < HEADLINES; metric++) {
		for (int i = 0; i < 3; i++)
			question_ratio_text(question_row(effects_of(cell, metric), KEYS[i]),
					    ratios[metric][i], sizeof(ratios[metric][i]));
	}
	snprintf(text, sizeof(text), "Taken together, informed polling / completion by continuations: "
		 "%s in %s, of which the kernel's way makes %s, and the program's %s; %s in %s, of "
		 "which %s and %s.", ratios[0][0], HEADLINE[0], ratios[0][1], ratios[0][2],
		 ratios[1][0], HEADLINE[1], ratios[1][1], ratios[1][2]);
	say_wrapped(out, text, fprintf(out, "  "), 4);
}

static void print_verdict(const json_t *cell, FILE *out)
{
	char text[96];

	snprintf(text, sizeof(text), "Is informed polling \"virtually identical\", within %.0f %%?",
		 100 * question_within(cell));
	fputs(page_style(out, PAGE_BOLD), out);
	say_wrapped(out, text, 0, 0);
	fputs(page_style(out, PAGE_PLAIN), out);
	for (size_t metric = 0; metric < HEADLINES; metric++)
		print_identical(metric_of(cell, "answer", metric), HEADLINE[metric], out);
	if (fetch_answer(cell))
		print_identical(fetch_answer(cell), "median whole fetch", out);
	print_argument(cell, out);
}

void cells_print(const json_t *cell, FILE *out)
{
	print_figures(cell, out);
	print_effects(cell, out);
	print_over_callbacks(cell, out);
	print_fetch(cell, out);
	print_legend(cell, out);
	print_counters(cell, out);
	print_verdict(cell, out);
}
