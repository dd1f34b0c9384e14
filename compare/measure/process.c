/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/measure/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare/measure/window.h"

static volatile sig_atomic_t interrupted, continued;

static void note_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void note_continued(int number)
{
	(void)number;
	continued = 1;
}

static void catch_interrupts(int flags)
{
	struct sigaction action = { .sa_handler = note_interrupt, .sa_flags = flags }, before;

	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < 2; i++) {
		int number = i ? SIGHUP : SIGINT;

		if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	}
}

void process_catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = note_continued, .sa_flags = SA_RESTART };

	catch_interrupts(0); /* without SA_RESTART: a wait has to notice */
	sigaction(SIGCONT, &action, NULL);
}

void process_pass_interrupt(void)
{
	catch_interrupts(SA_RESTART | (int)SA_RESETHAND);
}

bool process_interrupted(void)
{
	return interrupted;
}

bool process_continued(void)
{
	bool was = continued;

	continued = 0;
	return was;
}

void process_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t process_files_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) ? UINT64_MAX : (uint64_t)limit.rlim_max;
}

bool process_is_here(pid_t pid)
{
	clockid_t clock;

	/* The clock of a number beyond all processes may be that of another. */
	if (kill(pid, 0) && errno != EPERM)
		return false;
	return !clock_getcpuclockid(pid, &clock);
}

/* After fork, before exec: only calls that are safe there. Signals are blocked until our handlers,
 * which would swallow them, are gone. */
static void become(char *const argv[], const struct process_where *where, int out, int complaints,
		   pid_t parent)
{
	cpu_set_t processors;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (where->with_offspring)
		setpgid(0, 0);
	if (where->cpu >= 0) {
		CPU_ZERO(&processors);
		CPU_SET((unsigned int)where->cpu, &processors);
		sched_setaffinity(0, sizeof(processors), &processors);
	}
	if (where->space >= 0 && setns(where->space, CLONE_NEWNET))
		_exit(127);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(complaints, STDERR_FILENO) < 0)
		_exit(127);
	execv(argv[0], argv);
	_exit(127);
}

int process_start(struct process *process, char *const argv[], int cpu)
{
	const struct process_where where = { .cpu = cpu, .space = -1 };

	return process_start_in(process, argv, &where);
}

int process_start_in(struct process *process, char *const argv[], const struct process_where *where)
{
	int ends[2], error;
	pid_t parent = getpid();
	sigset_t all, before;

	memset(process, 0, sizeof(*process));
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	process->with_offspring = where->with_offspring;
	process->out = ends[0];
	process->complaints = memfd_create("complaints", MFD_CLOEXEC);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	process->pid = process->complaints < 0 ? -1 : fork();
	error = -errno;
	if (!process->pid)
		become(argv, where, ends[1], process->complaints, parent);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (process->pid > 0)
		return 0;
	process->pid = 0;
	process_forget(process);
	return error;
}

/* As poll(). A signal is let in nowhere but in the wait itself: one that came just before it would be
 * noted, and waited on. */
static int await_output(struct pollfd *ready, uint64_t left_ns)
{
	const struct timespec left = { .tv_sec = (time_t)(left_ns / 1000000000),
				       .tv_nsec = (long)(left_ns % 1000000000) };
	sigset_t ends, before;
	int status;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	status = interrupted ? -1 : ppoll(ready, 1, &left, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

/* More of its stdout: 1, 0 at the end, negative if it took too long. */
static int read_more(struct process *process, uint64_t until_ns)
{
	struct pollfd ready = { .fd = process->out, .events = POLLIN };
	uint64_t now_ns = window_now_ns();
	char *grown;
	ssize_t got;
	int status;

	if (now_ns >= until_ns)
		return -ETIMEDOUT;
	status = await_output(&ready, until_ns - now_ns);
	if (interrupted)
		return -EINTR;
	if (status <= 0)
		return status < 0 ? 1 : -ETIMEDOUT;
	grown = realloc(process->text, process->length + 65536 + 1);
	if (!grown)
		return -ENOMEM;
	process->text = grown;
	got = read(process->out, grown + process->length, 65536);
	if (got > 0)
		process->length += (size_t)got;
	grown[process->length] = 0;
	return got < 0 ? -errno : got > 0;
}

static uint64_t deadline(int timeout_ms)
{
	return window_now_ns() + (uint64_t)timeout_ms * 1000000;
}

int process_line(struct process *process, char *line, size_t size, int timeout_ms)
{
	uint64_t until_ns = deadline(timeout_ms);
	int status = 1;

	while (status > 0) {
		char *from = process->text ? process->text + process->consumed : NULL;
		char *end = from ? strchr(from, '\n') : NULL;

		if (end) {
			snprintf(line, size, "%.*s", (int)(end - from), from);
			process->consumed += (size_t)(end - from) + 1;
			return 1;
		}
		status = read_more(process, until_ns);
	}
	return status;
}

int process_rest(struct process *process, int timeout_ms)
{
	uint64_t until_ns = deadline(timeout_ms);
	int status = 1;

	while (status > 0)
		status = read_more(process, until_ns);
	return status;
}

bool process_is_over(const struct process *process, int patience_ms)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	siginfo_t how = { .si_pid = 0 };

	while (process->pid && !how.si_pid) {
		if (waitid(P_PID, (id_t)process->pid, &how, WEXITED | WNOHANG | WNOWAIT) ||
		    (!how.si_pid && patience_ms-- <= 0))
			return false;
		if (!how.si_pid)
			nanosleep(&pause, NULL);
	}
	return true;
}

/* Until it is reaped nobody else is given its number, nor a group of that number. */
static bool reaped(struct process *process, int *status)
{
	pid_t pid;

	if (process->with_offspring && !process_is_over(process, 0))
		return false;
	if (process->with_offspring)
		kill(-process->pid, SIGKILL);
	pid = waitpid(process->pid, status, WNOHANG);
	return pid == process->pid || (pid < 0 && errno == ECHILD);
}

int process_end(struct process *process, int signal_number)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	uint64_t until_ns = deadline(5000);
	int status = 0;

	if (!process->pid)
		return 0;
	if (signal_number)
		kill(process->pid, signal_number);
	while (!reaped(process, &status)) {
		if (window_now_ns() > until_ns || (signal_number && interrupted))
			kill(process->pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
	process->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void process_complaint(const struct process *process, char *line, size_t size)
{
	static const char prefix[] = "duet: ";
	char text[1024];
	off_t length = lseek(process->complaints, 0, SEEK_END);
	off_t from = length > (off_t)sizeof(text) - 1 ? length - (off_t)sizeof(text) + 1 : 0;
	ssize_t got = pread(process->complaints, text, sizeof(text) - 1, from);
	char *begin;

	*line = 0;
	if (got <= 0)
		return;
	text[got] = 0;
	if (text[got - 1] == '\n')
		text[got - 1] = 0;
	begin = strrchr(text, '\n');
	begin = begin ? begin + 1 : text;
	if (!strncmp(begin, prefix, sizeof(prefix) - 1))
		begin += sizeof(prefix) - 1;
	snprintf(line, size, "%s", begin);
}

void process_forget(struct process *process)
{
	if (process->pid)
		process_end(process, SIGKILL);
	if (process->out > 0)
		close(process->out);
	if (process->complaints > 0)
		close(process->complaints);
	free(process->text);
	memset(process, 0, sizeof(*process));
}
