/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * A kernel-side polling thread (IORING_SETUP_SQPOLL) fetches what is submitted, so that nothing has to be
 * called, and runs what completes. No tuning of the library's offers it, so that this is by hand, and
 * so is what it is set against.
 */
#include "compare/claim/scheduling_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/claim/scheduling_sender.h"
#include "compare/measure/window.h"

/* The thread stays awake between two messages, which are 80 us apart. */
enum { ENTRIES = 64, IDLE_MS = 1000, TURN_S = 1 };

struct connection {
	int fd;
	uint32_t received;
	uint64_t message; /* lent while a receive is under way */
};

struct hand {
	const struct scheduling_options *options;
	struct io_uring ring;
	bool made, kernel_thread, wrong;
	struct connection connections[SCHEDULING_CONNECTIONS];
	struct scheduling_sender sender;
	int begun; /* connections that have their two ends */
	struct histogram latency;
	uint32_t handled, pending;
	uint64_t turns, calls;
};

/* ---- A turn. ---- */

static void receive(struct hand *hand, struct connection *connection)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&hand->ring); /* there is one for each */

	io_uring_prep_recv(sqe, connection->fd, &connection->message, sizeof(connection->message),
			   0);
	io_uring_sqe_set_data(sqe, connection);
	hand->pending++;
}

static void take(struct hand *hand, const struct io_uring_cqe *cqe)
{
	struct connection *connection = io_uring_cqe_get_data(cqe);
	const uint32_t which = (uint32_t)(connection - hand->connections);

	hand->pending--;
	if (cqe->res != sizeof(connection->message)) {
		hand->wrong = true;
		return;
	}
	hand->wrong |= connection->message !=
		       schedule_message(&hand->sender.schedule, which, connection->received);
	histogram_record(&hand->latency,
			 window_now_ns() -
				 scheduling_due_ns(&hand->sender, which, connection->received++));
	hand->handled++;
	receive(hand, connection);
}

static bool look(struct hand *hand)
{
	const uint64_t end_ns = window_now_ns() + hand->options->spin_ns;
	bool ready;

	do
		ready = io_uring_cq_ready(&hand->ring) != 0;
	while (!ready && window_now_ns() < end_ns);
	return ready;
}

/* To a thread that is awake nothing is called: it sees the tail move. */
static void hand_over(struct hand *hand)
{
	if (!io_uring_sq_ready(&hand->ring))
		return;
	io_uring_submit(&hand->ring);
	hand->calls += (IO_URING_READ_ONCE(*hand->ring.sq.kflags) & IORING_SQ_NEED_WAKEUP) != 0;
}

static int turn(struct hand *hand)
{
	struct __kernel_timespec time = { .tv_sec = TURN_S };
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;
	int status = 0;

	hand->turns++;
	if (hand->kernel_thread)
		hand_over(hand);
	if (!look(hand)) {
		status = io_uring_submit_and_wait_timeout(&hand->ring, &cqe, 1, &time, NULL);
		hand->calls++;
	}
	io_uring_for_each_cqe(&hand->ring, head, cqe) {
		take(hand, cqe);
		count++;
	}
	io_uring_cq_advance(&hand->ring, count);
	return status < 0 && status != -ETIME && status != -EINTR ? status : 0;
}

static int run(struct hand *hand)
{
	int error = 0;

	while (!error && hand->handled < hand->options->messages && !hand->wrong)
		error = atomic_load(&hand->sender.failed) ? -EIO : turn(hand);
	return hand->wrong ? -EBADMSG : error;
}

/* ---- From its ring to its end. ---- */

static int open_ring(struct hand *hand)
{
	struct io_uring_params params = { 0 };
	const char *tuning = hand->options->mechanism.tuning;
	int error;

	if (hand->kernel_thread) {
		params.flags = IORING_SETUP_SQPOLL;
		params.sq_thread_idle = IDLE_MS;
	} else if (!tuning || strcmp(tuning, "mode=plain") != 0) {
		params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	}
	error = io_uring_queue_init_params(ENTRIES, &hand->ring, &params);
	hand->made = !error;
	return error;
}

static int connect_all(struct hand *hand)
{
	for (; hand->begun < SCHEDULING_CONNECTIONS; hand->begun++) {
		struct connection *connection = &hand->connections[hand->begun];
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
			return -errno;
		connection->fd = pair[0];
		hand->sender.peers[hand->begun] = pair[1];
		receive(hand, connection);
	}
	return 0;
}

/* What is under way is ended, and waited for: to close a ring waits for nothing. */
static int drain(struct hand *hand)
{
	int error = 0;

	for (int i = 0; i < hand->begun; i++)
		shutdown(hand->connections[i].fd, SHUT_RDWR);
	while (hand->pending && !error) {
		const uint32_t before = hand->pending;

		error = turn(hand);
		if (!error && hand->pending == before)
			error = -ETIMEDOUT;
	}
	return error;
}

/* What can't be ended goes with the process. */
static int close_all(struct hand *hand)
{
	int error = hand->made ? drain(hand) : 0;

	for (int i = 0; i < hand->begun; i++) {
		close(hand->connections[i].fd);
		close(hand->sender.peers[i]);
	}
	if (error)
		return error;
	if (hand->made)
		io_uring_queue_exit(&hand->ring);
	free(hand);
	return 0;
}

static uint64_t process_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The kernel's thread is one of the process, as the sender is. */
static int run_with_sender(struct hand *hand, struct scheduling_result *result)
{
	const double messages = hand->options->messages;
	const uint64_t begun_ns = process_cpu_ns();
	int error;

	hand->sender.messages = hand->options->messages;
	error = scheduling_sender_begin(&hand->sender);
	if (error)
		return error;
	error = run(hand);
	scheduling_sender_join(&hand->sender);
	result->cpu_ns = (double)(process_cpu_ns() - begun_ns - hand->sender.cpu_ns) / messages;
	result->turns = (double)hand->turns / messages;
	result->calls = (double)hand->calls / messages;
	scheduling_sender_judge(&hand->sender, &hand->latency, result);
	return error;
}

int scheduling_ring_play(const struct scheduling_options *options, bool kernel_thread,
			 struct scheduling_result *result)
{
	struct hand *hand = calloc(1, sizeof(*hand));
	int error, ended;

	if (!hand)
		return -ENOMEM;
	hand->options = options;
	hand->kernel_thread = kernel_thread;
	error = open_ring(hand);
	if (!error)
		error = connect_all(hand);
	if (!error)
		error = run_with_sender(hand, result);
	ended = close_all(hand);
	return error ? error : ended;
}

bool scheduling_ring_has_thread(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL };
	struct io_uring ring;

	if (io_uring_queue_init_params(ENTRIES, &ring, &params))
		return false;
	io_uring_queue_exit(&ring);
	return true;
}
