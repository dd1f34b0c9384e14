/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_WORKLOADS_PLAY_ROCKETS_H
#define COMPARE_WORKLOADS_PLAY_ROCKETS_H

/* duet play-rockets: one slot of the workload rockets, in the fresh process that compare starts for
 * it, beside the server. An exit code; the result goes to stdout. */
int play_rockets_command(int argc, char **argv);

#endif
