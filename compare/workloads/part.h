/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a process that plays one slot in the library has beside its workload: a loop, the measured
 * stretch, and leave to begin and to end from whoever watches it. */
#ifndef COMPARE_WORKLOADS_PART_H
#define COMPARE_WORKLOADS_PART_H

#include <duet/loop.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/arm.h"
#include "compare/measure/window.h"
#include "compare/options.h"

/* What each of them is told by player_begin(): the first member of what its command reads. */
struct part_wishes {
	const char *backend, *held;
	uint64_t seed, warmup_ns, duration_ns;
};

#define PART_WISHES { .backend = "polling", .seed = 1, .duration_ns = 1000000000 }

#define PART_AT(field) offsetof(struct part_wishes, field)
#define PART_ROWS                                                                                  \
	{ "backend", OPTION_TEXT, PART_AT(backend), 0, 0, "NAME", "the arm's backend and keys" },  \
	{ "seed", OPTION_SEED, PART_AT(seed), 0, UINT64_MAX, "N", "of what it draws" },            \
	{ "warmup", OPTION_SECONDS, PART_AT(warmup_ns), 0, UINT64_C(60000000000), "SECONDS",       \
	  "first" },                                                                               \
	{ "duration", OPTION_SECONDS, PART_AT(duration_ns), 1000000, UINT64_C(86400000000000),     \
	  "SECONDS", "measured" },                                                                 \
	{ "held", OPTION_TEXT, PART_AT(held), 0, 0, "PATH",                                        \
	  "a byte from there lets it begin, and end" }

struct part {
	struct arm arm;
	struct duet_loop *loop;
	struct window window;
	pid_t carrier; /* a process of its own that sends to it, or 0 */
	int held; /* where the leave to go on comes from, or -1 */
};

/* The loop of the arm, which tunes options. An exit code; why has been said. */
int part_create_loop(struct part *part, struct duet_loop_options *options);

/* path: of --held, or NULL. An exit code. */
int part_open_held(struct part *part, const char *path);

/* Says word, and stands still until it is let go: somebody counts what happens in between. Nothing
 * where nobody watches. */
void part_hold(const struct part *part, const char *word);

/* Reading procfs takes calls: one that is watched leaves them out, and nobody looks at its times. */
void part_open_window(struct part *part);
void part_close_window(struct part *part);

#endif
