/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_MSGHDR_H
#define DUET_MSGHDR_H

#include <duet/api.h>
#include <duet/operation.h>
#include <stddef.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Messages with a header: to and from an address, and with control data (descriptors, credentials,
 * time stamps, the local address of a packet), as recvmsg(2) and sendmsg(2).
 *
 * The header is the caller's. From a start that returned 0 to the terminal completion it is lent
 * with the operation, and so is what `control` points to: neither may be touched, moved or freed.
 * One for each operation that is pending. Nothing of it is read before the start. All zero is an empty
 * header: no address, no control data. One header serves a receive and then a send: an
 * answer goes to where the question came from.
 */
struct duet_msghdr {
	/* Receive, out: where it came from; address_bytes is 0 if that has no name, or the receive
	 * failed. There is always room for every address. Send, in: where it goes; address_bytes 0: to
	 * whom the socket is connected. */
	struct sockaddr_storage address;
	socklen_t address_bytes;

	/* Receive, out: what became of the message, MSG_TRUNC (a datagram was longer than the pieces: the
	 * rest of it is gone), MSG_CTRUNC (control data didn't fit: what didn't is gone, its descriptors
	 * are closed), MSG_EOR, MSG_OOB, MSG_ERRQUEUE. Not read by a send. */
	int flags;

	/* Receive, in: control_room_bytes at `control`, or 0; out: control_bytes of them are filled.
	 * Send, in: control_bytes at `control` go out, or 0. Aligned as a struct cmsghdr, made and
	 * walked with the macros of cmsg(3). */
	void *control;
	size_t control_bytes;
	size_t control_room_bytes;

	struct msghdr message; /* the loop's: what the kernel is shown */
};

/*
 * Receives a message into up to DUET_OP_IOVECS pieces; the array is copied, the pieces and the header
 * are lent. message_flags: 0, or of MSG_PEEK, MSG_OOB, MSG_ERRQUEUE. Never waits inside a call, never
 * for the whole: MSG_DONTWAIT, MSG_WAITALL and every other are -EINVAL.
 *
 * `result` and `transferred` are the bytes that are in the pieces; the header says the rest. Its place is
 * in the line of the receives on the handle. On a stream 0 is the end. A datagram may be empty:
 * of a datagram socket 0 is one of those, unless it was shut down. All pieces together may be of 0 bytes:
 * then a message of any length is taken, and cut (a stream loses nothing).
 *
 * Two have a readiness of their own. MSG_OOB never waits: -EINVAL or -EAGAIN, if no urgent byte is there.
 * MSG_ERRQUEUE waits for a queued error of an internet socket, and not for data; -EAGAIN, if an error
 * stands before it that is the socket's own and only a plain call is told, or the peer sends no more.
 *
 * Received descriptors are close-on-exec, and the caller's: adopt or close them. They come with the
 * completion, cancelled or not; if nobody is told (done is NULL) they are closed. A received message
 * can't be abandoned.
 *
 * Every kind of socket. What is none, a file or a pipe, is -ENOTSOCK.
 */
DUET_API void duet_op_recvmsg(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
			      unsigned count, struct duet_msghdr *header, int message_flags);

/*
 * Sends a message of up to DUET_OP_IOVECS pieces; the array is copied, the pieces and the header are
 * lent. message_flags: 0, or of MSG_OOB, MSG_MORE, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE.
 *
 * A datagram goes whole or not at all; it may be empty. On a stream fewer bytes may go: partial, and
 * the writes behind it end untouched, as behind a send. The control data goes with the first byte:
 * with a message of 0 bytes on a stream there is none, and it stays. Its place is in the line of the
 * sends on the handle, and it is never gathered with them. SIGPIPE is never raised.
 *
 * -EAGAIN as a result: a unix datagram to an address, whose receiver's queue is full. Nothing tells
 * when there is room in the queue of somebody to whom the socket isn't connected; connected, it waits.
 * -EOPNOTSUPP: control data, on a backend without real descriptors: none is passed there.
 * -EDESTADDRREQ, -ENOTCONN: neither an address nor connected. -EMSGSIZE: longer than a datagram can be.
 */
DUET_API void duet_op_sendmsg(struct duet_op *op, duet_handle handle, const struct iovec *vectors,
			      unsigned count, struct duet_msghdr *header, int message_flags);

/* The same of one piece: an echo of datagrams is the first, and then the second with the same header. */
DUET_API void duet_op_recvfrom(struct duet_op *op, duet_handle handle, void *data,
			       size_t length_bytes, struct duet_msghdr *header);
DUET_API void duet_op_sendto(struct duet_op *op, duet_handle handle, const void *data,
			     size_t length_bytes, struct duet_msghdr *header);

/*
 * Descriptors, over a unix socket. To send: writes them, as all that the control data is, to
 * `control`, which has control_room_bytes, at least CMSG_SPACE(count * sizeof(int)). They stay the
 * sender's, who may close them when the send has ended. 0, or -ENOSPC: there is no room for them, or
 * none are given.
 */
DUET_API int duet_msghdr_put_descriptors(struct duet_msghdr *header, const int *descriptors,
					 unsigned count);

/* Of a received header: where in its control data the descriptors are, and how many. NULL: none came. */
DUET_API const int *duet_msghdr_descriptors(const struct duet_msghdr *header, unsigned *count);

#ifdef __cplusplus
}
#endif

#endif
