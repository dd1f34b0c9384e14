/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAULT_MISUSE_H
#define TESTS_FAULT_MISUSE_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* What a debug build stops is played in a child, and its last words are heard. */

#ifdef DUET_DEBUG
#define STOPS 1
#else
#define STOPS 0
#endif

/* For who forks: a child may wait for ever for a lock that a thread of its parent's held just then,
 * of the sanitizer's, say. */
static inline struct duet_loop_options without_workers(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	return options;
}

/* Runs misuse() in a child and says whether it was stopped with a line that holds word. */
static inline bool stopped(void (*misuse)(void), const char *word)
{
	const struct duet_loop_options options = without_workers();
	char text[600] = "";
	size_t had = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t child;

	stage_reopen(&options, NULL);
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		/* Its own loop: the parent's is not a child's to use. */
		dup2(ends[1], 2);
		duet_loop_create(&stage.loop, stage.arm->backend(), &options);
		misuse();
		_exit(0);
	}
	close(ends[1]);
	while (had < sizeof(text) - 1 &&
		(n = read(ends[0], text + had, sizeof(text) - 1 - had)) > 0)
		had += (size_t)n;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, word);
}

#endif
