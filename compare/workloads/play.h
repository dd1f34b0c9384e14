/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_WORKLOADS_PLAY_H
#define COMPARE_WORKLOADS_PLAY_H

/* duet play file: one slot of the file workload, in the fresh process that compare starts for it. An
 * exit code; the result goes to stdout. */
int play_command(int argc, char **argv);

#endif
