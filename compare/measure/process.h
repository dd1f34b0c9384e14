/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A fresh process for each measured part. It ends with us: the kernel kills it if we die, and it
 * doesn't hear the terminal's Ctrl-C, which is ours to act on. */
#ifndef COMPARE_MEASURE_PROCESS_H
#define COMPARE_MEASURE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;      /* 0 where none runs */
	int out;        /* its stdout, to be read */
	int complaints; /* its stderr, an unnamed file */
	char *text;     /* what of stdout was read so far */
	size_t length, consumed;
	bool with_offspring;
};

struct process_where {
	int cpu;             /* or PROCESS_ANYWHERE */
	int space;           /* a network namespace; -1: ours */
	bool with_offspring; /* what it starts by itself ends with it, as far as it stays in its group */
};

enum { PROCESS_ARGUMENTS_MAX = 32, PROCESS_ANYWHERE = -1 };

/* Starts argv[0] with argv on the processor cpu, or PROCESS_ANYWHERE. 0 or a negative errno. */
int process_start(struct process *process, char *const argv[], int cpu);

int process_start_in(struct process *process, char *const argv[],
		     const struct process_where *where);

/* The next line of its stdout, without the newline: 1; 0 at its end; -ETIMEDOUT, or -EINTR after
 * Ctrl-C. */
int process_line(struct process *process, char *line, size_t size, int timeout_ms);

/* All the rest of its stdout as one string, process->text + process->consumed. 0 or as above. */
int process_rest(struct process *process, int timeout_ms);

/* Sends the signal (0 for none), waits, and gives the exit code, or 128 + the signal it died of. One
 * that is still there after five seconds, or when Ctrl-C comes, is killed. Call process_forget()
 * afterwards. */
int process_end(struct process *process, int signal_number);

/* It ended by itself, or was ended by somebody else, or does so within the patience: a peer sees its
 * sockets close a little earlier than we see it end. process_end() says how. */
bool process_is_over(const struct process *process, int patience_ms);

/* The last line of its stderr without "duet: ", "" if it said nothing. */
void process_complaint(const struct process *process, char *line, size_t size);

void process_forget(struct process *process);

/* As many descriptors for this process as it may have without asking anyone. */
void process_raise_files(void);

/* How many that is. */
uint64_t process_files_max(void);

/* Whether there is such a process on this machine, whose processor time can be read. */
bool process_is_here(pid_t pid);

/* From here on Ctrl-C, SIGTERM and SIGHUP are noted and not obeyed; true if one came. The first and
 * the last stay ignored where they were, as under nohup. */
void process_catch_interrupts(void);
bool process_interrupted(void);

/* True once if we were stopped and went on since the last question, as by Ctrl-Z and fg: no clock of
 * the processor and no queue shows that. */
bool process_continued(void);

/* Before a result is written: of each of them the next one, which would cut the writing short, is let
 * pass; the one after it ends us, since a reader may have stopped for good. */
void process_pass_interrupt(void);

#endif
