/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The command line that plays the same again, as a shell reads it. */
#ifndef COMPARE_REPORT_REPEAT_H
#define COMPARE_REPORT_REPEAT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* program is what it was called as, argv[0] the command. A --seed among the words gives way to the
 * one that was really used. The caller's to free. */
char *repeat_line(const char *program, int argc, char *const argv[], uint64_t seed);

/* One word as a shell reads it. */
void repeat_word(FILE *line, const char *word);

/* A whole line, broken to the width of out so that it can be pasted as it stands. */
void repeat_print(const char *text, FILE *out);

/* How a command was called, and when: "argv", "started", "repeat". line, the command that does it again,
 * is freed; NULL: no memory. */
json_t *repeat_called_json(int argc, char *const argv[], char *line);

/* The same of what draws from a seed, which comes first. */
json_t *repeat_run_json(int argc, char *const argv[], uint64_t seed);

#endif
