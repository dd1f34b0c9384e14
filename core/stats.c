/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/loop.h"

/* What a loop did, in sums and by the way of each kind. */

void duet_loop_stats(const struct duet_loop *loop, struct duet_stats *stats)
{
	*stats = loop->stats;
	stats->started = stats->ended + loop->pending;
	for (int kind = 0; kind < DUET_KIND_COUNT; kind++) {
		stats->inline_ended += loop->ways[CORE_INLINE][kind];
		stats->armed += loop->ways[CORE_ISSUED][kind];
		stats->worker += loop->ways[CORE_WORKER][kind];
	}
}

static enum duet_way issued_as(const struct duet_loop *loop, enum duet_kind kind)
{
	enum duet_way way = kind < DUET_IO_KIND_COUNT ? (enum duet_way)loop->issued_as[kind]
						      : DUET_WAY_ARMED;

	/* Of a kind that is otherwise a plain call, or a worker's: what had to wait all the same. */
	return way == DUET_WAY_ENCODED || way == DUET_WAY_EMULATED ? way : DUET_WAY_ARMED;
}

uint64_t duet_loop_way_count(const struct duet_loop *loop, enum duet_kind kind, enum duet_way way)
{
	if ((unsigned)kind >= DUET_KIND_COUNT)
		return 0;
	if (way == DUET_WAY_INLINE)
		return loop->ways[CORE_INLINE][kind];
	if (way == DUET_WAY_WORKER)
		return loop->ways[CORE_WORKER][kind];
	return way == issued_as(loop, kind) ? loop->ways[CORE_ISSUED][kind] : 0;
}

const char *duet_way_name(enum duet_way way)
{
	static const char *const names[DUET_WAY_COUNT] = {
		[DUET_WAY_ARMED] = "armed",       [DUET_WAY_INLINE] = "inline",
		[DUET_WAY_ENCODED] = "encoded",   [DUET_WAY_EMULATED] = "emulated",
		[DUET_WAY_WORKER] = "worker",
	};

	return (unsigned)way < DUET_WAY_COUNT ? names[way] : "?";
}
