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
	bool can_order;                     /* it can be told what completes next */
};

enum { MECHANISMS_MAX = 4 };

/* Those that name stands for: one by its whole name, all of a backend by the backend's; NULL is all.
 * How many; 0: there is none of that name. */
size_t mechanism_find(const char *name, struct mechanism *found);

/* The same of those that a sweep can be made on: the reference, without a kernel, is one more. */
size_t mechanism_find_swept(const char *name, struct mechanism *found);

#endif
