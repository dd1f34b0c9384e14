/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_DIFF_H
#define COMPARE_DIFF_H

/* duet diff OLD NEW. An exit code. */
int diff_command(int argc, char **argv);

#endif
