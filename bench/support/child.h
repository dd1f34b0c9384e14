/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * A server process of a bench: started, asked for its port, heard out, and never left behind.
 */
#ifndef DUET_BENCH_CHILD_H
#define DUET_BENCH_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	CHILD_STATS_MAX = 32,
	CHILD_ARGUMENTS_MAX = 24,
	CHILD_PATH_MAX = 512,
	CHILD_COMMAND_MAX = 1024,
};

struct child_stat {
	char name[32];
	double value;
};

struct child {
	pid_t pid;
	FILE *out;		/* its stdout */
	uint16_t port;
	bool traced;		/* the process is a tracer's, and the server may be below it */
	int stat_count;
	struct child_stat stats[CHILD_STATS_MAX];
};

/* Where a program that was built beside this one stands. */
void child_path(char path[CHILD_PATH_MAX], const char *name);

/* Starts argv and waits for its "port N" line: 0, -errno, or -ENOEXEC if it ended without one. */
int child_start(struct child *child, const char *const *argv);

/* Starts a program that is told a port of 127.0.0.1 as its last argument, and waits until somebody
 * listens there: 0, -errno, -ENOEXEC if it ended, or -ETIMEDOUT. argv has room for one word more. */
int child_start_foreign(struct child *child, const char **argv);

/* The same for a command of the shell, with the port in place of each {port}, on the processor of
 * servers. before: words to put in front of the shell, up to a NULL. */
int child_start_command(struct child *child, const char *const *before, const char *command);

/* Reads "stat" lines until the child ends. 0, or -ECHILD if it did not end with status 0. */
int child_finish(struct child *child);

/* Asks it to end, and waits until it has: a tracer in front of it has written its file then. request
 * is what the server answers at once, whatever it says. */
int child_end(struct child *child, const char *request);

/* Ends it first if it still runs. */
void child_stop(struct child *child);

/* A stat that child_finish() read; NAN if there is none of that name. */
double child_stat(const struct child *child, const char *name);

#endif
