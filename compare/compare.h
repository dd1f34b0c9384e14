/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_COMPARE_H
#define COMPARE_COMPARE_H

/* duet compare. An exit code. */
int compare_command(int argc, char **argv);

#endif
