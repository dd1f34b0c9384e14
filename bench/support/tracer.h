/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Programs that count from outside: strace for system calls, callgrind for user instructions. Each
 * is put in front of a command line, and leaves a file to read when the command has ended.
 */
#ifndef DUET_BENCH_TRACER_H
#define DUET_BENCH_TRACER_H

#include <stdbool.h>

enum tracer { TRACER_NONE, TRACER_STRACE, TRACER_CALLGRIND };

enum { TRACER_WORDS = 6, TRACER_PATH_MAX = 64 };

/* One run: where the tool writes, and its words in front of the command. */
struct trace {
	enum tracer tracer;
	char file[TRACER_PATH_MAX];
	char output[TRACER_PATH_MAX + 32];
};

struct trace_counts {
	double calls;		/* system calls, all threads */
	double controls;	/* of them epoll_ctl */
	double failed;		/* transfers and accepts that failed: EAGAIN in an echo without errors */
	double instructions;	/* in user space */
};

/* Whether the tool can be run here. */
bool tracer_there(enum tracer tracer);
const char *tracer_name(enum tracer tracer);

/* Writes up to TRACER_WORDS words to argv and returns their count, or -errno. The file is removed
 * by trace_read(). */
int trace_begin(struct trace *trace, enum tracer tracer, const char **argv);

/* Runs a command to its end under the tool, its output thrown away. argv ends with NULL and has at
 * most 16 words. 0 or -errno, -ECHILD if the command did not end with status 0. */
int trace_command(enum tracer tracer, const char *const *argv, struct trace_counts *counts);

/* What the tool does not count is NAN. 0 or -errno. */
int trace_read(struct trace *trace, struct trace_counts *counts);

#endif
