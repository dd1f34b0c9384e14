/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_ROCKETS_COMMAND_H
#define COMPARE_ROCKETS_COMMAND_H

/* duet serve rockets. argv[0] is "rockets". An exit code. */
int serve_rockets_command(int argc, char **argv);

#endif
