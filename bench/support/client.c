/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place.h"

enum { WORDS_MAX = 24, TEXT_BYTES = 64, URL_BYTES = 256, SHELL_KNOWS_NOT = 127 };

/* A command line, and the numbers in it. */
struct line {
	const char *words[WORDS_MAX];
	char port[TEXT_BYTES], connections[TEXT_BYTES], depth[TEXT_BYTES], amount[TEXT_BYTES];
	char url[URL_BYTES];
};

static void write_numbers(const struct client_job *job, struct line *line)
{
	snprintf(line->port, TEXT_BYTES, "%u", job->port);
	snprintf(line->connections, TEXT_BYTES, "%u", job->connections);
	snprintf(line->depth, TEXT_BYTES, "%u", job->depth);
	snprintf(line->amount, TEXT_BYTES, "%" PRIu64, job->amount);
	snprintf(line->url, URL_BYTES, "http://127.0.0.1:%u%s", job->port, job->path);
}

/* Of each of the two commands the half. */
static void write_redis_benchmark(const struct client_job *job, struct line *line)
{
	snprintf(line->amount, TEXT_BYTES, "%" PRIu64, job->amount / 2);

	const char *const words[] = {
		"redis-benchmark", "-p", line->port, "-c", line->connections, "-P", line->depth,
		"-n", line->amount, "-t", "set,get", "-d", "64", "-r", "10000", "--csv",
	};

	memcpy(line->words, words, sizeof(words));
}

static void write_wrk(const struct client_job *job, struct line *line)
{
	const char *const words[] = {
		"wrk", "-t", "1", "-c", line->connections, "-d", line->amount, line->url,
	};

	(void)job;
	memcpy(line->words, words, sizeof(words));
}

/* It ends with the first answer that is an error, and says how fast it was only where it wasn't. */
static void read_redis_benchmark(const struct client_job *job, const char *text,
				 struct client_result *result)
{
	if (strncmp(text, "\"SET\",", 6) == 0 || strncmp(text, "\"GET\",", 6) == 0)
		result->messages += job->amount / 2;
	else if (strcasestr(text, "error") || strcasestr(text, "warning"))
		result->errors++;
}

/* The lines on errors are there only where it has some. */
static void read_wrk(const struct client_job *job, const char *text, struct client_result *result)
{
	unsigned int connect, read, write, timeout;
	uint64_t count;
	char more;

	(void)job;
	if (sscanf(text, " %" SCNu64 " requests i%c", &count, &more) == 2)
		result->messages += count;
	if (sscanf(text, " Socket errors: connect %u, read %u, write %u, timeout %u", &connect, &read,
		   &write, &timeout) == 4)
		result->errors += connect + read + write + timeout;
	if (sscanf(text, " Non-2xx or 3xx responses: %" SCNu64, &count) == 1)
		result->errors += count;
}

static const struct {
	void (*write)(const struct client_job *job, struct line *line);
	void (*read)(const struct client_job *job, const char *text, struct client_result *result);
} clients[] = {
	[CLIENT_REDIS_BENCHMARK] = { write_redis_benchmark, read_redis_benchmark },
	[CLIENT_WRK] = { write_wrk, read_wrk },
};

static _Noreturn void become(const struct line *line, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_process(0, PLACE_LAST);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		execvp(line->words[0], (char *const *)line->words);
	_exit(SHELL_KNOWS_NOT);
}

static int hear_out(const struct client_job *job, int fd, struct client_result *result)
{
	FILE *in = fdopen(fd, "r");
	char text[512];

	if (!in) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(text, sizeof(text), in))
		clients[job->client].read(job, text, result);
	fclose(in);
	return 0;
}

/* One that ends badly has said why, or counts as an error by itself. */
static int judge(int status, struct client_result *result)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == SHELL_KNOWS_NOT)
		return -ENOEXEC;
	if (status && !result->errors)
		result->errors++;
	return result->messages || result->errors ? 0 : -EBADMSG;
}

int client_run(const struct client_job *job, struct client_result *result)
{
	struct line line = { .words = { NULL } };
	int ends[2], status = 0, rc;
	pid_t pid;

	*result = (struct client_result){ 0 };
	write_numbers(job, &line);
	clients[job->client].write(job, &line);
	if (pipe(ends))
		return -errno;
	pid = fork();
	if (pid == 0)
		become(&line, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	rc = hear_out(job, ends[0], result);
	waitpid(pid, &status, 0);
	return rc < 0 ? rc : judge(status, result);
}
