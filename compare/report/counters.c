/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/counters.h"

#include <duet/buffer.h>
#include <duet/loop.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/models/model.h"

struct counter {
	const char *key;
	size_t offset;
};

static const struct counter COUNTERS[] = {
	{ "turns", offsetof(struct duet_stats, turns) },
	{ "waits", offsetof(struct duet_stats, waits) },
	{ "system_calls", offsetof(struct duet_stats, system_calls) },
	{ "started", offsetof(struct duet_stats, started) },
	{ "ended", offsetof(struct duet_stats, ended) },
	{ "interim", offsetof(struct duet_stats, interim) },
	{ "inline_ended", offsetof(struct duet_stats, inline_ended) },
	{ "armed", offsetof(struct duet_stats, armed) },
	{ "worker", offsetof(struct duet_stats, worker) },
	{ "wasted", offsetof(struct duet_stats, wasted) },
	{ "registrations", offsetof(struct duet_stats, registrations) },
	{ "submitted", offsetof(struct duet_stats, submitted) },
	{ "events", offsetof(struct duet_stats, events) },
	{ "overflowed", offsetof(struct duet_stats, overflowed) },
	{ "queue_full", offsetof(struct duet_stats, queue_full) },
	{ "stale", offsetof(struct duet_stats, stale) },
	{ "reclaimed", offsetof(struct duet_stats, reclaimed) },
	{ "abandoned", offsetof(struct duet_stats, abandoned) },
	{ "discarded_bytes", offsetof(struct duet_stats, discarded_bytes) },
	{ "cancels", offsetof(struct duet_stats, cancels) },
	{ "cancels_again", offsetof(struct duet_stats, cancels_again) },
	{ "cancels_ended", offsetof(struct duet_stats, cancels_ended) },
	{ "cancels_running", offsetof(struct duet_stats, cancels_running) },
	{ "cancels_unknown", offsetof(struct duet_stats, cancels_unknown) },
	{ "starved", offsetof(struct duet_stats, starved) },
	{ "copied_bytes", offsetof(struct duet_stats, copied_bytes) },
	{ "wakes", offsetof(struct duet_stats, wakes) },
};

static void add_ledger(const struct duet_loop *loop, json_t *json)
{
	struct duet_ledger ledger;

	duet_loop_ledger(loop, &ledger);
	json_object_set_new(json, "lent_peak_bytes",
			    json_integer((json_int_t)ledger.lent_peak_bytes));
	json_object_set_new(json, "lent_byte_seconds", json_real(ledger.lent_byte_seconds));
	json_object_set_new(json, "lent_seconds", json_real(ledger.lent_seconds));
	json_object_set_new(json, "held_peak_bytes",
			    json_integer((json_int_t)ledger.held_peak_bytes));
}

json_t *counters_json(const struct duet_loop *loop, uint64_t life_ns)
{
	json_t *json = json_object();
	struct duet_stats stats;

	duet_loop_stats(loop, &stats);
	for (size_t i = 0; i < sizeof(COUNTERS) / sizeof(*COUNTERS); i++) {
		const char *at = (const char *)&stats + COUNTERS[i].offset;

		json_object_set_new(json, COUNTERS[i].key,
				    json_integer((json_int_t)*(const uint64_t *)at));
	}
	add_ledger(loop, json);
	json_object_set_new(json, "life_ns", json_integer((json_int_t)life_ns));
	return json;
}

void counters_add_model(json_t *counters, const struct model_counts *counts)
{
	json_object_set_new(counters, "steps", json_integer((json_int_t)counts->steps));
	json_object_set_new(counters, "task_wakes", json_integer((json_int_t)counts->wakes));
	json_object_set_new(counters, "polls", json_integer((json_int_t)counts->polls));
}
