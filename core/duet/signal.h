/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SIGNAL_H
#define DUET_SIGNAL_H

#include <duet/api.h>
#include <duet/handle.h>
#include <duet/operation.h>
#include <signal.h>
#include <sys/signalfd.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * Signals as something to wait for, instead of handlers that interrupt.
 *
 * A signal that is blocked stays pending, and a handle made for it tells of it. No disposition is
 * changed here, nor the mask of any thread: blocking is the program's, and comes first.
 *
 *	sigemptyset(&set);
 *	sigaddset(&set, SIGTERM);
 *	pthread_sigmask(SIG_BLOCK, &set, NULL);         before the first thread is begun
 *	duet_handle_signals(loop, &set, &handle);
 *	duet_op_signal(&op, handle, &info);
 *	duet_op_start(loop, &op);
 *
 * In a program with threads a signal that is sent to the process is delivered to any of them that
 * doesn't block it, and so never comes here: block it with pthread_sigmask() in the main thread
 * before others begin, which inherit that (those of a loop's own block all). A child process
 * inherits the mask too, through exec(): set it back there. Of two handles, or loops, that tell of
 * one signal, each occurrence is handed to one, whichever is first. Signals that aren't real-time
 * ones don't queue: two that come before anybody looks are one. What was sent to one thread
 * (pthread_kill(), raise()) only the loop of that thread hears of.
 */

/*
 * A handle that tells of signals; the loop's to close, as any other. 0; -EINVAL: the set is empty,
 * or one of it isn't blocked in this thread (SIGKILL and SIGSTOP, which nobody can block, are
 * passed over); -EMFILE; -ENFILE (handles_max reached).
 */
DUET_API int duet_handle_signals(struct duet_loop *loop, const sigset_t *signals,
				 duet_handle *handle);

/*
 * Waits for one of them: `result` is its number, and *into, which is lent, says the rest, as
 * signalfd(2). A signal is taken from the process only to be handed over: one that came is in the
 * completion, also with a cancel, and one for which the operation ended untouched stays pending for
 * the next. First come, first served. Start: -EINVAL if the handle is none of
 * duet_handle_signals(), or into is NULL.
 */
DUET_API void duet_op_signal(struct duet_op *op, duet_handle handle, struct signalfd_siginfo *into);

#ifdef __cplusplus
}
#endif

#endif
