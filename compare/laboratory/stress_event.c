/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Kinds of the stress tier that wait for something to be told. Whatever came is told, or is still there. */
#include <duet/process.h>
#include <duet/signal.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/laboratory/lane.h"

enum { SIGNALS = 16, PROCESSES = 8 };

/* What a plain call has made: as lane_adopt(). */
static int keep_witness(struct lane *lane)
{
	lane->witness = fcntl(duet_handle_fd(lane->stress->loop, lane->handle), F_DUPFD_CLOEXEC, 0);
	return lane->witness < 0 ? -errno : 0;
}

/* ---- Poll, multishot: its own callback takes what it is told of. ---- */

static int open_pair(struct lane *lane)
{
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	error = lane_adopt(lane, pair[0]);
	lane->peer = pair[1];
	return error;
}

static void describe_poll_multishot(struct lane *lane)
{
	duet_op_poll_multishot(&lane->op, lane->handle, POLLIN);
}

static void send_byte(struct lane *lane)
{
	lane->moved += send(lane->peer, stress_pattern(lane, lane->moved), 1,
			    MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static void drain(struct lane *lane)
{
	unsigned char bytes[LANE_BYTES_MAX];
	ssize_t n;

	while ((n = recv(lane->witness, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (!stress_holds(lane, bytes, (size_t)n, lane->delivered))
			lane_violation(lane, VIOLATION_DATA, "behind byte %llu of the stream come "
				       "others than were sent", (unsigned long long)lane->delivered);
		lane->delivered += (uint64_t)n;
	}
}

static void take_events(struct lane *lane)
{
	if (lane->op.more && !(lane->op.result & POLLIN))
		lane_violation(lane, VIOLATION_EFFECT, "it tells of %d", lane->op.result);
	if (lane->op.more && lane->asked)
		lane_violation(lane, VIOLATION_ENDS, "it tells of events after it was asked to end");
	if (lane->op.more)
		drain(lane);
}

static void settle_stream(struct lane *lane)
{
	drain(lane);
	if (lane->moved != lane->delivered)
		lane_violation(lane, VIOLATION_BYTES, "%llu bytes sent, but %llu delivered or still "
			       "readable", (unsigned long long)lane->moved,
			       (unsigned long long)lane->delivered);
}

/* ---- Signals: one that queues for each lane, to the process. ---- */

static int number_of(const struct lane *lane)
{
	return SIGRTMIN + (int)lane->index;
}

static sigset_t signal_of(const struct lane *lane)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number_of(lane));
	return set;
}

static int open_signals(struct lane *lane)
{
	sigset_t set = signal_of(lane);
	int error;

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	error = duet_handle_signals(lane->stress->loop, &set, &lane->handle);
	return error ? error : keep_witness(lane);
}

static void take_pending(struct lane *lane)
{
	const struct timespec now = { 0, 0 };
	sigset_t set = signal_of(lane);

	while (sigtimedwait(&set, NULL, &now) == number_of(lane))
		lane->delivered++;
}

static void describe_signal(struct lane *lane)
{
	if (lane->moved != lane->delivered && stress_below(&lane->stress->random, 4))
		take_pending(lane);
	duet_op_signal(&lane->op, lane->handle, (void *)lane->data);
}

static void send_signal(struct lane *lane)
{
	lane->moved += !sigqueue(getpid(), number_of(lane), (union sigval){ .sival_int = 0 });
}

static void take_signal(struct lane *lane)
{
	const struct signalfd_siginfo *into = (const void *)lane->data;

	if (lane->op.result < 0)
		return;
	lane->delivered++;
	if (lane->op.result != number_of(lane) || into->ssi_signo != (uint32_t)number_of(lane))
		lane_violation(lane, VIOLATION_DATA, "signal %d is told as %d and %u",
			       number_of(lane), lane->op.result, into->ssi_signo);
}

static void settle_signals(struct lane *lane)
{
	take_pending(lane);
	if (lane->moved != lane->delivered)
		lane_violation(lane, VIOLATION_BYTES, "%llu signals sent, but %llu delivered or "
			       "still pending", (unsigned long long)lane->moved,
			       (unsigned long long)lane->delivered);
}

/* ---- Processes: `place` is the one of this operation. ---- */

static int open_process(struct lane *lane)
{
	pid_t process = fork();
	int error;

	if (process < 0)
		return -errno;
	if (!process) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	lane->place = (uint64_t)process;
	error = duet_handle_process(lane->stress->loop, process, &lane->handle);
	return error ? error : keep_witness(lane);
}

static void describe_wait_process(struct lane *lane)
{
	duet_op_wait_process(&lane->op, lane->handle, (void *)lane->data, 0);
}

static void kill_process(struct lane *lane)
{
	lane->moved += !kill((pid_t)lane->place, SIGKILL);
}

static void take_status(struct lane *lane)
{
	const siginfo_t *into = (const void *)lane->data;

	if (lane->op.result < 0)
		return;
	lane->delivered++;
	if ((uint64_t)into->si_pid != lane->place || into->si_status != SIGKILL)
		lane_violation(lane, VIOLATION_DATA, "process %llu ended by %d, told is %d by %d",
			       (unsigned long long)lane->place, SIGKILL, (int)into->si_pid,
			       into->si_status);
}

/* Who was told is waited for no more; any other still is to be. */
static void settle_process(struct lane *lane)
{
	siginfo_t found;
	bool there;

	if (!lane->place)
		return;
	if (!lane->delivered)
		kill((pid_t)lane->place, SIGKILL);
	there = !waitid(P_PID, (id_t)lane->place, &found, WEXITED);
	if (there != !lane->delivered)
		lane_violation(lane, VIOLATION_BYTES, "the end of process %llu was %s",
			       (unsigned long long)lane->place,
			       there ? "told, and is there again" : "told to nobody, and is gone");
	lane->place = 0;
}

const struct stress_kind STRESS_EVENTS[] = {
	{ .name = "poll-multishot", .kind = DUET_POLL, .lanes = LANES_MAX / 4,
	  .traits = STRESS_REPEATS | STRESS_ENDLESS, .what = "for input, until it is stopped",
	  .open = open_pair, .describe = describe_poll_multishot, .act = send_byte,
	  .take = take_events, .settle = settle_stream },
	{ .name = "signal", .kind = DUET_SIGNAL, .lanes = SIGNALS,
	  .bytes = sizeof(struct signalfd_siginfo), .what = "a real-time one, to the process",
	  .open = open_signals, .describe = describe_signal, .act = send_signal,
	  .take = take_signal, .settle = settle_signals },
	{ .name = "wait-process", .kind = DUET_WAIT_PROCESS, .lanes = PROCESSES,
	  .traits = STRESS_ONCE, .bytes = sizeof(siginfo_t), .what = "for a child that is killed",
	  .open = open_process, .describe = describe_wait_process, .act = kill_process,
	  .take = take_status, .settle = settle_process },
	{ 0 },
};
