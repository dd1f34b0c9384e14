/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_WORKLOADS_PLAY_INFORMED_H
#define COMPARE_WORKLOADS_PLAY_INFORMED_H

/* duet play-informed: one slot of the question informed, in the fresh process that compare starts for
 * it. An exit code; the result goes to stdout. */
int play_informed_command(int argc, char **argv);

#endif
