/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The same thousand as threads, each of whom sleeps by itself: the baseline. */
#ifndef COMPARE_CLAIM_BLOCKING_THREADS_H
#define COMPARE_CLAIM_BLOCKING_THREADS_H

struct blocking_record;

/* 0, or a negative errno. */
int blocking_play_threads(struct blocking_record *record);

#endif
