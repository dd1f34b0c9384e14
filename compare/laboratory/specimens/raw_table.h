/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* The mistakes that are made inside a runtime: where each shows, on each mechanism. */
#ifndef COMPARE_LABORATORY_SPECIMENS_RAW_TABLE_H
#define COMPARE_LABORATORY_SPECIMENS_RAW_TABLE_H

#include "compare/laboratory/specimens/raw.h"

struct raw_specimen {
	const char *name, *does;
	const char *shipped; /* where it was found: owner/repository#issue */
	enum raw_scene scene;
	enum raw_mistake mistake;
	unsigned int breaks[RAW_MECHANISMS]; /* a bit for each phase, in the order of RAW_ON */
	unsigned int violates; /* a bit for each enum raw_wrong, on any of them */
};

/* Ends with one without a name. */
extern const struct raw_specimen RAW_SPECIMENS[];

struct raw_seen {
	unsigned int breaks, violates;
};

/* All phases of its scene, under a mistake or, with RAW_NONE, without. 0, or -errno: the mechanism is
 * not to be had here. */
int raw_sweep(const struct raw_specimen *specimen, enum raw_mistake mistake, int on,
	      struct raw_seen *seen);

#endif
