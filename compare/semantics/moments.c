/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Each kind of operation, cancelled in the batch that brings it, in flight, when it could end and nobody
 * has looked, and when its end lies in the ring. */

#include "compare/semantics/moments.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare/semantics/bench.h"

enum { LARGE = 1 << 20, GROUP = 7, BUFFERS = 4, BUFFER_BYTES = 256, SHORT_NS = 1000000 };

struct stage {
	struct bench bench;
	int fds[2];
	pid_t child;
	char *memory; /* LARGE */
	struct io_uring_buf_ring *group;
	struct __kernel_timespec time;
	siginfo_t ended;
	struct sockaddr_in address;
};

struct subject {
	const char *name;
	int whole;
	bool at_once; /* ends in its own submission: it has one moment only */
	int (*open)(struct stage *stage);
	void (*prepare)(struct stage *stage, struct io_uring_sqe *sqe);
	void (*satisfy)(struct stage *stage); /* NULL: there is no such moment */
};

/* ---- What they work on. ---- */

static int open_nothing(struct stage *stage)
{
	(void)stage;
	return 0;
}

static int open_pipe(struct stage *stage)
{
	return pipe2(stage->fds, O_CLOEXEC);
}

static int open_pair(struct stage *stage)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stage->fds);
}

static int open_full_pipe(struct stage *stage)
{
	int error = pipe2(stage->fds, O_CLOEXEC | O_NONBLOCK);

	while (!error && write(stage->fds[1], stage->memory, 4096) > 0)
		;
	return error ? error : fcntl(stage->fds[1], F_SETFL, 0);
}

static int open_full_pair(struct stage *stage)
{
	int error = open_pair(stage);

	while (!error && send(stage->fds[1], stage->memory, 4096, MSG_DONTWAIT) > 0)
		;
	return error;
}

static int open_listener(struct stage *stage)
{
	socklen_t length = sizeof(stage->address);

	stage->address = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	stage->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stage->fds[0] < 0 ||
	    bind(stage->fds[0], (struct sockaddr *)&stage->address, sizeof(stage->address)) ||
	    getsockname(stage->fds[0], (struct sockaddr *)&stage->address, &length))
		return -1;
	return listen(stage->fds[0], 8);
}

static int open_file(struct stage *stage)
{
	const char *folder = getenv("TMPDIR");

	stage->fds[0] = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return stage->fds[0] < 0 || write(stage->fds[0], stage->memory, 4096) != 4096 ? -1 : 0;
}

static int open_group(struct stage *stage)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS, .bgid = GROUP };
	int error = open_pair(stage);

	stage->group = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.ring_addr = (uintptr_t)stage->group;
	if (error || stage->group == MAP_FAILED ||
	    io_uring_register_buf_ring(&stage->bench.ring, &reg, 0))
		return -1;
	for (unsigned short i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(stage->group, stage->memory + i * BUFFER_BYTES, BUFFER_BYTES, i,
				      BUFFERS - 1, i);
	io_uring_buf_ring_advance(stage->group, BUFFERS);
	return 0;
}

/* A child that ends when its pipe is closed. */
static int open_child(struct stage *stage)
{
	char byte;
	int error = open_pipe(stage);

	if (error)
		return error;
	stage->child = fork();
	if (stage->child == 0) {
		close(stage->fds[1]);
		(void)!read(stage->fds[0], &byte, 1);
		_exit(0);
	}
	return stage->child < 0 ? -1 : 0;
}

/* ---- What is asked for. ---- */

static void prepare_nop(struct stage *stage, struct io_uring_sqe *sqe)
{
	(void)stage;
	io_uring_prep_nop(sqe);
}

static void prepare_timeout(struct stage *stage, struct io_uring_sqe *sqe)
{
	stage->time = (struct __kernel_timespec){ .tv_sec = 100 };
	io_uring_prep_timeout(sqe, &stage->time, 0, 0);
}

static void prepare_read(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, stage->fds[0], stage->memory, 64, (uint64_t)-1);
}

static void prepare_write(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_write(sqe, stage->fds[1], stage->memory, 4096, (uint64_t)-1);
}

static void prepare_recv(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_recv(sqe, stage->fds[0], stage->memory, 64, 0);
}

static void prepare_recv_all(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_recv(sqe, stage->fds[0], stage->memory, 100, MSG_WAITALL);
}

static void prepare_recv_group(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_recv(sqe, stage->fds[0], NULL, BUFFER_BYTES, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
}

static void prepare_recv_multishot(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_recv_multishot(sqe, stage->fds[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
}

static void prepare_send(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_send(sqe, stage->fds[1], stage->memory, 4096, MSG_NOSIGNAL);
}

static void prepare_send_all(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_send(sqe, stage->fds[1], stage->memory, LARGE, MSG_NOSIGNAL | MSG_WAITALL);
}

static void prepare_accept(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_accept(sqe, stage->fds[0], NULL, NULL, SOCK_CLOEXEC);
}

static void prepare_accept_multishot(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_multishot_accept(sqe, stage->fds[0], NULL, NULL, SOCK_CLOEXEC);
}

static void prepare_poll(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_add(sqe, stage->fds[0], POLLIN);
}

static void prepare_poll_multishot(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_multishot(sqe, stage->fds[0], POLLIN);
}

static void prepare_file_read(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, stage->fds[0], stage->memory, 4096, 0);
}

static void prepare_open(struct stage *stage, struct io_uring_sqe *sqe)
{
	(void)stage;
	io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
}

/* Opcodes that the headers of 6.1 lack: 50, waitid, and 51, futex_wait, both of Linux 6.7. */
static void prepare_waitid(struct stage *stage, struct io_uring_sqe *sqe)
{
	io_uring_prep_rw(50, sqe, stage->child, NULL, P_PID, (uintptr_t)&stage->ended);
	sqe->file_index = WEXITED;
}

static void prepare_futex(struct stage *stage, struct io_uring_sqe *sqe)
{
	memset(stage->memory, 0, sizeof(uint32_t));
	io_uring_prep_rw(51, sqe, 2 /* FUTEX2_SIZE_U32 */, stage->memory, 0, 0);
	sqe->addr3 = UINT32_MAX;
}

/* ---- What makes them ready. ---- */

static void satisfy_write(struct stage *stage)
{
	(void)!write(stage->fds[1], stage->memory, 10);
}

static void satisfy_read(struct stage *stage)
{
	(void)!read(stage->fds[0], stage->memory, 65536);
}

static void satisfy_connect(struct stage *stage)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&stage->address, sizeof(stage->address)))
		stage->fds[1] = fd;
	else if (fd >= 0)
		close(fd);
}

static void satisfy_child(struct stage *stage)
{
	siginfo_t unused;

	close(stage->fds[1]);
	stage->fds[1] = -1;
	waitid(P_PID, (id_t)stage->child, &unused, WEXITED | WNOWAIT);
}

static const struct subject SUBJECTS[] = {
	{ "nop", 0, true, open_nothing, prepare_nop, NULL },
	{ "timeout", 0, false, open_nothing, prepare_timeout, NULL },
	{ "read, pipe", 0, false, open_pipe, prepare_read, satisfy_write },
	{ "write, full pipe", 0, false, open_full_pipe, prepare_write, satisfy_read },
	{ "recv", 0, false, open_pair, prepare_recv, satisfy_write },
	{ "recv, all of 100", 100, false, open_pair, prepare_recv_all, satisfy_write },
	{ "recv, ring buffer", 0, false, open_group, prepare_recv_group, satisfy_write },
	{ "recv, multishot", 0, false, open_group, prepare_recv_multishot, satisfy_write },
	{ "send, full", 0, false, open_full_pair, prepare_send, NULL },
	{ "send, all of 1 MiB", LARGE, false, open_pair, prepare_send_all, NULL },
	{ "accept", 0, false, open_listener, prepare_accept, satisfy_connect },
	{ "accept, multishot", 0, false, open_listener, prepare_accept_multishot, satisfy_connect },
	{ "poll", 0, false, open_pair, prepare_poll, satisfy_write },
	{ "poll, multishot", 0, false, open_pair, prepare_poll_multishot, satisfy_write },
	{ "read, cached file", 0, true, open_file, prepare_file_read, NULL },
	{ "openat", 0, true, open_nothing, prepare_open, NULL },
	{ "futex wait", 0, false, open_nothing, prepare_futex, NULL },
	{ "waitid", 0, false, open_child, prepare_waitid, satisfy_child },
};

enum { SUBJECTS_COUNT = sizeof(SUBJECTS) / sizeof(*SUBJECTS) };

static const char *const MOMENTS[] = { "same batch", "in flight", "ready", "posted" };

enum moment { SAME_BATCH, IN_FLIGHT, READY, POSTED, MOMENTS_COUNT };

static bool exists(const struct subject *subject, enum moment moment)
{
	if (moment == READY)
		return subject->satisfy != NULL;
	return moment != POSTED || subject->satisfy || subject->at_once;
}

/* ---- A case. ---- */

static int stage_open(struct stage *stage, const struct subject *subject, bool deferred,
		      unsigned int patience_ms)
{
	int error;

	*stage = (struct stage){ .fds = { -1, -1 } };
	stage->memory = calloc(1, LARGE);
	if (!stage->memory)
		return -ENOMEM;
	error = bench_open(&stage->bench, deferred, patience_ms);
	if (error) {
		free(stage->memory);
		return error;
	}
	return subject->open(stage) < 0 ? -errno : 0;
}

static void close_made(const struct stage *stage)
{
	bool makes = stage->address.sin_port != 0;

	for (unsigned int i = 0; i < stage->bench.count && makes; i++) {
		if (stage->bench.answers[i].user_data == BENCH_TARGET &&
		    stage->bench.answers[i].result > 2)
			close(stage->bench.answers[i].result);
	}
}

static void stage_close(struct stage *stage, const struct subject *subject)
{
	close_made(stage);
	if (subject->prepare == prepare_open && bench_result(&stage->bench, BENCH_TARGET) > 2)
		close(bench_result(&stage->bench, BENCH_TARGET));
	/* What is still in flight has to end before its memory goes: closing the ring waits for nothing. */
	if (!bench_ended(&stage->bench, BENCH_TARGET)) {
		bench_cancel(&stage->bench);
		bench_submit(&stage->bench);
		bench_collect(&stage->bench, bench_collect(&stage->bench, 0) + 2);
	}
	for (int i = 0; i < 2; i++) {
		if (stage->fds[i] >= 0)
			close(stage->fds[i]);
	}
	bench_close(&stage->bench);
	if (stage->child > 0)
		waitpid(stage->child, NULL, 0);
	if (stage->group && stage->group != MAP_FAILED)
		munmap(stage->group, BUFFERS * sizeof(struct io_uring_buf));
	free(stage->memory);
}

static void play(struct stage *stage, const struct subject *subject, enum moment moment)
{
	struct bench *bench = &stage->bench;

	subject->prepare(stage, bench_entry(bench, BENCH_TARGET));
	bench->ring.sq.sqes[(bench->ring.sq.sqe_tail - 1) & *bench->ring.sq.kring_mask].user_data =
		BENCH_TARGET;
	if (moment != SAME_BATCH)
		bench_submit(bench);
	if (moment >= READY && subject->satisfy)
		subject->satisfy(stage);
	if (moment == POSTED)
		bench_post(bench);
	bench_cancel(bench);
	bench_submit(bench);
	bench_collect(bench, 2);
}

static int outcome_of(const struct subject *subject, enum moment moment, bool deferred,
		      unsigned int patience_ms, char *text, size_t size)
{
	struct stage stage;
	char cancel[32], target[32];
	int error = stage_open(&stage, subject, deferred, patience_ms);

	if (error)
		return error;
	play(&stage, subject, moment);
	bench_say(&stage.bench, BENCH_CANCEL, -1, cancel, sizeof(cancel));
	bench_say(&stage.bench, BENCH_TARGET, subject->whole, target, sizeof(target));
	snprintf(text, size, "%s / %s", cancel, target);
	stage_close(&stage, subject);
	return 0;
}

/* ---- All of them, by number. ---- */

static bool find(unsigned int number, const struct subject **subject, enum moment *moment,
		 bool *deferred)
{
	for (unsigned int i = 0; i < SUBJECTS_COUNT; i++) {
		for (int m = 0; m < MOMENTS_COUNT; m++) {
			unsigned int modes = m == READY ? 2 : 1;

			if (!exists(&SUBJECTS[i], (enum moment)m))
				continue;
			if (number < modes) {
				*subject = &SUBJECTS[i];
				*moment = (enum moment)m;
				*deferred = number == 1;
				return true;
			}
			number -= modes;
		}
	}
	return false;
}

bool moments_name(unsigned int number, char *name, size_t size)
{
	const struct subject *subject;
	enum moment moment;
	bool deferred;

	if (!find(number, &subject, &moment, &deferred))
		return false;
	snprintf(name, size, "%s: %s%s", subject->name, MOMENTS[moment],
		 moment != READY ? "" : deferred ? ", deferred" : ", plain");
	return true;
}

/* Only readiness that nobody looked at differs with the mode: of the others, both have to agree. */
int moments_play(unsigned int number, unsigned int patience_ms, char *outcome, size_t size)
{
	const struct subject *subject;
	enum moment moment;
	char other[80];
	bool deferred;
	int error;

	if (!find(number, &subject, &moment, &deferred))
		return -ENOENT;
	error = outcome_of(subject, moment, deferred, patience_ms, outcome, size);
	if (error || moment == READY)
		return error;
	error = outcome_of(subject, moment, true, patience_ms, other, sizeof(other));
	if (!error && strcmp(outcome, other) != 0)
		snprintf(outcome + strlen(outcome), size - strlen(outcome), "; deferred %s", other);
	return error == -EINVAL ? 0 : error;
}
