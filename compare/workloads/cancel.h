/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the workload cancel knows by name. */
#ifndef COMPARE_WORKLOADS_CANCEL_H
#define COMPARE_WORKLOADS_CANCEL_H

#include "bench/floors/cancel_engine.h"

/* "never" is asked for by another option. */
#define CANCEL_METHOD_NAMES "user-data, descriptor, scope and deadline"
#define CANCEL_FLOOR_NAMES "floor-epoll, floor-uring and floor-link"

const char *cancel_method_name(enum cancel_method method);

/* CANCEL_METHODS: there is none of this name. */
enum cancel_method cancel_method_find(const char *name);

/* NULL: there is none of this name. */
const struct cancel_engine *cancel_floor_find(const char *name);

#endif
