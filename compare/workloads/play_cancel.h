/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_WORKLOADS_PLAY_CANCEL_H
#define COMPARE_WORKLOADS_PLAY_CANCEL_H

/* duet play-cancel: one slot of the workload cancel, in the fresh process that compare starts for it. An
 * exit code; the result goes to stdout. */
int play_cancel_command(int argc, char **argv);

#endif
