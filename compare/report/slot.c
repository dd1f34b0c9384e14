/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/slot.h"

#include <unistd.h>

static json_t *buckets_json(const struct histogram *histogram)
{
	json_t *pairs = json_array();

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i])
			json_array_append_new(pairs,
					      json_pack("[I, I]",
							(json_int_t)histogram_lower_bound(i),
							(json_int_t)histogram->buckets[i]));
	}
	return pairs;
}

/* null where so few values can't show it. */
static json_t *quantile_json(const struct histogram *histogram, double q)
{
	if (!histogram_can_show(histogram->count, q))
		return json_null();
	return json_real(histogram_quantile(histogram, q));
}

json_t *slot_histogram_json(const struct histogram *histogram)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "scheme", "log-linear-128",
			 "count", (json_int_t)histogram->count, "min_ns",
			 (json_int_t)histogram->min, "max_ns", (json_int_t)histogram->max, "p50_ns",
			 quantile_json(histogram, 0.5), "p99_ns", quantile_json(histogram, 0.99),
			 "p999_ns", quantile_json(histogram, 0.999), "buckets",
			 buckets_json(histogram));
}

static json_int_t growth(uint64_t from, uint64_t to)
{
	return to > from ? (json_int_t)(to - from) : 0;
}

/* A process that was looked at has run: without processor time there was none, or it is gone. */
static json_t *of_subject(const struct window *window, uint64_t from, uint64_t to)
{
	return window->closed.subject_cpu_ns ? json_integer(growth(from, to)) : json_null();
}

json_t *slot_noise_json(const struct window *window)
{
	const struct window_edge *from = &window->opened, *to = &window->closed;
	struct noise noise;

	window_noise(window, &noise);
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:I}", "wait_ns", (json_int_t)noise.wait_ns,
			 "steal_ns", (json_int_t)noise.steal_ns, "others_cpu_ns",
			 (json_int_t)noise.others_cpu_ns, "voluntary_switches",
			 of_subject(window, from->subject.voluntary, to->subject.voluntary),
			 "involuntary_switches",
			 of_subject(window, from->subject.involuntary, to->subject.involuntary),
			 "load_involuntary_switches",
			 window->subject == getpid()
				 ? 0 : growth(from->own.involuntary, to->own.involuntary));
}

json_t *slot_json(const struct slot *slot)
{
	const struct window *window = slot->window;
	json_int_t load_cpu = growth(window->opened.own_cpu_ns, window->closed.own_cpu_ns);

	if (window->subject == getpid())
		load_cpu = 0;
	return json_pack("{s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o, s:o}", "operations",
			 (json_int_t)slot->operations, "operations_total",
			 (json_int_t)slot->operations_total, "elapsed_ns",
			 (json_int_t)window_elapsed_ns(window), "cpu_ns",
			 of_subject(window, window->opened.subject_cpu_ns,
				    window->closed.subject_cpu_ns),
			 "load_cpu_ns", load_cpu, "wrong_bytes", (json_int_t)slot->wrong_bytes,
			 "lost_operations", (json_int_t)slot->lost_operations, "latency",
			 slot_histogram_json(slot->latency), "noise", slot_noise_json(window));
}
