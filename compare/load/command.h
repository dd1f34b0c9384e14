/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_LOAD_COMMAND_H
#define COMPARE_LOAD_COMMAND_H

/* duet load echo HOST:PORT. An exit code. */
int load_command(int argc, char **argv);

#endif
