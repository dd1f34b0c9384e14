/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_COPY_COMMAND_H
#define COMPARE_COPY_COMMAND_H

/* duet serve copy. An exit code. */
int serve_copy_command(int argc, char **argv);

#endif
