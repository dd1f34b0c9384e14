/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_SERVE_H
#define COMPARE_SERVE_H

/* duet serve echo. An exit code. */
int serve_command(int argc, char **argv);

#endif
