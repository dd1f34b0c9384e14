/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_POLLING_LOOP_H
#define TESTS_UNIT_POLLING_LOOP_H

#include <duet/polling.h>
#include <sys/socket.h>
#include <unistd.h>

#include "polling/internal.h"
#include "tests/support/harness.h"

/* A polling loop of a case, and connections with one end on it and one end raw. */

static inline struct duet_loop *polling_loop(const char *tuning, enum duet_try policy,
					     uint32_t burst_max)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.handles_max = 16;
	options.tuning = tuning;
	options.try_first = policy;
	options.burst_max = burst_max;
	ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), &options), 0);
	return loop;
}

static inline void tcp_pair(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(ends[1], (struct sockaddr *)&address, length), 0);
	ends[0] = accept(listener, NULL, NULL);
	ck_assert_int_ge(ends[0], 0);
	close(listener);
}

/* The loop's end of a connection; *raw is the other. family AF_INET or AF_UNIX. */
static inline duet_handle connection(struct duet_loop *loop, int family, unsigned flags, int *raw)
{
	duet_handle handle;
	int ends[2];

	if (family == AF_UNIX)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	else
		tcp_pair(ends);
	ck_assert_int_eq(duet_handle_adopt(loop, ends[0], flags, &handle), 0);
	*raw = ends[1];
	return handle;
}

static inline struct duet_slot *slot_of(struct duet_loop *loop, duet_handle handle)
{
	return duet_core_slot_of(loop, handle);
}

static inline struct duet_stats stats_of(const struct duet_loop *loop)
{
	struct duet_stats stats;

	duet_loop_stats(loop, &stats);
	return stats;
}

static inline void turns(struct duet_loop *loop, unsigned count)
{
	while (count--)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

static inline void say(int raw, const char *text)
{
	ck_assert_int_eq(send(raw, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

static inline void loop_end(struct duet_loop *loop)
{
	ck_assert_int_eq(duet_loop_shutdown(loop, duet_loop_now_ns(loop) + 1000000000), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

#endif
