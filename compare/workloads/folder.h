/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A folder with one file in it, to be served: the bytes of the pattern's stream 0 (compare/load). */
#ifndef COMPARE_WORKLOADS_FOLDER_H
#define COMPARE_WORKLOADS_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#define FOLDER_FILE "pattern"

/* Under TMPDIR, or /tmp: its path into folder, which has `size` bytes; "" if there is none. 0 or a negative
 * errno. */
int folder_make(char *folder, size_t size, uint32_t file_bytes);

/* Nothing, of "". */
void folder_remove(const char *folder);

#endif
