/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_HTTP_COMMAND_H
#define COMPARE_HTTP_COMMAND_H

/* duet serve http. An exit code. */
int serve_http_command(int argc, char **argv);

#endif
