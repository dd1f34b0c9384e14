/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Plays a stored run again: what was played is read from the result itself and not from its command
 * line, so that a set or a default that changed since changes nothing. */
#ifndef COMPARE_LIKE_H
#define COMPARE_LIKE_H

#include <jansson.h>
#include <stdint.h>

#include "compare/workloads/workload.h"

struct like {
	const char *path;
	json_t *result; /* what was read; the cells' file names stand in it */
	uint64_t seed;
};

/* Reads the result at path, and its cells with their arms, rounds and times. An exit code; what can't
 * be played again has been said. Call like_forget() also after a failure. */
int like_read(struct like *like, const char *path, struct cell *cells, unsigned int cells_max,
	      unsigned int *count);

/* Says where this machine isn't that one, by a line on stderr. */
void like_note_machine(const struct like *like);

void like_forget(struct like *like);

#endif
