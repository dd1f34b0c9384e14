/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/process.h>
#include <duet/signal.h>
#include <errno.h>
#include <pthread.h>

#include "core/backend.h"
#include "core/handle.h"
#include "core/system.h"

/* Handles that a plain call makes beside sockets and files: pipes, and what tells of signals and of the
 * end of a process. */

static void discard(struct duet_loop *loop, int fd)
{
	if (loop->backend->discard)
		loop->backend->discard(loop, fd);
	else
		duet_core_system_close(loop, fd);
}

/* fd may be an error, and is gone if there is one. */
static int make(struct duet_loop *loop, int fd, enum core_source source, duet_handle *handle)
{
	int error;

	*handle = DUET_HANDLE_NONE;
	if (fd < 0)
		return fd;
	error = duet_core_slot_make(loop, fd, CLASS_OTHER, 0, handle);
	if (error)
		discard(loop, fd);
	else
		loop->slots[handle->slot].source = (uint8_t)source;
	return error;
}

int duet_handle_pipe(struct duet_loop *loop, duet_handle handles[2], unsigned flags)
{
	int fds[2];
	int error;

	handles[0] = handles[1] = DUET_HANDLE_NONE;
	if (flags & ~core_handle_flags)
		return -EINVAL;
	error = loop->backend->own_descriptors ? loop->backend->world->pipe(loop, fds)
					       : core_system_pipe(loop, fds);
	if (error)
		return error;
	error = make(loop, fds[0], SOURCE_NONE, &handles[0]);
	if (error) {
		discard(loop, fds[1]);
		return error;
	}
	error = make(loop, fds[1], SOURCE_NONE, &handles[1]);
	if (error) {
		core_handle_drop(loop, handles[0]);
		handles[0] = DUET_HANDLE_NONE;
		return error;
	}
	loop->slots[handles[0].slot].flags = (uint8_t)flags;
	loop->slots[handles[1].slot].flags = (uint8_t)flags;
	return 0;
}

/* What isn't blocked here is delivered here, and no descriptor ever tells of it. These two nobody
 * can block. */
static int check_blocked(const sigset_t *signals)
{
	sigset_t blocked;
	bool any = false;

	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int number = 1; number <= SIGRTMAX; number++) {
		if (sigismember(signals, number) != 1 || number == SIGKILL || number == SIGSTOP)
			continue;
		if (sigismember(&blocked, number) != 1)
			return -EINVAL;
		any = true;
	}
	return any ? 0 : -EINVAL;
}

int duet_handle_signals(struct duet_loop *loop, const sigset_t *signals, duet_handle *handle)
{
	int error = check_blocked(signals);

	*handle = DUET_HANDLE_NONE;
	if (error)
		return error;
	return make(loop,
		    loop->backend->own_descriptors ? loop->backend->world->signals(loop, signals)
						   : duet_core_system_signals(loop, signals),
		    SOURCE_SIGNALS, handle);
}

int duet_handle_process(struct duet_loop *loop, pid_t process, duet_handle *handle)
{
	return make(loop,
		    loop->backend->own_descriptors ? loop->backend->world->process(loop, process)
						   : duet_core_system_process(loop, process),
		    SOURCE_PROCESS, handle);
}
