/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/system.h"

#include <duet/msghdr.h>
#include <errno.h>
#include <duet/process.h>
#include <duet/signal.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/backend.h"

/* The only file of core that makes system calls on descriptors. Each counts itself. */

static int counted(struct duet_loop *loop, long answer)
{
	loop->stats.system_calls++;
	return answer < 0 ? -errno : (int)answer;
}

uint64_t core_system_clock_ns(struct duet_loop *loop)
{
	struct timespec now;

	(void)loop;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

enum core_class core_system_class_of_file(struct duet_loop *loop, int fd)
{
	struct stat found;

	if (loop->backend->own_descriptors)
		return CLASS_FILE;
	if (counted(loop, fstat(fd, &found)) < 0)
		return CLASS_OTHER;
	return S_ISREG(found.st_mode) || S_ISBLK(found.st_mode) ? CLASS_FILE : CLASS_OTHER;
}

static int socket_option(struct duet_loop *loop, int fd, int option, int *value)
{
	socklen_t length = sizeof(*value);

	return counted(loop, getsockopt(fd, SOL_SOCKET, option, value, &length));
}

int core_system_describe(struct duet_loop *loop, int fd, struct core_descriptor *found)
{
	int flags = counted(loop, fcntl(fd, F_GETFL));
	int listens = 0;

	*found = (struct core_descriptor){.nonblocking = flags >= 0 && flags & O_NONBLOCK};
	if (flags < 0)
		return flags;
	if (socket_option(loop, fd, SO_TYPE, &found->type) < 0) {
		found->file_class = core_system_class_of_file(loop, fd);
		return 0;
	}
	found->is_socket = true;
	socket_option(loop, fd, SO_DOMAIN, &found->domain);
	socket_option(loop, fd, SO_ACCEPTCONN, &listens);
	found->listens = listens;
	return 0;
}

void core_system_reuse_address(struct duet_loop *loop, int fd)
{
	int on = 1;

	if (!loop->backend->own_descriptors)
		counted(loop, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
}

int core_system_set_option(struct duet_loop *loop, int fd, int level, int name, const void *value,
			   socklen_t length)
{
	return counted(loop, setsockopt(fd, level, name, value, length));
}

int core_system_option(struct duet_loop *loop, int fd, int level, int name, void *value,
		       socklen_t *length)
{
	return counted(loop, getsockopt(fd, level, name, value, length));
}

int core_system_address(struct duet_loop *loop, int fd, bool peer, struct sockaddr *address,
			socklen_t *length)
{
	return counted(loop, peer ? getpeername(fd, address, length)
				  : getsockname(fd, address, length));
}

void core_system_copy_address(const struct duet_op *op, struct sockaddr *address, socklen_t length)
{
	if (op->args.address.length_bytes < length)
		length = op->args.address.length_bytes;
	memcpy(address, op->args.address.storage, length);
}

int duet_core_system_socket(struct duet_loop *loop, int domain, int type, int protocol)
{
	return counted(loop, socket(domain, type | SOCK_CLOEXEC, protocol));
}

int duet_core_system_bind(struct duet_loop *loop, int fd, struct duet_op *op)
{
	socklen_t length = op->args.address.length_bytes;
	struct sockaddr *address = (void *)op->args.address.storage;
	int error = counted(loop, bind(fd, address, length));

	if (error)
		return error;
	length = DUET_ADDRESS_BYTES;
	error = counted(loop, getsockname(fd, address, &length));
	op->args.address.length_bytes =
		(uint16_t)(length < DUET_ADDRESS_BYTES ? length : DUET_ADDRESS_BYTES);
	return error;
}

int duet_core_system_listen(struct duet_loop *loop, int fd, int backlog)
{
	return counted(loop, listen(fd, backlog));
}

int core_system_pipe(struct duet_loop *loop, int fds[2])
{
	return counted(loop, pipe2(fds, O_CLOEXEC));
}

int duet_core_system_signals(struct duet_loop *loop, const sigset_t *signals)
{
	return counted(loop, signalfd(-1, signals, SFD_CLOEXEC));
}

int duet_core_system_process(struct duet_loop *loop, pid_t process)
{
	return counted(loop, syscall(SYS_pidfd_open, process, 0));
}

int duet_core_system_close(struct duet_loop *loop, int fd)
{
	return counted(loop, close(fd));
}

int duet_core_system_shutdown(struct duet_loop *loop, int fd, int how)
{
	return counted(loop, shutdown(fd, how));
}

int duet_core_system_accept(struct duet_loop *loop, int fd)
{
	return counted(loop, accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

int duet_core_system_connect(struct duet_loop *loop, int fd, const struct duet_op *op)
{
	return counted(loop, connect(fd, (const void *)op->args.address.storage,
				     op->args.address.length_bytes));
}

int duet_core_system_nonblock(struct duet_loop *loop, int fd, int on)
{
	int flags = counted(loop, fcntl(fd, F_GETFL));

	if (flags < 0)
		return flags;
	if (!!(flags & O_NONBLOCK) == !!on)
		return 0;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return counted(loop, fcntl(fd, F_SETFL, flags));
}

int duet_core_system_signal(struct duet_loop *loop, int fd, struct duet_op *op)
{
	struct signalfd_siginfo *into = op->args.io.vectors[0].iov_base;
	bool lifted = duet_core_guard_lift(into, sizeof(*into));
	int n;

	do
		n = counted(loop, read(fd, into, sizeof(*into)));
	while (n == -EINTR);
	if (n >= 0)
		n = (int)into->ssi_signo;
	duet_core_guard_lower(into, sizeof(*into), lifted);
	return n;
}

int duet_core_wait_options(const struct duet_op *op)
{
	return WEXITED | (int)op->args.io.offset_bytes;
}

int duet_core_system_wait_process(struct duet_loop *loop, int fd, struct duet_op *op)
{
	siginfo_t *into = op->args.io.vectors[0].iov_base;
	bool lifted = duet_core_guard_lift(into, sizeof(*into));
	int error;

	into->si_pid = 0;
	error = counted(loop, waitid(P_PIDFD, (id_t)fd, into, duet_core_wait_options(op) | WNOHANG));
	if (!error && !into->si_pid)
		error = -EAGAIN;
	duet_core_guard_lower(into, sizeof(*into), lifted);
	return error;
}

int duet_core_system_recv(struct duet_loop *loop, int fd, void *data, size_t bytes)
{
	bool lifted = duet_core_guard_lift(data, bytes);
	int n;

	do
		n = counted(loop, recv(fd, data, bytes, MSG_DONTWAIT));
	while (n == -EINTR);
	duet_core_guard_lower(data, bytes, lifted);
	return n;
}

int duet_core_system_send(struct duet_loop *loop, int fd, const struct iovec *pieces,
			  uint32_t count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
				 .msg_iovlen = count};

	if (count == 1)
		return counted(loop, send(fd, pieces->iov_base, pieces->iov_len,
					  MSG_DONTWAIT | MSG_NOSIGNAL));
	return counted(loop, sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int duet_core_system_recvmsg(struct duet_loop *loop, int fd, const struct duet_op *op)
{
	const int flags = op->args.io.message_flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
	int n;

	duet_core_guard_lift_op(op);
	do
		n = counted(loop, recvmsg(fd, &op->args.io.header->message, flags));
	while (n == -EINTR);
	duet_core_guard_lower_op(op);
	return n;
}

int duet_core_system_sendmsg(struct duet_loop *loop, int fd, const struct duet_op *op)
{
	const int flags = op->args.io.message_flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	int n;

	do
		n = counted(loop, sendmsg(fd, &op->args.io.header->message, flags));
	while (n == -EINTR);
	return n;
}
