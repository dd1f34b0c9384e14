/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/conclude.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/measure/interval.h"
#include "compare/measure/noise.h"
#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"
#include "compare/report/limits.h"
#include "compare/report/store.h"

/* A figure of one slot; NAN where it couldn't be measured. */
typedef double figure_fn(const json_t *slot);

struct metric {
	const char *key, *title, *unit, *better;
	bool wall; /* suffers from what else runs: void where most rounds were disturbed */
	figure_fn *figure;
};

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static double ratio(double above, double below)
{
	return below > 0 ? above / below : NAN;
}

static double cpu_per_operation(const json_t *slot)
{
	double value = ratio(number(slot, "cpu_ns"), number(slot, "operations"));

	return value > 0 ? value : NAN;
}

static double throughput(const json_t *slot)
{
	double value = ratio(number(slot, "operations") * 1e9, number(slot, "elapsed_ns"));

	return value > 0 ? value : NAN;
}

static double median_latency(const json_t *slot)
{
	return number(json_object_get(slot, "latency"), "p50_ns");
}

static double p99_latency(const json_t *slot)
{
	return number(json_object_get(slot, "latency"), "p99_ns");
}

static double p999_latency(const json_t *slot)
{
	return number(json_object_get(slot, "latency"), "p999_ns");
}

static double buffer_latency(const json_t *slot)
{
	return number(json_object_get(slot, "buffer"), "p50_ns");
}

static double descriptor_latency(const json_t *slot)
{
	return number(json_object_get(slot, "descriptor"), "p50_ns");
}

static double fetch_latency(const json_t *slot)
{
	return number(json_object_get(slot, "fetch"), "p50_ns");
}

static const struct metric METRICS[] = {
	{ "cpu_per_operation_ns", "CPU per operation", "ns", "lower", false, cpu_per_operation },
	{ "latency_p50_ns", "median latency", "ns", "lower", false, median_latency },
	{ "throughput_per_s", "throughput", "1/s", "higher", true, throughput },
	{ "latency_p99_ns", "p99 latency", "ns", "lower", true, p99_latency },
	{ "latency_p999_ns", "p99.9 latency", "ns", "lower", true, p999_latency },
	{ "buffer_p50_ns", "median to buffer", "ns", "lower", false, buffer_latency },
	{ "descriptor_p50_ns", "median to descriptor", "ns", "lower", false, descriptor_latency },
	{ "fetch_p50_ns", "median whole fetch", "ns", "lower", false, fetch_latency },
};

/* What only one workload knows, or one doesn't: the rest is of all. */
static const struct {
	const char *key, *workload;
	bool knows;
} LIMITED[] = {
	{ "throughput_per_s", "cancel", false },
	{ "buffer_p50_ns", "cancel", true },
	{ "descriptor_p50_ns", "cancel", true },
	{ "fetch_p50_ns", "rockets", true },
};

static double counted(const json_t *slot, const char *key)
{
	return number(json_object_get(slot, "counters"), key);
}

static double per_operation(const json_t *slot, const char *key)
{
	return ratio(counted(slot, key), number(slot, "operations_total"));
}

static double system_calls(const json_t *slot)
{
	return per_operation(slot, "system_calls");
}

static double wasted(const json_t *slot)
{
	return per_operation(slot, "wasted");
}

static double waits(const json_t *slot)
{
	return per_operation(slot, "waits");
}

static double inline_ended(const json_t *slot)
{
	return per_operation(slot, "inline_ended");
}

static double worker(const json_t *slot)
{
	return per_operation(slot, "worker");
}

static double registrations(const json_t *slot)
{
	return per_operation(slot, "registrations");
}

static double steps(const json_t *slot)
{
	return per_operation(slot, "steps");
}

static double task_wakes(const json_t *slot)
{
	return per_operation(slot, "task_wakes");
}

static double polls(const json_t *slot)
{
	return per_operation(slot, "polls");
}

static double completions_per_wait(const json_t *slot)
{
	double ends = counted(slot, "ended") + counted(slot, "interim");

	if (ends < number(slot, "operations_total"))
		return NAN; /* a native dialect: what it does is no operation of the loop's */
	return ratio(ends, counted(slot, "waits"));
}

static double switches(const json_t *slot)
{
	const json_t *noise = json_object_get(slot, "noise");

	return ratio(number(noise, "voluntary_switches") + number(noise, "involuntary_switches"),
		     number(slot, "operations"));
}

static double bytes_on_loan(const json_t *slot)
{
	return ratio(counted(slot, "lent_byte_seconds") * 1e9, counted(slot, "life_ns"));
}

static double byte_us_on_loan(const json_t *slot)
{
	return 1e6 * per_operation(slot, "lent_byte_seconds");
}

static double us_on_loan(const json_t *slot)
{
	return 1e6 * per_operation(slot, "lent_seconds");
}

static double copied_bytes(const json_t *slot)
{
	return per_operation(slot, "copied_bytes");
}

static double load_busy(const json_t *slot)
{
	double share = ratio(100 * number(slot, "load_cpu_ns"), number(slot, "elapsed_ns"));

	return share > 0 ? share : NAN; /* none: the arm is its own load */
}

static double arm_busy(const json_t *slot)
{
	return ratio(100 * number(slot, "cpu_ns"), number(slot, "elapsed_ns"));
}

static const struct metric COUNTERS[] = {
	{ "system_calls_per_operation", "loop's system calls per op", "", "", false, system_calls },
	{ "wasted_attempts_per_operation", "wasted attempts per op", "", "", false, wasted },
	{ "waits_per_operation", "waits per op", "", "", false, waits },
	{ "completions_per_wait", "completions per wait", "", "", false, completions_per_wait },
	{ "inline_per_operation", "ended inline per op", "", "", false, inline_ended },
	{ "worker_per_operation", "to a worker per op", "", "", false, worker },
	{ "registrations_per_operation", "registrations per op", "", "", false, registrations },
	{ "context_switches_per_operation", "context switches per op", "", "", false, switches },
	{ "bytes_on_loan_mean", "bytes on loan, mean", "bytes", "", false, bytes_on_loan },
	{ "byte_us_on_loan_per_operation", "byte-us on loan per op", "", "", false,
	  byte_us_on_loan },
	{ "us_on_loan_per_operation", "us on loan per op", "", "", false, us_on_loan },
	{ "copied_bytes_per_operation", "bytes copied per op", "", "", false, copied_bytes },
	{ "arm_busy_percent", "arm's processor use", "%", "", false, arm_busy },
	{ "load_busy_percent", "load's processor use", "%", "", false, load_busy },
};

/* Where an arm has tasks. */
static const struct metric TASK_COUNTERS[] = {
	{ "steps_per_operation", "steps of tasks per op", "", "", false, steps },
	{ "task_wakes_per_operation", "tasks woken per op", "", "", false, task_wakes },
	{ "polls_per_operation", "polls of futures per op", "", "", false, polls },
};

/* With as many digits as are stored, or a value half-way between two that are shown would be shown as
 * the one now, and as the other when it was read again. */
static json_t *real_or_null(double value)
{
	char text[40];

	if (!isfinite(value))
		return json_null();
	snprintf(text, sizeof(text), "%.*g", STORE_DIGITS, value);
	return json_real(strtod(text, NULL));
}

static bool is_kept(const json_t *round)
{
	return json_is_true(json_object_get(round, "kept"));
}

/* The figures of one arm in one round: two for the first arm, one for the others. */
static unsigned int figures_of(const json_t *round, unsigned int arm, figure_fn *figure,
			       double *values)
{
	unsigned int count = 0;
	json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(round, "slots"), i, slot) {
		if (json_integer_value(json_object_get(slot, "arm")) == (json_int_t)arm &&
		    count < 2)
			values[count++] = figure(slot);
	}
	return count;
}

/* A counter's: of all kept slots. */
static double median_of(const json_t *rounds, unsigned int arm, figure_fn *figure)
{
	static double values[2 * INTERVAL_VALUES_MAX];
	struct interval interval;
	unsigned int count = 0;
	json_t *round;
	size_t i;

	json_array_foreach(rounds, i, round) {
		if (is_kept(round) && count + 2 <= 2 * INTERVAL_VALUES_MAX)
			count += figures_of(round, arm, figure, values + count);
	}
	for (unsigned int k = 0; k < count; k++) {
		if (!isfinite(values[k]))
			return NAN;
	}
	interval_take(values, count, &interval);
	return count ? interval.middle : NAN;
}

static json_t *medians_json(const json_t *rounds, unsigned int arms, figure_fn *figure)
{
	json_t *medians = json_array();

	for (unsigned int arm = 0; arm < arms; arm++)
		json_array_append_new(medians, real_or_null(median_of(rounds, arm, figure)));
	return medians;
}

/* A ratio can be made of it. */
static bool is_shown(double figure)
{
	return isfinite(figure) && figure > 0;
}

/* The figure of an arm in one round, NAN where it couldn't be measured. Both plays of the first arm
 * count: their geometric mean is what the others are set against. */
static double figure_of_round(const json_t *round, unsigned int arm, figure_fn *figure)
{
	double values[2];
	unsigned int count = figures_of(round, arm, figure, values);

	if (count != (arm ? 1 : 2))
		return NAN;
	return arm ? values[0] : sqrt(values[0] * values[1]);
}

bool conclude_enough(unsigned int rounds, unsigned int left_out)
{
	return !left_out || rounds >= INTERVAL_VALUES_MIN;
}

static double median_of_rounds(const json_t *rounds, unsigned int arm, figure_fn *figure)
{
	double values[INTERVAL_VALUES_MAX];
	unsigned int count = 0, left_out = 0;
	struct interval interval;
	json_t *round;
	size_t i;

	json_array_foreach(rounds, i, round) {
		double value = figure_of_round(round, arm, figure);

		if (!is_kept(round) || count == INTERVAL_VALUES_MAX)
			continue;
		if (is_shown(value))
			values[count++] = value;
		else
			left_out++;
	}
	interval_take(values, count, &interval);
	return count && conclude_enough(count, left_out) ? interval.middle : NAN;
}

/* What of the rounds speaks about one metric of two arms. */
struct rounds_gathered {
	double ratios[INTERVAL_VALUES_MAX], floors[INTERVAL_VALUES_MAX];
	unsigned int count, left_out;
	const char *cause; /* why one that was left out was disturbed; NULL where none was */
};

static void gather_round(const json_t *round, unsigned int arm, figure_fn *figure,
			 struct rounds_gathered *gathered)
{
	const char *cause = json_string_value(json_object_get(round, "disturbed_by"));
	double other = figure_of_round(round, arm, figure);
	double both = figure_of_round(round, 0, figure);
	double first[2];

	if (is_shown(other) && is_shown(both)) {
		figures_of(round, 0, figure, first);
		gathered->ratios[gathered->count] = both / other;
		gathered->floors[gathered->count++] = first[0] / first[1];
		return;
	}
	gathered->left_out++;
	if (!gathered->cause)
		gathered->cause = cause;
}

static void gather(const json_t *rounds, unsigned int arm, figure_fn *figure,
		   struct rounds_gathered *gathered)
{
	json_t *round;
	size_t i;

	gathered->count = gathered->left_out = 0;
	gathered->cause = NULL;
	json_array_foreach(rounds, i, round) {
		if (is_kept(round) && gathered->count < INTERVAL_VALUES_MAX)
			gather_round(round, arm, figure, gathered);
	}
}

/* What the verdict of a metric stands on, beside the figures. */
static json_t *numbers_json(const struct verdict_result *result)
{
	if (result->verdict == VERDICT_NOT_MEASURED)
		return json_object();
	if (result->verdict == VERDICT_TOO_FEW_ROUNDS)
		return json_pack("{s:f}", "ratio", result->ratio);
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "ratio", result->ratio, "ratio_low",
			 result->low, "ratio_high", result->high, "level", result->level, "floor",
			 result->floor, "detectable", result->detectable);
}

/* Leaving out the rounds whose rate wasn't kept would leave in the better ones. */
static bool is_void(const json_t *rounds, unsigned int arm, const struct metric *metric)
{
	return !strncmp(metric->key, "latency_", strlen("latency_")) &&
		limits_missed_by(rounds, arm);
}

static json_t *comparison_json(const json_t *rounds, unsigned int arm, const struct metric *metric,
			       bool disturbed)
{
	struct rounds_gathered gathered;
	struct verdict_evidence evidence = { .ratios = gathered.ratios, .floors = gathered.floors,
					     .disturbed = disturbed && metric->wall };
	bool missed = is_void(rounds, 0, metric) || is_void(rounds, arm, metric);
	struct verdict_result result;
	json_t *json;

	gather(rounds, arm, metric->figure, &gathered);
	evidence.rounds = gathered.count;
	evidence.measured = !missed && gathered.count &&
		conclude_enough(gathered.count, gathered.left_out);
	verdict_decide(&evidence, &result);
	json = json_pack("{s:i, s:i, s:s, s:i, s:i, s:s?}", "a", 0, "b", (int)arm, "verdict",
			 verdict_word(result.verdict), "rounds", (int)gathered.count,
			 "rounds_left_out", (int)gathered.left_out, "left_out_disturbed_by",
			 gathered.cause);
	json_object_update_new(json, numbers_json(&result));
	if (missed)
		json_object_set_new(json, "reason", json_string("the rate was not kept"));
	return json;
}

static json_t *metric_json(const json_t *rounds, unsigned int arms, const struct metric *metric,
			   bool disturbed)
{
	json_t *comparisons = json_array(), *medians = json_array();

	for (unsigned int arm = 0; arm < arms; arm++)
		json_array_append_new(medians, is_void(rounds, arm, metric) ? json_null()
				      : real_or_null(median_of_rounds(rounds, arm,
								      metric->figure)));
	for (unsigned int arm = 1; arm < arms; arm++)
		json_array_append_new(comparisons,
				      comparison_json(rounds, arm, metric, disturbed));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "key", metric->key, "title",
			 metric->title, "unit", metric->unit, "better", metric->better, "medians",
			 medians, "comparisons", comparisons);
}

const char *conclude_disturbance(const json_t *round)
{
	const char *cause = NULL;
	json_t *slot;
	size_t i;

	if (json_is_true(json_object_get(round, "stopped")))
		return "the run was stopped for a while";
	json_array_foreach(json_object_get(round, "slots"), i, slot) {
		const json_t *json = json_object_get(slot, "noise");
		struct noise noise = {
			.elapsed_ns = (uint64_t)json_integer_value(
				json_object_get(slot, "elapsed_ns")),
			.wait_ns = (uint64_t)json_integer_value(json_object_get(json, "wait_ns")),
			.steal_ns = (uint64_t)json_integer_value(json_object_get(json, "steal_ns")),
			.others_cpu_ns = (uint64_t)json_integer_value(
				json_object_get(json, "others_cpu_ns")),
		};

		if (!cause)
			cause = noise_cause(&noise);
	}
	return cause;
}

static json_t *noise_json(const json_t *rounds)
{
	int kept = 0, disturbed = 0, repeated = 0;
	const char *cause = NULL;
	json_t *round;
	size_t i;

	json_array_foreach(rounds, i, round) {
		const char *why = json_string_value(json_object_get(round, "disturbed_by"));

		kept += is_kept(round);
		repeated += !is_kept(round);
		disturbed += is_kept(round) && why;
		if (why)
			cause = why;
	}
	return json_pack("{s:i, s:i, s:i, s:s?}", "rounds_kept", kept, "rounds_repeated", repeated,
			 "rounds_disturbed", disturbed, "cause", cause);
}

static bool mostly_disturbed(const json_t *noise)
{
	return 2 * json_integer_value(json_object_get(noise, "rounds_disturbed")) >
		json_integer_value(json_object_get(noise, "rounds_kept"));
}

double conclude_figure(const json_t *round, size_t metric, unsigned int arm)
{
	double value = figure_of_round(round, arm, METRICS[metric].figure);

	return is_shown(value) ? value : NAN;
}

double conclude_floor(const json_t *round, size_t metric)
{
	double plays[2] = { NAN, NAN }, value;

	figures_of(round, 0, METRICS[metric].figure, plays);
	value = ratio(plays[0], plays[1]);
	return is_shown(value) ? value : NAN;
}

bool conclude_is_void(const json_t *cell, size_t metric, unsigned int arm)
{
	return is_void(json_object_get(cell, "rounds"), arm, &METRICS[metric]);
}

size_t conclude_find(const char *key)
{
	size_t metric = 0;

	while (strcmp(METRICS[metric].key, key) != 0)
		metric++;
	return metric;
}

bool conclude_disturbed(const json_t *cell)
{
	json_t *noise = noise_json(json_object_get(cell, "rounds"));
	bool disturbed = mostly_disturbed(noise);

	json_decref(noise);
	return disturbed;
}

bool conclude_metric(size_t index, struct conclude_metric *metric)
{
	const struct metric *at = &METRICS[index];

	if (index >= sizeof(METRICS) / sizeof(*METRICS))
		return false;
	*metric = (struct conclude_metric){ at->key, at->title, at->unit, at->better, at->wall };
	return true;
}

unsigned int conclude_figures(const json_t *cell, size_t metric, unsigned int arm, double *values,
			      unsigned int *left_out)
{
	unsigned int count = 0;
	json_t *round;
	size_t i;

	*left_out = 0;
	if (is_void(json_object_get(cell, "rounds"), arm, &METRICS[metric]))
		return 0;
	json_array_foreach(json_object_get(cell, "rounds"), i, round) {
		double value = figure_of_round(round, arm, METRICS[metric].figure);

		if (!is_kept(round) || count == INTERVAL_VALUES_MAX)
			continue;
		if (isfinite(value) && value > 0)
			values[count++] = value;
		else
			++*left_out;
	}
	return count;
}

unsigned int conclude_floors(const json_t *cell, size_t metric, double *values)
{
	unsigned int count = 0;
	json_t *round;
	size_t i;

	json_array_foreach(json_object_get(cell, "rounds"), i, round) {
		double value = conclude_floor(round, metric);

		if (is_kept(round) && count < INTERVAL_VALUES_MAX && is_shown(value))
			values[count++] = value;
	}
	return count;
}

bool conclude_speaks_of(const json_t *cell, size_t metric)
{
	const char *workload = json_string_value(json_object_get(cell, "workload"));

	for (size_t i = 0; i < sizeof(LIMITED) / sizeof(*LIMITED); i++) {
		if (!strcmp(LIMITED[i].key, METRICS[metric].key))
			return LIMITED[i].knows ==
				(workload && !strcmp(workload, LIMITED[i].workload));
	}
	return true;
}

static bool has_tasks(const json_t *rounds)
{
	json_t *round, *slot;
	size_t i, k;

	json_array_foreach(rounds, i, round) {
		json_array_foreach(json_object_get(round, "slots"), k, slot) {
			if (isfinite(steps(slot)))
				return true;
		}
	}
	return false;
}

static json_t *counter_json(const json_t *rounds, unsigned int arms, const struct metric *counter)
{
	return json_pack("{s:s, s:s, s:o}", "key", counter->key, "title", counter->title, "medians",
			 medians_json(rounds, arms, counter->figure));
}

void conclude_cell(json_t *cell)
{
	const json_t *rounds = json_object_get(cell, "rounds");
	unsigned int arms = (unsigned int)json_array_size(json_object_get(cell, "arms"));
	json_t *metrics = json_array(), *counters = json_array(), *noise = noise_json(rounds);
	bool disturbed = mostly_disturbed(noise);

	for (size_t i = 0; i < sizeof(METRICS) / sizeof(*METRICS); i++)
		if (conclude_speaks_of(cell, i))
			json_array_append_new(metrics, metric_json(rounds, arms, &METRICS[i], disturbed));
	for (size_t i = 0; i < sizeof(COUNTERS) / sizeof(*COUNTERS); i++)
		json_array_append_new(counters, counter_json(rounds, arms, &COUNTERS[i]));
	for (size_t i = 0; has_tasks(rounds) && i < sizeof(TASK_COUNTERS) / sizeof(*TASK_COUNTERS); i++)
		json_array_append_new(counters, counter_json(rounds, arms, &TASK_COUNTERS[i]));
	json_object_set_new(cell, "metrics", metrics);
	json_object_set_new(cell, "counters", counters);
	json_object_set_new(cell, "noise", noise);
	limits_conclude(cell);
}
