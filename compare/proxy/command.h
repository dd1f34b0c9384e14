/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_PROXY_COMMAND_H
#define COMPARE_PROXY_COMMAND_H

/* duet serve proxy. An exit code. */
int serve_proxy_command(int argc, char **argv);

#endif
