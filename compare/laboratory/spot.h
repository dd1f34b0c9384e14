/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where one cancel of a sweep is put in, as people write it: POINT,PHASE,KIND and, where there is more than one
 * order, ,ORDER. */
#ifndef COMPARE_LABORATORY_SPOT_H
#define COMPARE_LABORATORY_SPOT_H

#include <duet/laboratory.h>

struct spot {
	uint32_t point;
	enum duet_lab_phase phase;
	enum duet_lab_kind kind;
	const char *order; /* lent by the text; NULL: the first */
};

/* An exit code; what is wrong with it has been said. */
int spot_read(const char *text, struct spot *spot);

/* Names of several words are written with dashes. */
void spot_write(const struct duet_lab_outcome *outcome, char *text, size_t size);

#endif
