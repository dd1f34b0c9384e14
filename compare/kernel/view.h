/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the kernel itself says of a process that is measured. It taxes every system call of the whole
 * machine as long as it is open, and the twins unequally: it gets a pass of its own, and no time is
 * ever taken while one is open. */
#ifndef COMPARE_KERNEL_VIEW_H
#define COMPARE_KERNEL_VIEW_H

#include <stdint.h>
#include <sys/types.h>

#include "compare/kernel/counts.h"

struct view;

enum { VIEW_WHY_MAX = 200 };

/* Loads and attaches; nothing is counted yet. 0, or a negative errno with *view NULL and in why, of
 * VIEW_WHY_MAX bytes, what is missing and what would help. */
int view_open(struct view **view, char *why);

/* From here on, beginning at 0, counts the process of this id, all its threads, and no child of its.
 * Neither this nor the end makes the watched process do anything. Without a view (NULL) nothing is
 * watched. */
void view_begin(struct view *view, pid_t subject);
void view_end(struct view *view);

/* What was counted between begin and end. *missed is how many events of the whole machine, the
 * process or others, passed uncounted because they came while the same processor counted another:
 * 0 wherever probes can't be interrupted. 0 or a negative errno. */
int view_read(const struct view *view, struct counts *counts, uint64_t *missed);

/* Detaches at once; the kernel frees the programs and their memory a little later. Accepts NULL. */
void view_close(struct view *view);

#endif
