/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* How the program speaks: results on stdout, one line on stderr for what went wrong, and a single
 * redrawn line of progress on stderr if that is a terminal. */
#ifndef COMPARE_SAY_H
#define COMPARE_SAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The exit codes of every command, as the manual page has them. */
enum say_exit {
	SAY_OK = 0,
	SAY_GATE = 1,     /* a --fail-if failed */
	SAY_USAGE = 2,    /* the command line, or a file that it named, made no sense */
	SAY_UNMEASURED = 3, /* the machine didn't let us */
	SAY_WRONG_BYTE = 4,  /* a byte came back wrong, lost or doubled: all timings are void */
};

/* One line "duet: ..." on stderr, after wiping the progress line. Returns code, so that a caller
 * can say why and leave in one statement. */
int say_failure(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something worth knowing that stops nothing. */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What we were called as, for lines that are to be typed again. */
void say_called(const char *program);
const char *say_program(void);

void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_progress_end(void);

/* What would command a terminal, control characters of ASCII and of Unicode, becomes '?', in place. */
void say_clean(char *text);

/* How many columns there are for text: COLUMNS if that is set, the terminal's own, or 80 where there
 * is none; never more than 80, and never fewer than 40. */
enum { SAY_COLUMNS_MIN = 40, SAY_COLUMNS_MAX = 80 };
int say_columns(FILE *stream);

/* Words on stdout or elsewhere, broken so that they fit the columns; column is where the line stands
 * now, indent where the next ones begin. Ends the line. */
void say_wrapped(FILE *stream, const char *text, int column, int indent);

/* What to do about a negative errno that means that something has run out, behind the words for it;
 * or "". */
const char *say_advice(int error);

/* Whether the standard output can be written to as far as can be seen before: SAY_UNMEASURED if not,
 * and why has been said. who: "compare: " or "". */
int say_check_output(const char *who);

/* Writes out what the standard output holds back. 0, or the negative errno of what was lost. */
int say_flush(void);

/* "s", or "" where there is one. */
const char *say_plural(uint64_t count);

/* Colour only on a terminal, and never where NO_COLOR is set and not empty, or TERM is dumb. */
bool say_colour(FILE *stream);

/* What begins and ends bold text there, or "". */
const char *say_bold(FILE *stream);
const char *say_plain(FILE *stream);

#endif
