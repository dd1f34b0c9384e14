/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/account.h"

#include <inttypes.h>

#include "compare/report/slot.h"
#include "compare/say.h"

static bool is_open(const struct load_result *result)
{
	return result->run.schedule.rate_per_s;
}

static double seconds(const struct load_result *result)
{
	return (double)window_elapsed_ns(&result->window) / 1e9;
}

void account_add(const struct load_result *result, json_t *slot)
{
	const struct histogram *late = &result->run.late;

	json_object_set_new(slot, "load_limited", json_boolean(load_limited(result)));
	if (!is_open(result))
		return;
	json_object_set_new(slot, "due", json_integer((json_int_t)result->due));
	json_object_set_new(slot, "held", json_integer((json_int_t)result->run.held));
	json_object_set_new(slot, "rate_kept", json_boolean(load_rate_kept(result)));
	json_object_set_new(slot, "sent_late_p99_ns", histogram_can_show(late->count, 0.99)
				    ? json_real(histogram_quantile(late, 0.99)) : json_null());
	json_object_set_new(slot, "sent_late_max_ns", json_integer((json_int_t)late->max));
	json_object_set_new(slot, "service", slot_histogram_json(&result->run.service));
}

static void print_times(const char *what, const struct histogram *times, FILE *out)
{
	if (!times->count) {
		fprintf(out, "%-9snot measured\n", what);
		return;
	}
	fprintf(out, "%-9smedian %.1f us", what, histogram_quantile(times, 0.5) / 1e3);
	if (histogram_can_show(times->count, 0.99))
		fprintf(out, "   p99 %.1f us", histogram_quantile(times, 0.99) / 1e3);
	if (histogram_can_show(times->count, 0.999))
		fprintf(out, "   p99.9 %.1f us", histogram_quantile(times, 0.999) / 1e3);
	fprintf(out, "   longest %.1f us\n", (double)times->max / 1e3);
}

void account_print(const struct load_result *result, FILE *out)
{
	const struct connection_run *run = &result->run;
	char loop[48] = "closed loop";

	if (is_open(result))
		snprintf(loop, sizeof(loop), "open loop at %u a second", run->schedule.rate_per_s);
	fprintf(out, "%" PRIu64 " message%s in %.3g s: %.0f a second (%s, round trips)\n",
		run->answered, say_plural(run->answered), seconds(result),
		(double)run->answered / seconds(result), loop);
	print_times("latency", &run->latency, out);
	if (is_open(result)) {
		print_times("service", &run->service, out);
		print_times("late", &run->late, out);
	}
	if (load_limited(result))
		say_wrapped(out, is_open(result)
			? "The load generator was late by itself: it made more than a quarter of "
			  "the p99 latency."
			: "The load generator was busy all the time: it, and not the server alone, "
			  "set throughput and latency.", 0, 0);
}

int account_judge(const struct load_result *result)
{
	const struct connection_run *run = &result->run;
	char held[128] = "";

	if (!is_open(result) || load_rate_kept(result))
		return SAY_OK;
	if (run->held)
		snprintf(held, sizeof(held), ", and %" PRIu64 " were held back since a connection had "
			 "a second's messages unanswered", run->held);
	return say_failure(SAY_UNMEASURED, "the rate was not kept: %.0f messages a second were "
			   "due, and %.0f were answered%s%s", (double)result->due / seconds(result),
			   (double)run->answered / seconds(result), held, load_limited(result)
			   ? "; the load generator itself was late" : "");
}
