/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Runs the program as a stranger would, and keeps what it says. The program is DUET_PROGRAM, or
 * stands in the build folder that the test runner names. */
#ifndef TESTS_FAULT_PROGRAM_H
#define TESTS_FAULT_PROGRAM_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROGRAM_WORDS_MAX = 32, PROGRAM_TEXT_MAX = 1 << 18 };

struct program {
	pid_t pid;
	int out, err; /* unnamed files */
	int code;     /* exit code, or 128 + signal */
	char said[PROGRAM_TEXT_MAX], complained[PROGRAM_TEXT_MAX];
};

/* Called in the child before the program begins, to take something away from it; or NULL. */
typedef void program_before_fn(void);

static inline const char *program_path(void)
{
	static char path[512];
	const char *named = getenv("DUET_PROGRAM"), *build = getenv("DUET_BUILD");

	if (named)
		return named;
	snprintf(path, sizeof(path), "%s/duet", build ? build : "build");
	return path;
}

static inline void program_read(int fd, char *text)
{
	ssize_t got = pread(fd, text, PROGRAM_TEXT_MAX - 1, 0);

	text[got > 0 ? got : 0] = 0;
}

static inline void program_refresh(struct program *program)
{
	program_read(program->out, program->said);
	program_read(program->err, program->complained);
}

/* words is one string, split at spaces. */
static inline void program_begin(struct program *program, program_before_fn *before,
				 const char *format, ...)
{
	char words[2048], *argv[PROGRAM_WORDS_MAX + 1] = { (char *)(size_t)program_path() };
	int count = 1, file;
	va_list values;

	va_start(values, format);
	vsnprintf(words, sizeof(words), format, values);
	va_end(values);
	for (char *word = strtok(words, " "); word && count < PROGRAM_WORDS_MAX;
	     word = strtok(NULL, " "))
		argv[count++] = word;
	file = open(argv[0], O_PATH | O_CLOEXEC);
	ck_assert_msg(file >= 0, "no %s: build it first", argv[0]);
	program->out = memfd_create("out", MFD_CLOEXEC);
	program->err = memfd_create("err", MFD_CLOEXEC);
	fflush(NULL);
	program->pid = fork();
	ck_assert_int_ge(program->pid, 0);
	if (!program->pid) {
		dup2(program->out, STDOUT_FILENO);
		dup2(program->err, STDERR_FILENO);
		if (before)
			before();
		execv(argv[0], argv);
		/* Somebody else may not look into the folder: the file is open since before. */
		fexecve(file, argv, environ);
		_exit(126);
	}
	close(file);
}

struct program_wrong {
	const char *words, *part; /* what it must say */
	int code;
};

static inline void program_pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Until it has said something on stdout: a server is ready then. */
static inline void program_await_word(struct program *program, const char *word)
{
	for (int i = 0; i < 2000; i++) {
		program_refresh(program);
		if (strstr(program->said, word))
			return;
		program_pause_ms(5);
	}
	ck_abort_msg("it never said '%s' but: %s%s", word, program->said, program->complained);
}

/* The same of what it says on stderr. */
static inline void program_await_complaint(struct program *program, const char *word)
{
	for (int i = 0; i < 2000; i++) {
		program_refresh(program);
		if (strstr(program->complained, word))
			return;
		program_pause_ms(5);
	}
	ck_abort_msg("it never complained of '%s' but: %s", word, program->complained);
}

/* Until it has started so many processes of its own, as far as can be seen from outside: then it is
 * past its preparations, and some way into the rounds. */
static inline void program_await_children(struct program *program, int count)
{
	char path[64], text[64];
	int seen = 0;
	long last = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)program->pid,
		 (int)program->pid);
	for (int i = 0; i < 20000 && seen < count; i++) {
		FILE *file = fopen(path, "re");
		long child;

		ck_assert_msg(file != NULL, "it ended early, or this kernel has no %s", path);
		text[0] = 0;
		child = fgets(text, sizeof(text), file) ? strtol(text, NULL, 10) : 0;
		fclose(file);
		seen += child && child != last;
		last = child ? child : last;
		program_pause_ms(1);
	}
	ck_assert_msg(seen >= count, "it started %d processes only", seen);
}

static inline void program_end(struct program *program)
{
	int status;

	ck_assert_int_eq(waitpid(program->pid, &status, 0), program->pid);
	program->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	program_refresh(program);
	close(program->out);
	close(program->err);
	ck_assert_msg(program->code != 126, "%s can't be started: build it first, and let "
		      "others run it", program_path());
}

/* A case that can't show its point here says so; scripts/run-tests counts these lines. */
static inline void program_skip(const char *why)
{
	printf("skipped: %s\n", why);
}

/* Exactly one line, and it begins as all of them do. */
static inline void program_expect_one_line(const struct program *program)
{
	const char *end = strchr(program->complained, '\n');

	ck_assert_msg(!strncmp(program->complained, "duet: ", 6), "said: %s", program->complained);
	ck_assert_msg(end && !end[1], "more than one line: %s", program->complained);
}

#define program_expect(program, expected_code, part)                                               \
	do {                                                                                       \
		ck_assert_msg((program)->code == (expected_code), "exit code %d: %s%s",            \
			      (program)->code, (program)->said, (program)->complained);            \
		program_expect_one_line(program);                                                  \
		ck_assert_msg(strstr((program)->complained, part) != NULL, "said: %s",             \
			      (program)->complained);                                              \
	} while (0)

/* The port of "listening on HOST:PORT backend=NAME". */
static inline unsigned int program_port(const struct program *program)
{
	const char *end = strstr(program->said, " backend=");
	const char *colon = end ? memrchr(program->said, ':', (size_t)(end - program->said)) : NULL;
	unsigned int port = 0;

	ck_assert_ptr_nonnull(colon);
	ck_assert_int_eq(sscanf(colon, ":%u", &port), 1);
	return port;
}

/* Runs it from beginning to end. What it returns is the caller's to free(). */
static inline struct program *program_run(const char *words, int code)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "%s", words);
	program_end(program);
	ck_assert_msg(program->code == code, "%s: exit code %d: %s%s", words, program->code,
		      program->said, program->complained);
	return program;
}

/* Each is refused with its code and its words. */
static inline void program_expect_refusals(const struct program_wrong *wrong, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct program *program = calloc(1, sizeof(*program));

		program_begin(program, NULL, "%s", wrong[i].words);
		program_end(program);
		program_expect(program, wrong[i].code, wrong[i].part);
		free(program);
	}
}

#endif
