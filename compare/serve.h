/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_SERVE_H
#define COMPARE_SERVE_H

/* duet serve: the table of services. An exit code. */
int serve_command(int argc, char **argv);

/* duet serve echo. */
int serve_echo_command(int argc, char **argv);

#endif
