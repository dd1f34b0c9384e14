/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/semantics/bench.h"

#include <duet/operation.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 64 };

int bench_open(struct bench *bench, bool deferred, unsigned int patience_ms)
{
	unsigned int flags = deferred ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0;

	*bench = (struct bench){ .deferred = deferred, .patience_ms = patience_ms };
	return io_uring_queue_init(ENTRIES, &bench->ring, flags);
}

void bench_close(struct bench *bench)
{
	io_uring_queue_exit(&bench->ring);
}

struct io_uring_sqe *bench_entry(struct bench *bench, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bench->ring);

	/* The prep functions leave it alone. */
	sqe->user_data = user_data;
	return sqe;
}

void bench_submit(struct bench *bench)
{
	io_uring_submit(&bench->ring);
}

void bench_cancel(struct bench *bench)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bench->ring);

	io_uring_prep_cancel64(sqe, BENCH_TARGET, 0);
	sqe->user_data = BENCH_CANCEL;
}

static bool fetch(struct bench *bench)
{
	struct __kernel_timespec time = { .tv_nsec = (long long)bench->patience_ms * 1000000 };
	struct io_uring_cqe *cqe;

	if (bench->count == BENCH_ANSWERS_MAX ||
	    io_uring_wait_cqe_timeout(&bench->ring, &cqe, &time))
		return false;
	bench->answers[bench->count].user_data = cqe->user_data;
	bench->answers[bench->count].result = cqe->res;
	bench->answers[bench->count++].flags = cqe->flags;
	io_uring_cqe_seen(&bench->ring, cqe);
	return true;
}

static unsigned int terminal(const struct bench *bench)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < bench->count; i++) {
		if (!(bench->answers[i].flags & IORING_CQE_F_MORE))
			count++;
	}
	return count;
}

unsigned int bench_collect(struct bench *bench, unsigned int wanted)
{
	while (terminal(bench) < wanted && fetch(bench))
		;
	return terminal(bench);
}

void bench_post(struct bench *bench)
{
	io_uring_enter((unsigned int)bench->ring.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL);
}

bool bench_ended(const struct bench *bench, uint64_t user_data)
{
	for (unsigned int i = 0; i < bench->count; i++) {
		if (bench->answers[i].user_data == user_data &&
		    !(bench->answers[i].flags & IORING_CQE_F_MORE))
			return true;
	}
	return false;
}

int bench_result(const struct bench *bench, uint64_t user_data)
{
	for (unsigned int i = 0; i < bench->count; i++) {
		if (bench->answers[i].user_data == user_data)
			return bench->answers[i].result;
	}
	return INT_MIN;
}

static size_t say_one(int result, unsigned int flags, int whole, char *text, size_t size)
{
	const char *more = flags & IORING_CQE_F_NOTIF ? " notif" : flags & IORING_CQE_F_MORE ? " more" : "";
	const char *buffer = flags & IORING_CQE_F_BUFFER ? " buffer" : "";
	char number[16];
	const char *word = number;

	if (result == -512)
		word = "-512";
	else if (result < 0)
		word = duet_error_name(result);
	else if (whole < 0)
		snprintf(number, sizeof(number), "%d", result);
	else
		word = whole && result < whole ? "part" : "ok";
	if (flags & IORING_CQE_F_NOTIF)
		word = "";
	return (size_t)snprintf(text, size, "%s%s%s", word, buffer, more);
}

void bench_say(const struct bench *bench, uint64_t user_data, int whole, char *text, size_t size)
{
	size_t length = 0;
	unsigned int flags = IORING_CQE_F_MORE;

	*text = '\0';
	for (unsigned int i = 0; i < bench->count; i++) {
		if (bench->answers[i].user_data != user_data || length >= size)
			continue;
		if (length)
			length += (size_t)snprintf(text + length, size - length, ", ");
		if (length < size)
			length += say_one(bench->answers[i].result, bench->answers[i].flags, whole,
					  text + length, size - length);
		flags = bench->answers[i].flags;
	}
	if (flags & IORING_CQE_F_MORE && length < size)
		snprintf(text + length, size - length, "%spending", length ? ", " : "");
}
