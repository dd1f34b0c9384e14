/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a cancel is tried on by, side by side: a backend, and where it has them its modes. */
#ifndef COMPARE_LABORATORY_MECHANISM_H
#define COMPARE_LABORATORY_MECHANISM_H

#include <stdbool.h>
#include <stddef.h>

struct duet_backend;

struct mechanism {
	const char *name;                   /* as completion/deferred */
	const struct duet_backend *backend;
	const char *tuning;                 /* or NULL */
	bool native;                        /* in the backend's own dialect */
	bool can_order;                     /* it can be told what completes next: no kernel decides */
};

enum { MECHANISMS_MAX = 6 };

/* Those that name stands for: one by its whole name, all of a backend by the backend's; NULL is all.
 * How many; 0: there is none of that name. */
size_t mechanism_find(const char *name, struct mechanism *found);

/* The same for whole workloads, of which there are more: NULL is those that are tried unless others are
 * asked for, and an index gives each, false behind the last. */
size_t mechanism_find_swept(const char *name, struct mechanism *found);
bool mechanism_at(size_t index, struct mechanism *mechanism);

#endif
