/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A process to be watched. It stands still in a read when the window opens and when it closes, so
 * that what is counted in between is known to the unit: the wakeup that lets it go, its script, the
 * write that says it is over, and the read that it then waits in. */
#ifndef TESTS_UNIT_KERNEL_SUBJECT_H
#define TESTS_UNIT_KERNEL_SUBJECT_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare/kernel/view.h"

enum { SUBJECT_WORDS_MAX = 16 };

struct subject {
	pid_t pid;
	int said;     /* where it says that it is ready, or over */
	int leave;    /* what it waits for */
	int ends[2];  /* its own ends of the two */
};

/* An open view, or NULL where this machine has none: said once in a program, and the check passes with
 * what is left of it. */
static inline struct view *subject_view(void)
{
	char why[VIEW_WHY_MAX];
	struct view *view;

	if (view_open(&view, why))
		return NULL;
	return view;
}

static inline void subject_say_view(void)
{
	char why[VIEW_WHY_MAX];
	struct view *view;

	if (view_open(&view, why))
		printf("kernel view: off: %s; checks that count pass without\n", why);
	else
		view_close(view);
	fflush(stdout);
}

static inline void subject_pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* Its state is that of the first thread, as procfs has it behind the name in brackets. */
static inline char subject_state(pid_t pid)
{
	char path[64], text[512] = "", *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : 0;
}

/* The state is set a moment before the processor is given away. */
static inline void subject_await_sleep(const struct subject *subject)
{
	for (int i = 0; i < 5000 && subject_state(subject->pid) != 'S'; i++)
		subject_pause_ms(1);
	ck_assert_int_eq(subject_state(subject->pid), 'S');
	subject_pause_ms(20);
}

/* In the child: a call of each kind and no other. */
static inline void subject_hold(const struct subject *subject)
{
	char byte = 'r';

	if (write(subject->ends[1], &byte, 1) != 1 || read(subject->ends[0], &byte, 1) != 1)
		_exit(1);
}

static inline void subject_pipes(struct subject *subject)
{
	int said[2], leave[2];

	ck_assert_int_eq(pipe(said), 0);
	ck_assert_int_eq(pipe(leave), 0);
	*subject = (struct subject){ .said = said[0], .leave = leave[1],
				     .ends = { leave[0], said[1] } };
}

/* In the parent: its own ends are the child's alone. */
static inline void subject_started(struct subject *subject, pid_t pid)
{
	ck_assert_int_gt(pid, 0);
	subject->pid = pid;
	close(subject->ends[0]);
	close(subject->ends[1]);
}

static inline void subject_start(struct subject *subject, void (*script)(void))
{
	pid_t pid;

	subject_pipes(subject);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(subject->said);
		close(subject->leave);
		subject_hold(subject);
		script();
		subject_hold(subject);
		_exit(0);
	}
	subject_started(subject, pid);
}

static inline void subject_await_word(const struct subject *subject)
{
	char byte;

	ck_assert_int_eq(read(subject->said, &byte, 1), 1);
	subject_await_sleep(subject);
}

static inline void subject_go(const struct subject *subject)
{
	ck_assert_int_eq(write(subject->leave, "g", 1), 1);
}

static inline void subject_end(struct subject *subject)
{
	int status;

	subject_go(subject);
	ck_assert_int_eq(waitpid(subject->pid, &status, 0), subject->pid);
	ck_assert_int_eq(status, 0);
	close(subject->said);
	close(subject->leave);
}

/* A number of its /proc/PID/status, summed over all threads. */
static inline unsigned long long subject_status(pid_t pid, const char *key)
{
	char command[160], text[32] = "";
	FILE *lines;

	snprintf(command, sizeof(command),
		 "cat /proc/%d/task/*/status | awk '/^%s:/ { n += $2 } END { print n + 0 }'",
		 (int)pid, key);
	lines = popen(command, "re");
	ck_assert_ptr_nonnull(lines);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), lines));
	pclose(lines);
	return strtoull(text, NULL, 10);
}

static inline unsigned long long subject_sum(const unsigned long long *places)
{
	unsigned long long all = 0;

	for (int i = 0; i < COUNTS_CALLS_MAX; i++)
		all += places[i];
	return all;
}

#endif
