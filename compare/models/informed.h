/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Many children of which one is active: each is the future of a receive, and only one of them ever
 * receives something. What differs is how its parent knows whom to ask. */
#ifndef COMPARE_MODELS_INFORMED_H
#define COMPARE_MODELS_INFORMED_H

#include <duet/handle.h>
#include <stdint.h>

#include "compare/measure/histogram.h"

struct duet_loop;

enum { INFORMED_IDLE_MAX = 10000 };

/* What is sent is the time at which it was sent, on the monotonic clock. */
struct informed_options {
	struct duet_loop *loop;
	const duet_handle *handles; /* idle_count + 1; the active one is the last */
	uint32_t idle_count;
};

struct informed_result {
	uint64_t events;
	uint64_t wakes; /* of the parent, or of a child */
	uint64_t polls; /* of children */
	int error;
	struct histogram latency; /* from the send to when the parent has it */
};

struct informed;

/* How the parent waits: until_ns is when it gives up. 0 or a negative errno. */
struct informed_style {
	const char *name;
	void (*begin)(struct informed *informed);
	int (*run)(struct informed *informed, uint64_t until_ns);
};

/* precise: each child has a waker of its own, and the woken one is polled.
 * poll-all: the parent's waker is that of all children, and whenever it is woken it polls them all.
 * spin: nobody is woken; the parent polls them all, again and again, and never sleeps. */
#define INFORMED_STYLES 3
extern const struct informed_style *const INFORMED_STYLE[INFORMED_STYLES];
#define INFORMED_STYLE_NAMES "precise, poll-all and spin"

const struct informed_style *informed_style_find(const char *name); /* NULL: none of this name */

/* NULL if there is no memory. */
struct informed *informed_create(const struct informed_options *options,
				 const struct informed_style *style,
				 struct informed_result *result);

int informed_run(struct informed *informed, uint64_t until_ns);

/* After its loop is gone. */
void informed_destroy(struct informed *informed);

#endif
