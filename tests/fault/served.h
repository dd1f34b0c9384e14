/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve` as its clients see it: connections to it, and what it says that it has counted. */
#ifndef TESTS_FAULT_SERVED_H
#define TESTS_FAULT_SERVED_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/fault/program.h"

static const char *const SERVERS[] = {
	"--backend completion", "--backend completion:mode=plain", "--backend polling",
};
enum { SERVER_COUNT = sizeof(SERVERS) / sizeof(*SERVERS) };

/* A connected socket, of any type. */
static inline int served_reach(const struct program *program, const char *host, int type)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	bool is_six = strchr(host, ':') != NULL;
	int fd = socket(is_six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	four.sin_port = six.sin6_port = htons((uint16_t)program_port(program));
	ck_assert_int_eq(inet_pton(is_six ? AF_INET6 : AF_INET, host,
				   is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr), 1);
	ck_assert_int_eq(connect(fd, is_six ? (void *)&six : (void *)&four,
				 is_six ? sizeof(six) : sizeof(four)), 0);
	return fd;
}

static inline int served_connect(const struct program *program)
{
	return served_reach(program, "127.0.0.1", SOCK_STREAM);
}

/* Whether this machine has it. */
static inline bool served_has_ipv6(void)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && !bind(fd, (struct sockaddr *)&six, sizeof(six));

	if (fd >= 0)
		close(fd);
	if (!has)
		program_skip("this machine has no IPv6");
	return has;
}

static inline void served_send(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Until the server ends the connection. Returns how much there was, behind which stands a zero. */
static inline size_t served_read(int fd, char *answer, size_t room)
{
	size_t length = 0;
	ssize_t got;

	while ((got = recv(fd, answer + length, room - 1 - length, 0)) > 0)
		length += (size_t)got;
	ck_assert_msg(got == 0, "the connection was reset");
	ck_assert_uint_lt(length, room - 1);
	answer[length] = 0;
	close(fd);
	return length;
}

static inline void served_begin(struct program *program, const char *service, const char *options)
{
	program_begin(program, NULL, "serve %s %s", service, options);
	program_await_word(program, "listening");
}

static inline void served_end(struct program *program)
{
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_str_eq(program->complained, "");
}

/* What the server has counted; after served_end(). */
static inline long served_counted(const struct program *program, const char *what)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s=", what);
	at = strstr(program->said, key);
	ck_assert_msg(at != NULL, "nothing is said of %s: %s", what, program->said);
	return strtol(at + strlen(key), NULL, 10);
}

/* How many descriptors it has. */
static inline int served_files(const struct program *program)
{
	char path[64];
	DIR *folder;
	int count = -2; /* "." and ".." */

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)program->pid);
	folder = opendir(path);
	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Until it has so many again, as when all have left. */
static inline void served_await_files(const struct program *program, int count)
{
	int files = served_files(program);

	for (int i = 0; i < 2000 && files != count; i++) {
		program_pause_ms(5);
		files = served_files(program);
	}
	ck_assert_msg(files == count, "%d descriptors, not %d", files, count);
}

static inline void served_vanish(int fd, bool reset)
{
	struct linger at_once = { 1, 0 };

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* A byte at a time, of a text and then of x, until the server answers or hangs up: how many, at most most. */
static inline int served_drip(int fd, const char *text, int most)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	int length = (int)strlen(text), sent = 0;

	while (sent < most && !poll(&answer, 1, 5)) {
		if (send(fd, sent < length ? text + sent : "x", 1, MSG_NOSIGNAL) < 0)
			break;
		sent++;
	}
	return sent;
}

/* For program_begin(): none for a socket of its own; some, but not for many. */
static inline void served_no_files(void)
{
	struct rlimit limit = { 5, 5 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void served_few_files(void)
{
	struct rlimit limit = { 24, 24 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
