/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/mix.h"

#include <duet/operation.h>
#include <stdlib.h>

static int32_t result_class(int result)
{
	return result > 0 ? 1 : result;
}

void mix_add(struct mix *mix, uint8_t disposition, uint8_t cause, int result)
{
	struct mix_outcome outcome = { disposition, cause, result_class(result), 1 };

	for (uint32_t i = 0; i < mix->used; i++) {
		struct mix_outcome *at = &mix->outcomes[i];

		if ((at->disposition == disposition && at->cause == cause &&
		     at->result == outcome.result) || i == MIX_MAX - 1) {
			at->count++;
			return;
		}
	}
	mix->outcomes[mix->used++] = outcome;
}

static int by_count(const void *one, const void *other)
{
	const struct mix_outcome *a = one, *b = other;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return (int)a->disposition - (int)b->disposition;
}

static const char *result_name(int32_t result)
{
	return result < 0 ? duet_error_name(result) : result ? "n" : "0";
}

json_t *mix_json(struct mix *mix)
{
	json_t *list = json_array();

	qsort(mix->outcomes, mix->used, sizeof(*mix->outcomes), by_count);
	for (uint32_t i = 0; i < mix->used; i++) {
		const struct mix_outcome *at = &mix->outcomes[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:I}", "disposition",
			duet_disposition_name((enum duet_disposition)at->disposition), "cause",
			duet_cause_name((enum duet_cause)at->cause), "result",
			result_name(at->result), "count", (json_int_t)at->count));
	}
	return list;
}

/* Without memory the value is left out: a spread of fewer is still one. */
void spread_add(struct spread *spread, uint64_t turns, uint64_t ns)
{
	if (spread->count == spread->room) {
		uint32_t room = spread->room ? 2 * spread->room : 64;
		struct spread_value *values = realloc(spread->values, room * sizeof(*values));

		if (!values)
			return;
		spread->values = values;
		spread->room = room;
	}
	spread->values[spread->count++] = (struct spread_value){ turns, ns };
}

static int by_turns(const void *one, const void *other)
{
	const struct spread_value *a = one, *b = other;

	return (a->turns > b->turns) - (a->turns < b->turns);
}

static int by_ns(const void *one, const void *other)
{
	const struct spread_value *a = one, *b = other;

	return (a->ns > b->ns) - (a->ns < b->ns);
}

json_t *spread_json(struct spread *spread)
{
	uint32_t count = spread->count;
	uint64_t turns_median, turns_max;

	if (!count)
		return json_null();
	qsort(spread->values, count, sizeof(*spread->values), by_turns);
	turns_median = spread->values[count / 2].turns;
	turns_max = spread->values[count - 1].turns;
	qsort(spread->values, count, sizeof(*spread->values), by_ns);
	return json_pack("{s:I, s:I, s:I, s:I}", "turns_median", (json_int_t)turns_median,
			 "turns_max", (json_int_t)turns_max, "median_ns",
			 (json_int_t)spread->values[count / 2].ns, "max_ns",
			 (json_int_t)spread->values[count - 1].ns);
}

void spread_free(struct spread *spread)
{
	free(spread->values);
}
