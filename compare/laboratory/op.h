/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_LABORATORY_OP_H
#define COMPARE_LABORATORY_OP_H

/* duet cancel op [KIND...]; argv[0] is "op". An exit code. */
int op_command(int argc, char **argv);

/* duet cancel show FILE, of what op has stored. */
int op_show_command(int argc, char **argv);

#endif
