/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * The null backend: whatever is started ends in the next turn, in memory and without a system call.
 * What a workload costs on it is what core, the model and the harness cost themselves. Peers that it
 * makes up connect once, and send a message each turn; a read brings zeros.
 */
#ifndef COMPARE_NULL_H
#define COMPARE_NULL_H

struct duet_backend;

/* Tuning: connections=N, how many connect to a listener (0); size=BYTES of their messages (64);
 * work=N, how many steps of nothing each operation takes (0). */
const struct duet_backend *null_backend(void);

#endif
