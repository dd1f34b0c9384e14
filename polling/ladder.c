/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a kernel may not have, and what there is in its place. A reactor tries as it goes, so that
 * nothing is asked at create; here is what it does without from the start.
 */

static const struct {
	const char *name;
	uint8_t bit;
} steps[] = {
	{"epoll-pwait2", POLLING_WITHOUT_PWAIT2},
	{"read-nowait", POLLING_WITHOUT_NOWAIT},
};

static uint8_t step_bit(const char *name, size_t bytes)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (strlen(steps[i].name) == bytes && !memcmp(steps[i].name, name, bytes))
			return steps[i].bit;
	return 0;
}

int polling_ladder_read(const char *names, uint8_t *without)
{
	while (names && *names) {
		size_t bytes = strcspn(names, "+,");
		uint8_t bit = step_bit(names, bytes);

		if (!bit)
			return -EINVAL;
		*without |= bit;
		names += bytes + !!names[bytes];
	}
	return 0;
}

static bool needs_worker(enum duet_kind kind)
{
	switch (kind) {
	case DUET_READ:
	case DUET_WRITE:
	case DUET_OPEN:
	case DUET_FSYNC:
	case DUET_STATX:
	case DUET_MKDIR:
	case DUET_UNLINK:
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
	case DUET_TRUNCATE:
	case DUET_ALLOCATE:
		return true;
	default:
		return false;
	}
}

static const char *why_not(enum duet_kind kind, uint8_t without, bool workers)
{
	if (kind == DUET_TIMEOUT)
		return "";
	if (!polling_carries(kind))
		return "not carried by this backend";
	if (kind == DUET_SEND_ZERO_COPY)
		return "copied: the error queue isn't ours to be told by";
	if (!needs_worker(kind))
		return "";
	if (!workers)
		return "takes a worker thread; there is none";
	if (kind == DUET_READ && !(without & POLLING_WITHOUT_NOWAIT))
		return "tried without blocking; the rest by a worker thread";
	return "files are never waited for: a worker thread";
}

void polling_ladder_choose(uint8_t *capability, char (*why)[DUET_WHY_BYTES], uint8_t without,
			   bool workers)
{
	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++) {
		bool carried = kind == DUET_TIMEOUT || polling_carries((enum duet_kind)kind);
		bool worker = needs_worker((enum duet_kind)kind);
		bool native = !worker && kind != DUET_SEND_ZERO_COPY;

		capability[kind] = !carried || (worker && !workers) ? DUET_ABSENT
				   : native			    ? DUET_NATIVE
								    : DUET_EMULATED;
		if (why)
			snprintf(why[kind], DUET_WHY_BYTES, "%s",
				 why_not((enum duet_kind)kind, without, workers));
	}
}
