/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* How far the target has come when its cancel is requested. */
#ifndef COMPARE_LABORATORY_PHASE_H
#define COMPARE_LABORATORY_PHASE_H

#include <stddef.h>

struct scene;
struct subject;

struct phase {
	const char *name, *what;
	/* Why a subject never comes there, or NULL. */
	const char *(*unreachable)(const struct subject *subject);
	/* Starts the target, brings it there and requests the cancel. */
	void (*play)(struct scene *scene);
};

enum { PHASES_COUNT = 7 };
extern const struct phase PHASES[PHASES_COUNT];

#endif
