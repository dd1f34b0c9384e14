/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* System calls by name. */
#ifndef COMPARE_KERNEL_CALLS_H
#define COMPARE_KERNEL_CALLS_H

#include <stddef.h>

/* Writes the name of a number of this architecture's, or "call N" for one that a server on either
 * mechanism has no use for. */
void calls_name(unsigned int number, char *name, size_t size);

#endif
