/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_ARMS_H
#define REFERENCE_TWINS_ARMS_H

#include <duet/loop.h>
#include <stdbool.h>

#include "reference/script.h"

/* Who plays: a backend with a tuning. */
struct arm {
	const char *name;
	const struct duet_backend *(*backend)(void);
	const char *tuning;
	bool kernel; /* real descriptors, real time */
	bool ring;   /* has a queue that can be full */
};

#define ARMS_COUNT 4
extern const struct arm arms[ARMS_COUNT];

/* NULL if there is none of that name. */
const struct arm *arm_find(const char *name);

/* The arm's tuning for this script, and what is asked for beside it (may be NULL). */
#define ARM_TUNING_BYTES 256
void arm_tuning(const struct arm *arm, const struct script *script, const char *more, char *text);

/* Descriptors that this process, or the arm's own world, has open. */
int arm_descriptors(const struct arm *arm, const struct duet_loop *loop);

#endif
