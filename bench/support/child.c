/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "place.h"

/* With 10 and 50 ms between them; a traced server takes its time. */
enum { LISTEN_TRIES = 500, END_TRIES = 40 };

/* What a server that is to end is given to do each time. */
enum { KICKS = 500, KICK_PATIENCE_US = 100000, KICK_BYTES = 65536 };

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

/* False: there is no place for the whole line. */
static bool fill_command(const char *command, const char *port, char *line, size_t size)
{
	size_t used = (size_t)snprintf(line, size, "exec ");

	while (*command && used < size) {
		if (strncmp(command, "{port}", 6) != 0) {
			line[used++] = *command++;
			continue;
		}
		used += (size_t)snprintf(line + used, size - used, "%s", port);
		command += 6;
	}
	if (used < size)
		line[used] = '\0';
	return used < size;
}

/* The shell becomes the server, so that the process is the one that is measured. What it prints is
 * nobody's. */
static _Noreturn void become_command(const char *const *before, const char *line)
{
	const char *words[CHILD_ARGUMENTS_MAX] = { 0 };
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	int used = 0;

	for (; before && before[used] && used < CHILD_ARGUMENTS_MAX - 4; used++)
		words[used] = before[used];
	words[used++] = "/bin/sh";
	words[used++] = "-c";
	words[used] = line;
	place_process(0, PLACE_FIRST);
	if (nowhere >= 0 && dup2(nowhere, STDIN_FILENO) >= 0)
		become(words, nowhere);
	_exit(127);
}

int child_start_command(struct child *child, const char *const *before, const char *command)
{
	char port[8], line[CHILD_COMMAND_MAX];
	int rc;

	*child = (struct child){ .pid = -1, .port = free_port(), .traced = before };
	if (child->port == 0)
		return -EADDRINUSE;
	snprintf(port, sizeof(port), "%u", child->port);
	if (!fill_command(command, port, line, sizeof(line)))
		return -E2BIG;
	child->pid = fork();
	if (child->pid == 0)
		become_command(before, line);
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

/* Requests and their answers, until one stays away. */
static void kick(uint16_t port, const char *request)
{
	static char answer[KICK_BYTES];
	const struct timeval patience = { .tv_usec = KICK_PATIENCE_US };
	int fd = load_connect(port, 0);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int count = 0; count < KICKS; count++)
		if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
		    recv(fd, answer, sizeof(answer), 0) <= 0)
			break;
	close(fd);
}

/* Whom a signal is for: strace is the parent of its server, callgrind is the server itself. */
static pid_t server_of(const struct child *child)
{
	char path[64];
	int inner = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)child->pid, (int)child->pid);
	in = child->traced ? fopen(path, "r") : NULL;
	if (!in)
		return child->pid;
	if (fscanf(in, "%d", &inner) != 1)
		inner = 0;
	fclose(in);
	return inner > 0 ? inner : child->pid;
}

/* Under callgrind a process that sleeps in a call which valgrind does not know to sleep hears of a
 * signal only after so many instructions more: it is given something to do. */
int child_end(struct child *child, const char *request)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	kill(server_of(child), SIGTERM);
	for (int tries = 0; tries < END_TRIES; tries++) {
		nanosleep(&pause, NULL);
		if (waitpid(child->pid, NULL, WNOHANG) == child->pid) {
			child->pid = -1;
			child_stop(child);
			return 0;
		}
		kick(child->port, request);
	}
	child_stop(child);
	return -ETIMEDOUT;
}

/* A server whose strace was killed would go on by itself. */
void child_stop(struct child *child)
{
	if (child->pid > 0) {
		kill(server_of(child), SIGKILL);
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
