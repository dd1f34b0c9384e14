/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_UDP_COMMAND_H
#define COMPARE_UDP_COMMAND_H

/* duet serve udp. An exit code. */
int serve_udp_command(int argc, char **argv);

#endif
