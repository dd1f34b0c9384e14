/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/msghdr.h"

#include <errno.h>
#include <string.h>

#include "core/backend.h"
#include "core/handle.h"
#include "core/operation.h"

/* ---- What it is to do. ---- */

static void prepare(struct duet_op *op, enum duet_kind kind, duet_handle handle,
		    const struct iovec *vectors, unsigned count, struct duet_msghdr *header,
		    int message_flags)
{
	size_t length = 0;

	if (!core_prepare(op, kind, handle))
		return;
	/* No pieces are as one that is empty. */
	op->args.io.vectors[0] = (struct iovec){NULL, 0};
	for (unsigned i = 0; i < count && i < DUET_OP_IOVECS; i++) {
		op->args.io.vectors[i] = vectors[i];
		length += vectors[i].iov_len;
	}
	op->args.io.vector_count = count ? count : 1;
	if (count > 1)
		op->flags |= FLAG_PIECES;
	op->args.io.length_bytes = (uint32_t)length;
	op->args.io.header = header;
	op->args.io.message_flags = message_flags;
}

void duet_op_recvmsg(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
		     unsigned count, struct duet_msghdr *header, int message_flags)
{
	prepare(op, DUET_RECVMSG, handle, vectors, count, header, message_flags);
}

void duet_op_sendmsg(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
		     unsigned count, struct duet_msghdr *header, int message_flags)
{
	prepare(op, DUET_SENDMSG, handle, vectors, count, header, message_flags);
}

void duet_op_recvfrom(struct duet_op *op, duet_handle handle, void *data, size_t length_bytes,
		      struct duet_msghdr *header)
{
	prepare(op, DUET_RECVMSG, handle, &(struct iovec){data, length_bytes}, 1, header, 0);
}

void duet_op_sendto(struct duet_op *op, duet_handle handle, const void *data, size_t length_bytes,
		    struct duet_msghdr *header)
{
	prepare(op, DUET_SENDMSG, handle, &(struct iovec){(void *)(uintptr_t)data, length_bytes}, 1,
		header, 0);
}

/* ---- Whether it can be. ---- */

static bool pieces_fit(const struct duet_op *op)
{
	uint64_t length = 0;

	if (op->args.io.vector_count > DUET_OP_IOVECS)
		return false;
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		if (op->args.io.vectors[i].iov_len > DUET_TRANSFER_MAX)
			return false;
		length += op->args.io.vectors[i].iov_len;
	}
	return length <= DUET_TRANSFER_MAX;
}

static int check(const struct duet_op *op, size_t control_bytes, int known_flags)
{
	const struct duet_msghdr *header = op->args.io.header;
	const unsigned known = DUET_INLINE | (op->args.io.vector_count > 1 ? FLAG_PIECES : 0);
	bool pieces = pieces_fit(op) && !(op->flags & ~known);
	bool control = !control_bytes || (header->control && control_bytes <= DUET_TRANSFER_MAX);

	return pieces && control && !(op->args.io.message_flags & ~known_flags) ? 0 : -EINVAL;
}

int core_msghdr_check_recv(const struct duet_op *op)
{
	const struct duet_msghdr *header = op->args.io.header;

	if (!header)
		return -EINVAL;
	return check(op, header->control_room_bytes, MSG_PEEK | MSG_OOB | MSG_ERRQUEUE);
}

int core_msghdr_check_send(const struct duet_op *op)
{
	const struct duet_msghdr *header = op->args.io.header;

	if (!header || header->address_bytes > sizeof(header->address))
		return -EINVAL;
	return check(op, header->control_bytes,
		     MSG_OOB | MSG_MORE | MSG_EOR | MSG_CONFIRM | MSG_DONTROUTE);
}

/* ---- What the kernel is shown, and what it says. ---- */

struct msghdr *duet_core_msghdr(struct duet_op *op)
{
	struct duet_msghdr *header = op->args.io.header;
	bool sends = op->kind == DUET_SENDMSG;
	socklen_t address_bytes = sends ? header->address_bytes : sizeof(header->address);
	size_t control_bytes = sends ? header->control_bytes : header->control_room_bytes;

	header->message = (struct msghdr){.msg_name = address_bytes ? &header->address : NULL,
					  .msg_namelen = address_bytes,
					  .msg_iov = op->args.io.vectors,
					  .msg_iovlen = op->args.io.vector_count,
					  .msg_control = control_bytes ? header->control : NULL,
					  .msg_controllen = control_bytes};
	return &header->message;
}

/* Linux 6.5: include/linux/socket.h. One descriptor, which comes if the socket has SO_PASSPIDFD. */
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

static void close_descriptors(struct duet_loop *loop, struct duet_msghdr *header)
{
	struct msghdr walked = {.msg_control = header->control,
				.msg_controllen = header->control_bytes};

	for (struct cmsghdr *block = CMSG_FIRSTHDR(&walked); block;
	     block = CMSG_NXTHDR(&walked, block)) {
		const int *descriptors = (const int *)(const void *)CMSG_DATA(block);
		size_t count = (block->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (block->cmsg_level != SOL_SOCKET ||
		    (block->cmsg_type != SCM_RIGHTS && block->cmsg_type != SCM_PIDFD))
			continue;
		/* A process that was gone already has an error in its place. */
		for (size_t i = 0; i < count; i++)
			if (descriptors[i] >= 0)
				core_discard(loop, descriptors[i]);
	}
	header->control_bytes = 0;
}

void core_msghdr_received(struct duet_loop *loop, struct duet_op *op, int raw, bool wanted)
{
	struct duet_msghdr *header = op->args.io.header;
	const struct msghdr *message = &header->message;
	const socklen_t room = sizeof(header->address);

	header->address_bytes = 0;
	header->control_bytes = 0;
	header->flags = 0;
	if (raw < 0)
		return;
	header->address_bytes = message->msg_namelen < room ? message->msg_namelen : room;
	header->control_bytes = message->msg_controllen;
	header->flags = message->msg_flags & ~MSG_CMSG_CLOEXEC;
	if (wanted)
		return;
	duet_core_guard_lift_op(op);
	close_descriptors(loop, header);
	duet_core_guard_lower_op(op);
}

/* ---- Descriptors. ---- */

int duet_msghdr_put_descriptors(struct duet_msghdr *header, const int *descriptors, unsigned count)
{
	size_t bytes = count * sizeof(*descriptors);
	struct cmsghdr *block = header->control;

	if (!count || count > UINT16_MAX || CMSG_SPACE(bytes) > header->control_room_bytes)
		return -ENOSPC;
	memset(block, 0, CMSG_SPACE(bytes));
	block->cmsg_level = SOL_SOCKET;
	block->cmsg_type = SCM_RIGHTS;
	block->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(block), descriptors, bytes);
	header->control_bytes = CMSG_SPACE(bytes);
	return 0;
}

const int *duet_msghdr_descriptors(const struct duet_msghdr *header, unsigned *count)
{
	struct msghdr walked = {.msg_control = header->control,
				.msg_controllen = header->control_bytes};

	*count = 0;
	for (struct cmsghdr *block = CMSG_FIRSTHDR(&walked); block;
	     block = CMSG_NXTHDR(&walked, block)) {
		if (block->cmsg_level != SOL_SOCKET || block->cmsg_type != SCM_RIGHTS)
			continue;
		*count = (unsigned)((block->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		return (const int *)(const void *)CMSG_DATA(block);
	}
	return NULL;
}
