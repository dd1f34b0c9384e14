/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The same messages to a ring that is nobody else's, with a thread in the kernel or without. */
#ifndef COMPARE_CLAIM_SCHEDULING_RING_H
#define COMPARE_CLAIM_SCHEDULING_RING_H

#include <stdbool.h>

#include "compare/claim/scheduling_scene.h"

/* Of options what is the loop's is taken: its mode, spin_ns and messages. CPU is that of who
 * receives, the kernel's thread included. 0, a negative errno, or -EBADMSG: a message came wrong. */
int scheduling_ring_play(const struct scheduling_options *options, bool kernel_thread,
			 struct scheduling_result *result);

/* Whether the kernel gives a ring such a thread here. */
bool scheduling_ring_has_thread(void);

#endif
