/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

/* With 10 and 50 ms between them; a traced server takes its time. */
enum { LISTEN_TRIES = 500, END_TRIES = 40 };

void child_path(char path[CHILD_PATH_MAX], const char *name)
{
	ssize_t len = readlink("/proc/self/exe", path, CHILD_PATH_MAX - 1);
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	len = slash ? slash + 1 - path : 0;
	snprintf(path + len, CHILD_PATH_MAX - (size_t)len, "%s", name);
}

static _Noreturn void become(const char *const *argv, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, STDOUT_FILENO) >= 0)
		execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static uint16_t read_port(FILE *out)
{
	char line[128];
	unsigned int port = 0;

	if (!fgets(line, sizeof(line), out) || sscanf(line, "port %u", &port) != 1)
		return 0;
	return (uint16_t)port;
}

int child_start(struct child *child, const char *const *argv)
{
	int ends[2];

	*child = (struct child){ .pid = -1 };
	if (pipe(ends))
		return -errno;
	child->pid = fork();
	if (child->pid == 0)
		become(argv, ends[1]);
	close(ends[1]);
	child->out = child->pid > 0 ? fdopen(ends[0], "r") : NULL;
	if (!child->out) {
		close(ends[0]);
		child_stop(child);
		return -EAGAIN;
	}
	child->port = read_port(child->out);
	if (child->port == 0) {
		child_stop(child);
		return -ENOEXEC;
	}
	return 0;
}

/* A port that nobody has at this moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&address, length) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		address.sin_port = 0;
	close(fd);
	return ntohs(address.sin_port);
}

static int wait_until_heard(const struct child *child)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	siginfo_t ended = { 0 };

	for (int tries = 0; tries < LISTEN_TRIES; tries++) {
		int fd = load_connect(child->port, 0);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (fd != -ECONNREFUSED)
			return fd;
		if (waitid(P_PID, (id_t)child->pid, &ended, WEXITED | WNOHANG | WNOWAIT) ||
		    ended.si_pid)
			return -ENOEXEC;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int child_start_foreign(struct child *child, const char **argv)
{
	char port[8];
	int used = 0;
	int rc;

	*child = (struct child){ .pid = -1, .port = free_port() };
	if (child->port == 0)
		return -EADDRINUSE;
	snprintf(port, sizeof(port), "%u", child->port);
	while (argv[used])
		used++;
	argv[used] = port;
	child->pid = fork();
	if (child->pid == 0)
		become(argv, STDERR_FILENO);
	argv[used] = NULL;
	if (child->pid < 0)
		return -EAGAIN;
	rc = wait_until_heard(child);
	if (rc < 0)
		child_stop(child);
	return rc;
}

static void take_stat(struct child *child, const char *line)
{
	struct child_stat *stat = &child->stats[child->stat_count];

	if (child->stat_count < CHILD_STATS_MAX &&
	    sscanf(line, "stat %31s %lf", stat->name, &stat->value) == 2)
		child->stat_count++;
}

int child_finish(struct child *child)
{
	char line[128];
	int status = -1;

	while (fgets(line, sizeof(line), child->out))
		take_stat(child, line);
	fclose(child->out);
	child->out = NULL;
	waitpid(child->pid, &status, 0);
	child->pid = -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

/* Under callgrind a process that sleeps in a call which valgrind does not know to sleep hears of a
 * signal only after so many instructions more: it is given something to do. */
int child_end(struct child *child)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct load_job job = {
		.port = child->port, .connections = 1, .size_bytes = 64, .messages = 500,
		.seconds = 2,
	};

	kill(child->pid, SIGTERM);
	for (int tries = 0; tries < END_TRIES; tries++) {
		struct load_result unused;
		struct load load;

		nanosleep(&pause, NULL);
		if (waitpid(child->pid, NULL, WNOHANG) == child->pid) {
			child->pid = -1;
			child_stop(child);
			return 0;
		}
		if (load_start(&load, &job) == 0)
			load_join(&load, &unused);
	}
	child_stop(child);
	return -ETIMEDOUT;
}

void child_stop(struct child *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	if (child->out)
		fclose(child->out);
	child->pid = -1;
	child->out = NULL;
}

double child_stat(const struct child *child, const char *name)
{
	for (int index = 0; index < child->stat_count; index++)
		if (strcmp(child->stats[index].name, name) == 0)
			return child->stats[index].value;
	return NAN;
}
