/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* What the kernel counts of one process, all its threads. The program in the kernel and the one that
 * reads it share this file, and so it uses no type of either world. */
#ifndef COMPARE_KERNEL_COUNTS_H
#define COMPARE_KERNEL_COUNTS_H

/* Numbers beyond the last place are counted there: no call of ours has one. */
enum { COUNTS_CALLS_MAX = 512 };

struct counts {
	unsigned long long calls[COUNTS_CALLS_MAX];  /* entered, by system call number */
	unsigned long long wasted[COUNTS_CALLS_MAX]; /* left with -EAGAIN: they found nothing */
	unsigned long long wakeups;                  /* of its threads, by anybody; starts aren't any */
	unsigned long long voluntary;                /* switches away from a thread that had to wait */
	unsigned long long involuntary;              /* and from one that could have gone on */
};

#endif
