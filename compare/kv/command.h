/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_KV_COMMAND_H
#define COMPARE_KV_COMMAND_H

/* duet serve kv. An exit code. */
int serve_kv_command(int argc, char **argv);

#endif
