/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *tracer_name(enum tracer tracer)
{
	static const char *const names[] = { "nothing", "strace", "valgrind" };

	return names[tracer];
}

/* Asked of the tool itself: it may be installed and still not permitted to trace. */
bool tracer_there(enum tracer tracer)
{
	static const char *const trials[] = {
		[TRACER_NONE] = "true",
		[TRACER_STRACE] = "strace -f -c -o /dev/null true >/dev/null 2>&1",
		[TRACER_CALLGRIND] =
			"valgrind --tool=callgrind --callgrind-out-file=/dev/null true >/dev/null 2>&1",
	};

	return system(trials[tracer]) == 0;
}

int trace_begin(struct trace *trace, enum tracer tracer, const char **argv)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	trace->tracer = tracer;
	if (tracer == TRACER_NONE)
		return 0;
	if (!folder || strlen(folder) > TRACER_PATH_MAX - 20)
		folder = "/tmp";
	snprintf(trace->file, sizeof(trace->file), "%s/duet-bench-XXXXXX", folder);
	fd = mkstemp(trace->file);
	if (fd < 0)
		return -errno;
	close(fd);
	if (tracer == TRACER_STRACE) {
		const char *const words[] = { "strace", "-f", "-c", "-o", trace->file };

		memcpy(argv, words, sizeof(words));
		return sizeof(words) / sizeof(words[0]);
	}
	snprintf(trace->output, sizeof(trace->output), "--callgrind-out-file=%s", trace->file);

	/* A shell that becomes the server is followed. */
	const char *const words[] = { "valgrind", "-q", "--trace-children=yes", "--log-file=/dev/null",
				       "--tool=callgrind", trace->output };

	memcpy(argv, words, sizeof(words));
	return sizeof(words) / sizeof(words[0]);
}

static bool transfers(const char *call)
{
	static const char *const names[] = {
		"recvfrom", "recvmsg", "read", "readv", "sendto", "sendmsg", "write", "writev",
		"accept", "accept4",
	};

	for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++)
		if (strcmp(call, names[index]) == 0)
			return true;
	return false;
}

/* "% time, seconds, usecs/call, calls, errors, name"; errors is left out where there are none. */
static void take_call(const char *line, struct trace_counts *counts)
{
	double share, seconds, each, calls, failed = 0;
	char name[64];

	if (sscanf(line, "%lf %lf %lf %lf %lf %63s", &share, &seconds, &each, &calls, &failed,
		   name) != 6) {
		failed = 0;
		if (sscanf(line, "%lf %lf %lf %lf %63[a-z0-9_]", &share, &seconds, &each, &calls,
			   name) != 5)
			return;
	}
	if (strcmp(name, "total") == 0)
		return;
	counts->calls += calls;
	if (strcmp(name, "epoll_ctl") == 0)
		counts->controls += calls;
	if (transfers(name))
		counts->failed += failed;
}

static void take_instructions(const char *line, struct trace_counts *counts)
{
	double value;

	if (sscanf(line, "summary: %lf", &value) == 1 || sscanf(line, "totals: %lf", &value) == 1)
		counts->instructions = value;
}

int trace_read(struct trace *trace, struct trace_counts *counts)
{
	char line[512];
	FILE *in;

	*counts = (struct trace_counts){ NAN, NAN, NAN, NAN };
	if (trace->tracer == TRACER_NONE)
		return 0;
	in = fopen(trace->file, "r");
	if (!in)
		return -errno;
	if (trace->tracer == TRACER_STRACE)
		*counts = (struct trace_counts){ 0, 0, 0, NAN };
	while (fgets(line, sizeof(line), in)) {
		if (trace->tracer == TRACER_STRACE)
			take_call(line, counts);
		else
			take_instructions(line, counts);
	}
	fclose(in);
	unlink(trace->file);
	return 0;
}

static _Noreturn void become(const char *const *argv)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
		execvp(argv[0], (char *const *)argv);
	_exit(127);
}

int trace_command(enum tracer tracer, const char *const *argv, struct trace_counts *counts)
{
	const char *words[TRACER_WORDS + 16 + 1] = { 0 };
	struct trace trace;
	int used = trace_begin(&trace, tracer, words);
	int status = -1;
	int rc;
	pid_t pid;

	if (used < 0)
		return used;
	for (int index = 0; argv[index] && index < 16; index++)
		words[used++] = argv[index];
	pid = fork();
	if (pid == 0)
		become(words);
	if (pid > 0)
		waitpid(pid, &status, 0);
	rc = trace_read(&trace, counts);
	if (rc == 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		rc = -ECHILD;
	return rc;
}
