/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Which part of a file a request wants, and whether it wants it at all: Range, and the conditions on
 * the tag and the date of what the client has already. */
#ifndef COMPARE_HTTP_RANGE_H
#define COMPARE_HTTP_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* 206: *count bytes from *first on; 416: there are none of these; 200: all of it, as it asks for several
 * parts or for nothing that we know. */
int range_read(const char *text, uint64_t size, uint64_t *first, uint64_t *count);

/* Whether a list of tags, or "*", has this one; weak ones count as they are. */
bool tag_is_among(const char *list, const char *tag);

enum { DATE_BYTES = 32 };

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
void date_write(time_t time, char text[DATE_BYTES]);
bool date_read(const char *text, time_t *time);

#endif
