/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/progress.h"

#include <stdio.h>

#include "compare/measure/window.h"
#include "compare/say.h"

static uint64_t left_s(const struct progress *progress, unsigned int kept, unsigned int slot)
{
	unsigned int left = (progress->rounds - kept) * progress->slots - slot;
	uint64_t each_ns = progress->each_ns;

	if (progress->played)
		each_ns = (window_now_ns() - progress->begun_ns) / progress->played;
	return left * each_ns / 1000000000;
}

void progress_slot(struct progress *progress, unsigned int kept, unsigned int slot,
		   unsigned int repeated)
{
	unsigned int seconds = (unsigned int)left_s(progress, kept, slot);
	char left[32] = "";

	if (progress->played || progress->each_ns)
		snprintf(left, sizeof(left), "  %u:%02u left", seconds / 60, seconds % 60);
	if (!progress->played)
		progress->begun_ns = window_now_ns();
	say_progress("%s (%u of %u)  round %u of %u, %u repeated%s", progress->what,
		     progress->index + 1, progress->count, kept + 1, progress->rounds, repeated,
		     left);
	progress->played++;
}
