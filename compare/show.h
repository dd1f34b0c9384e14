/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_SHOW_H
#define COMPARE_SHOW_H

/* duet show FILE. An exit code. */
int show_command(int argc, char **argv);

#endif
