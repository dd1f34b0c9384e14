/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What else the library counts on: identities, links, other threads, and what a ring says of itself. */

#include <duet/operation.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compare/semantics/bench.h"
#include "compare/semantics/moments.h"

enum { RACES = 200, SECOND = 2, THIRD = 3 };

struct room {
	struct bench bench;
	int fds[2];
	char data[128];
	struct __kernel_timespec time;
};

static int room_open(struct room *room, unsigned int patience_ms)
{
	int error = bench_open(&room->bench, false, patience_ms);

	if (error)
		return error;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, room->fds) ? -errno : 0;
}

static void receive(struct room *room, uint64_t user_data, int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&room->bench.ring);

	io_uring_prep_recv(sqe, room->fds[0], room->data, 100, flags);
	sqe->user_data = user_data;
}

/* The end of whatever still receives: its peer goes. */
static void room_close(struct room *room)
{
	close(room->fds[1]);
	bench_collect(&room->bench, bench_collect(&room->bench, 0) + 1);
	if (room->fds[0] >= 0)
		close(room->fds[0]);
	bench_close(&room->bench);
}

static void say_pair(struct bench *bench, int whole, char *text, size_t size)
{
	char cancel[32], target[48];

	bench_say(bench, BENCH_CANCEL, -1, cancel, sizeof(cancel));
	bench_say(bench, BENCH_TARGET, whole, target, sizeof(target));
	snprintf(text, size, "%s / %s", cancel, target);
}

static void link_timeout(struct room *room)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&room->bench.ring);

	room->time = (struct __kernel_timespec){ .tv_nsec = 2000000 };
	io_uring_prep_link_timeout(sqe, &room->time, 0);
	sqe->user_data = BENCH_CANCEL;
}

static void mark_link(struct room *room)
{
	const struct io_uring_sq *sq = &room->bench.ring.sq;

	sq->sqes[(sq->sqe_tail - 1) & *sq->kring_mask].flags |= IOSQE_IO_LINK;
}

static void part_then_deadline(struct room *room, char *text, size_t size)
{
	receive(room, BENCH_TARGET, MSG_WAITALL);
	mark_link(room);
	link_timeout(room);
	(void)!write(room->fds[1], room->data, 10);
	bench_submit(&room->bench);
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 100, text, size);
}

static void nop_with_deadline(struct room *room, char *text, size_t size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&room->bench.ring);

	io_uring_prep_nop(sqe);
	sqe->user_data = BENCH_TARGET;
	mark_link(room);
	link_timeout(room);
	bench_submit(&room->bench);
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 0, text, size);
}

static void cancel_with(struct room *room, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&room->bench.ring);

	if (flags & IORING_ASYNC_CANCEL_FD)
		io_uring_prep_cancel_fd(sqe, room->fds[0], flags);
	else
		io_uring_prep_cancel64(sqe, BENCH_TARGET, (int)flags);
	sqe->user_data = BENCH_CANCEL;
	bench_submit(&room->bench);
}

static void by_closed_descriptor(struct room *room, char *text, size_t size)
{
	int fd = room->fds[0];

	receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	close(fd);
	cancel_with(room, IORING_ASYNC_CANCEL_FD);
	room->fds[0] = -1;
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 0, text, size);
}

static void all_of_descriptor(struct room *room, char *text, size_t size)
{
	for (int i = 0; i < 3; i++)
		receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	cancel_with(room, IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL);
	bench_collect(&room->bench, 4);
	say_pair(&room->bench, 0, text, size);
}

static void all_of_none(struct room *room, char *text, size_t size)
{
	cancel_with(room, IORING_ASYNC_CANCEL_ALL);
	bench_collect(&room->bench, 1);
	say_pair(&room->bench, 0, text, size);
}

/* Which of two that look alike is stopped is told by which of them gets the byte. */
static void two_alike(struct room *room, char *text, size_t size)
{
	char second[2] = { 0 };
	struct io_uring_sqe *sqe;

	receive(room, BENCH_TARGET, 0);
	sqe = io_uring_get_sqe(&room->bench.ring);
	io_uring_prep_recv(sqe, room->fds[0], second, 1, 0);
	sqe->user_data = BENCH_TARGET;
	bench_submit(&room->bench);
	cancel_with(room, 0);
	bench_collect(&room->bench, 2);
	(void)!write(room->fds[1], "x", 1);
	bench_collect(&room->bench, 3);
	snprintf(text, size, "%d / the %s of them", bench_result(&room->bench, BENCH_CANCEL),
		 second[0] == 'x' ? "first" : "second");
}

static void cancel_in_front(struct room *room, char *text, size_t size)
{
	bench_cancel(&room->bench);
	receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 0, text, size);
}

/* The second of a chain whose first waits. */
static void tail_of_chain(struct room *room, char *text, size_t size)
{
	struct io_uring_sqe *sqe;

	receive(room, SECOND, 0);
	mark_link(room);
	sqe = io_uring_get_sqe(&room->bench.ring);
	io_uring_prep_nop(sqe);
	sqe->user_data = BENCH_TARGET;
	bench_submit(&room->bench);
	cancel_with(room, 0);
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 0, text, size);
	(void)!write(room->fds[1], "x", 1);
	bench_collect(&room->bench, 3);
}

static void by_another_ring(struct room *room, char *text, size_t size)
{
	struct bench other;

	receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	if (bench_open(&other, false, room->bench.patience_ms))
		return;
	bench_cancel(&other);
	bench_submit(&other);
	bench_collect(&other, 1);
	bench_collect(&room->bench, 1);
	snprintf(text, size, "%s / %s", duet_error_name(bench_result(&other, BENCH_CANCEL)),
		 room->bench.count ? "ended" : "pending");
	bench_close(&other);
}

static void *submit_and_leave(void *context)
{
	struct room *room = context;

	receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	return NULL;
}

static void submitter_leaves(struct room *room, char *text, size_t size)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, submit_and_leave, room))
		return;
	pthread_join(thread, NULL);
	(void)!write(room->fds[1], "x", 1);
	bench_collect(&room->bench, 1);
	bench_say(&room->bench, BENCH_TARGET, 0, text, size);
}

static void at_once_by_call(struct room *room, char *text, size_t size)
{
	struct io_uring_sync_cancel_reg cancel = { .addr = BENCH_TARGET,
						   .timeout = { .tv_sec = -1, .tv_nsec = -1 } };
	char target[32];
	int answer;

	receive(room, BENCH_TARGET, 0);
	bench_submit(&room->bench);
	answer = io_uring_register_sync_cancel(&room->bench.ring, &cancel);
	bench_collect(&room->bench, 1);
	bench_say(&room->bench, BENCH_TARGET, 0, target, sizeof(target));
	snprintf(text, size, "%s / %s", answer < 0 ? duet_error_name(answer) : "0", target);
}

static void *submit_elsewhere(void *context)
{
	struct bench *bench = context;

	bench_entry(bench, BENCH_TARGET)->opcode = IORING_OP_NOP;
	bench->count = (unsigned int)-io_uring_submit(&bench->ring);
	return NULL;
}

static void other_thread_submits(struct room *room, char *text, size_t size)
{
	struct bench bench;
	pthread_t thread;

	if (bench_open(&bench, true, room->bench.patience_ms) ||
	    pthread_create(&thread, NULL, submit_elsewhere, &bench))
		return;
	pthread_join(thread, NULL);
	snprintf(text, size, "%s", duet_error_name((int)bench.count));
	bench_close(&bench);
}

/* The kernel's own restart code comes out of a worker. */
static void open_of_fifo_in_worker(struct room *room, char *text, size_t size)
{
	const char *folder = getenv("TMPDIR");
	char path[128];
	struct io_uring_sqe *sqe;

	snprintf(path, sizeof(path), "%s/duet-fifo-%d", folder ? folder : "/tmp", (int)getpid());
	if (mkfifo(path, 0600))
		return;
	sqe = io_uring_get_sqe(&room->bench.ring);
	io_uring_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = BENCH_TARGET;
	bench_submit(&room->bench);
	/* Until the worker has it. */
	usleep(room->bench.patience_ms * 1000);
	cancel_with(room, 0);
	bench_collect(&room->bench, 2);
	say_pair(&room->bench, 0, text, size);
	close(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	unlink(path);
}

/* ---- Races: what is rare isn't shown to be absent by not being seen. ---- */

static void late_write(struct room *room, char *text, size_t size)
{
	unsigned int seen = 0;

	for (int i = 0; i < RACES; i++) {
		static char data[8];
		struct room one = { .fds = { -1, -1 } };
		struct io_uring_sqe *sqe;

		memset(data, 0, sizeof(data));
		if (room_open(&one, room->bench.patience_ms))
			return;
		sqe = io_uring_get_sqe(&one.bench.ring);
		io_uring_prep_recv(sqe, one.fds[0], data, sizeof(data), 0);
		bench_submit(&one.bench);
		bench_close(&one.bench);
		(void)!write(one.fds[1], "x", 1);
		seen += data[0] != 0;
		close(one.fds[0]);
		close(one.fds[1]);
	}
	snprintf(text, size, seen ? "seen %u times in %d" : "not seen (%u) in %d tries", seen, RACES);
}

/* A cancel that comes while a worker takes its work up, and stops nothing. */
static void lost_in_worker(struct room *room, char *text, size_t size)
{
	unsigned int lost = 0;

	for (int i = 0; i < RACES; i++) {
		struct bench *bench = &room->bench;

		bench->count = 0;
		receive(room, BENCH_TARGET, 0);
		bench->ring.sq.sqes[(bench->ring.sq.sqe_tail - 1) & *bench->ring.sq.kring_mask]
			.flags |= IOSQE_ASYNC;
		bench_submit(bench);
		cancel_with(room, 0);
		if (bench_collect(bench, 2) < 2) {
			lost++;
			cancel_with(room, 0);
			bench_collect(bench, 3);
		}
	}
	snprintf(text, size, lost ? "seen %u times in %d" : "not seen (%u) in %d tries", lost, RACES);
}

/* ---- What a ring says of itself. ---- */

static void set_up_flags(struct room *room, char *text, size_t size)
{
	static const struct {
		const char *name;
		unsigned int flags;
	} modes[] = {
		{ "deferred", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
		{ "no array", 1U << 16 },
		{ "mixed completions", 1U << 18 },
	};
	size_t length = 0;

	(void)room;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct io_uring_params params = { .flags = modes[i].flags };
		long fd = syscall(SYS_io_uring_setup, 8, &params);

		length += (size_t)snprintf(text + length, size - length, "%s%s %s",
					   length ? ", " : "", modes[i].name, fd < 0 ? "no" : "yes");
		if (fd >= 0)
			close((int)fd);
	}
}

static void features(struct room *room, char *text, size_t size)
{
	struct io_uring_probe *known = io_uring_get_probe_ring(&room->bench.ring);
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, 8, &params);

	snprintf(text, size, "features %#x, last opcode %d", params.features,
		 known ? known->last_op : -1);
	io_uring_free_probe(known);
	if (fd >= 0)
		close((int)fd);
}

static const struct {
	const char *name;
	void (*play)(struct room *room, char *text, size_t size);
} RULES[] = {
	{ "recv of 100, 10 there, deadline of a link", part_then_deadline },
	{ "nop, deadline of a link", nop_with_deadline },
	{ "cancel by descriptor, behind its close", by_closed_descriptor },
	{ "cancel all of a descriptor, 3 there", all_of_descriptor },
	{ "cancel all, none there", all_of_none },
	{ "cancel of two that look alike", two_alike },
	{ "cancel in front of its target", cancel_in_front },
	{ "cancel of a chain's second", tail_of_chain },
	{ "cancel in another ring", by_another_ring },
	{ "cancel by a call", at_once_by_call },
	{ "submitter's thread ends, then data comes", submitter_leaves },
	{ "another thread submits, single issuer", other_thread_submits },
	{ "openat of a FIFO in a worker, cancelled", open_of_fifo_in_worker },
	{ "write into memory behind the ring's close", late_write },
	{ "cancel lost as a worker begins", lost_in_worker },
	{ "set-up", set_up_flags },
	{ "what the ring says of itself", features },
};

enum { RULES_COUNT = sizeof(RULES) / sizeof(*RULES) };

bool rules_name(unsigned int number, char *name, size_t size)
{
	if (number >= RULES_COUNT)
		return false;
	snprintf(name, size, "%s", RULES[number].name);
	return true;
}

int rules_play(unsigned int number, unsigned int patience_ms, char *outcome, size_t size)
{
	struct room room = { .fds = { -1, -1 } };
	int error = room_open(&room, patience_ms);

	snprintf(outcome, size, "couldn't be tried");
	if (error)
		return error;
	RULES[number].play(&room, outcome, size);
	room_close(&room);
	return 0;
}
