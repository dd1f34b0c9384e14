/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* From a name to a backend. Everything else in the program knows backends only as values. */
#ifndef COMPARE_BACKENDS_H
#define COMPARE_BACKENDS_H

#include <stddef.h>

struct duet_backend;

/* All of them, in the order of preference that "auto" takes. */
enum { BACKENDS_COUNT = 2 };
const struct duet_backend *backends_at(size_t index);

/* NULL where there is none of this name. */
const struct duet_backend *backends_find(const char *name);

#endif
