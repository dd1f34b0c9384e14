/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_PROCESS_H
#define DUET_PROCESS_H

#include <duet/api.h>
#include <duet/handle.h>
#include <duet/operation.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * A handle for a process, by pidfd_open(2): it means this process for good, also when its number
 * has been given to another. The caller's child before it was waited for, or any process; the
 * loop's to close. Closing it does nothing to the process. 0, -EINVAL (no such number), -ESRCH (no
 * such process), -EMFILE, -ENFILE (handles_max reached), -ENOSYS (before Linux 5.3, or filtered).
 */
DUET_API int duet_handle_process(struct duet_loop *loop, pid_t process, duet_handle *handle);

/*
 * Waits until the process ends: `result` is 0, and si_signo, si_code, si_pid, si_uid and si_status
 * of *into, which is lent, are as of waitid(2). It is reaped by that, unless options are WNOWAIT:
 * then it stays for another wait. options are 0 or WNOWAIT; that it stopped or went on is nothing
 * that a handle tells of.
 *
 * An exit status that came is always handed over, also with a cancel or a deadline; a wait that
 * ended untouched leaves the process to be waited for. First come, first served: of two waits the
 * first has the status, and the second fails with -ECHILD. So does one for a process that is no
 * child of the caller's, or that was waited for elsewhere: to learn that it has ended poll its
 * handle for POLLIN. A program that ignores SIGCHLD, or has SA_NOCLDWAIT set, has no children to
 * wait for.
 *
 * Start: -EINVAL if the handle is none of duet_handle_process(), into is NULL, or other options.
 *
 * Declared where <signal.h> has siginfo_t: with POSIX, as by default, and not in bare ISO C.
 */
#ifdef SI_USER
DUET_API void duet_op_wait_process(struct duet_op *op, duet_handle handle, siginfo_t *into,
				   int options);
#endif

#ifdef __cplusplus
}
#endif

#endif
