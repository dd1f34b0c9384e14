/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Results in files. */
#ifndef COMPARE_REPORT_STORE_H
#define COMPARE_REPORT_STORE_H

#include <jansson.h>

enum { STORE_SCHEMA = 1, STORE_DIGITS = 12 };

/* Before anything is measured: whether a result could be written to path. SAY_USAGE if not, and why
 * has been said. A pipe is held open from here to store_write(): a reader that saw its writer leave
 * would think that this was all. */
int store_check(const char *path, const char *command);

/* Writes json to path, whole or not at all: into a file beside it, which then takes the name; of a
 * link, beside what it leads to. "-" is stdout. An exit code; what went wrong has been said. */
int store_write(const json_t *json, const char *path);

/* Text from outside as a JSON string: bytes that are no UTF-8 become '?'. */
json_t *store_string(const char *text);

/* Reads a stored result of this schema, of cells: an exit code; *json is the caller's. "-" is stdin, of
 * whatever kind. */
int store_read(const char *path, json_t **json);

/* The same in two steps, for who takes others as well: any JSON, and whether it is such a result. */
int store_load(const char *path, json_t **json);
int store_judge(const char *path, json_t *json);

#endif
