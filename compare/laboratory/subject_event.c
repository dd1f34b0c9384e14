/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that wait for something to be told: readiness time and again, a signal, the end of a process. */
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

#include "compare/laboratory/account.h"
#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

/* What a plain call has made, for the account: as scene_adopt(). */
static int note_handle(struct scene *scene)
{
	scene->run.number = duet_handle_fd(scene->loop, scene->run.handle);
	scene->run.witness = fcntl(scene->run.number, F_DUPFD_CLOEXEC, 0);
	return scene->run.witness < 0 ? -errno : 0;
}

/* ---- Poll, multishot. ---- */

static int prepare_pair(struct scene *scene)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	scene->run.peer = pair[1];
	return scene_adopt(scene, pair[0]);
}

static void describe_poll_multishot(struct scene *scene)
{
	duet_op_poll_multishot(&scene->run.target, scene->run.handle, POLLIN);
}

static void send_byte(struct scene *scene)
{
	unsigned char byte;

	scene_pattern(&byte, 1, 0);
	scene->run.sent += write(scene->run.peer, &byte, 1) == 1;
}

static void account_poll(struct scene *scene)
{
	account_drain(scene, scene->run.witness);
}

/* ---- A signal: one that queues, to this thread. ---- */

static sigset_t our_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	return set;
}

static int prepare_signals(struct scene *scene)
{
	sigset_t set = our_signal();
	int error;

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	error = duet_handle_signals(scene->loop, &set, &scene->run.handle);
	return error ? error : note_handle(scene);
}

static void describe_signal(struct scene *scene)
{
	duet_op_signal(&scene->run.target, scene->run.handle, (void *)scene->data);
	scene_lend(scene, sizeof(struct signalfd_siginfo));
}

static void block_with_signal(struct scene *scene, struct duet_op *op)
{
	duet_op_signal(op, scene->run.handle, (void *)scene->scratch);
	scene->run.blocker_bytes = sizeof(struct signalfd_siginfo);
}

static void send_signal(struct scene *scene)
{
	scene->run.sent += !pthread_kill(pthread_self(), SIGRTMIN);
}

static void take_signal(struct scene *scene)
{
	const struct signalfd_siginfo *into = (const void *)scene->data;

	if (scene->run.target.result < 0)
		return;
	scene->run.delivered++;
	if (scene->run.target.result != SIGRTMIN || into->ssi_signo != (uint32_t)SIGRTMIN)
		scene_violation(scene, VIOLATION_DATA, "signal %d came, and %u is told",
				scene->run.target.result, into->ssi_signo);
}

static void account_signals(struct scene *scene)
{
	const struct timespec now = { 0, 0 };
	sigset_t set = our_signal();

	while (sigtimedwait(&set, NULL, &now) == SIGRTMIN)
		scene->run.readable++;
}

/* ---- The end of a process. ---- */

/* It lives until it is killed, and no longer than we do. */
static int prepare_process(struct scene *scene)
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
	scene->run.process = process;
	error = duet_handle_process(scene->loop, process, &scene->run.handle);
	return error ? error : note_handle(scene);
}

static void describe_wait_process(struct scene *scene)
{
	duet_op_wait_process(&scene->run.target, scene->run.handle, (void *)scene->data, 0);
	scene_lend(scene, sizeof(siginfo_t));
}

static void block_with_wait(struct scene *scene, struct duet_op *op)
{
	duet_op_wait_process(op, scene->run.handle, (void *)scene->scratch, WNOWAIT);
	scene->run.blocker_bytes = sizeof(siginfo_t);
}

/* Over, and not waited for, when this returns. */
static void kill_process(struct scene *scene)
{
	siginfo_t unused;

	kill(scene->run.process, SIGKILL);
	scene->run.sent += !waitid(P_PID, (id_t)scene->run.process, &unused, WEXITED | WNOWAIT);
}

static void take_status(struct scene *scene)
{
	const siginfo_t *into = (const void *)scene->data;

	if (scene->run.target.result < 0)
		return;
	scene->run.delivered++;
	if (into->si_pid != scene->run.process || into->si_status != SIGKILL)
		scene_violation(scene, VIOLATION_DATA, "process %d ended by %d, told is %d by %d",
				(int)scene->run.process, SIGKILL, (int)into->si_pid,
				into->si_status);
}

static void account_process(struct scene *scene)
{
	siginfo_t found = { .si_pid = 0 };

	if (!waitid(P_PID, (id_t)scene->run.process, &found, WEXITED | WNOHANG) && found.si_pid)
		scene->run.readable++;
}

const struct subject SUBJECTS_EVENT[] = {
	{ .name = "poll-multishot", .kind = DUET_POLL, .what = "for input, time and again",
	  .prepare = prepare_pair, .describe = describe_poll_multishot, .satisfy = send_byte,
	  .account = account_poll },
	{ .name = "signal", .kind = DUET_SIGNAL, .what = "a real-time one, to this thread",
	  .prepare = prepare_signals, .describe = describe_signal, .block = block_with_signal,
	  .satisfy = send_signal, .take = take_signal, .account = account_signals },
	{ .name = "wait-process", .kind = DUET_WAIT_PROCESS, .what = "for a child that is killed",
	  .prepare = prepare_process, .describe = describe_wait_process,
	  .block = block_with_wait, .satisfy = kill_process, .take = take_status,
	  .account = account_process },
	{ 0 },
};
