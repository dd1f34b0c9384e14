/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_HANDLE_H
#define DUET_HANDLE_H

#include <duet/api.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

/*
 * A descriptor as the loop knows it: a slot in the loop's table and the generation of its tenant.
 *
 * A value, copied freely. The kernel reuses descriptor numbers at once; a handle is never reused,
 * so an old one is refused with -EBADF instead of reaching a stranger's connection. All zero is no
 * handle. The loop owns the descriptor from adoption (or from the accept, open or socket that made
 * it) until a close operation ends or duet_handle_release() gives it back. Closing the number
 * behind the loop's back is misuse.
 */
typedef struct duet_handle {
	uint32_t slot;
	uint32_t generation;
} duet_handle;

#define DUET_HANDLE_NONE (duet_handle{0, 0})
#ifndef __cplusplus
#undef DUET_HANDLE_NONE
#define DUET_HANDLE_NONE ((duet_handle){0, 0})
#endif

/* What the caller promises or wants of one handle. An accepted handle has its listener's. */
enum duet_handle_flags {
	/* No descriptors or credentials arrive on this unix stream, so a short read means "empty"
	 * and saves an attempt. If the promise is broken, ancillary data may wait for the next
	 * arrival; no byte is lost. */
	DUET_HANDLE_NO_ANCILLARY = 1 << 0,
	/* This handle's own answer to "attempt before waiting?"; without one the loop's holds. */
	DUET_HANDLE_TRY_NEVER = 1 << 1,
	DUET_HANDLE_TRY_ALWAYS = 1 << 2,
};

/*
 * Gives fd to the loop. From here the loop may change its O_NONBLOCK flag to what its backend
 * needs; duet_handle_release() restores it. A descriptor is adopted once at a time: twice is misuse
 * (a duplicate, by dup(2), may be adopted beside it).
 * 0, -EBADF (no such descriptor), -ENFILE (handles_max reached), -EOPNOTSUPP (a backend without
 * real descriptors), -EINVAL (unknown flag).
 */
DUET_API int duet_handle_adopt(struct duet_loop *loop, int fd, unsigned flags, duet_handle *handle);

/*
 * Takes the descriptor back: the handle ends, the number stays open and is the caller's again.
 * The descriptor, -EBADF (not a live handle) or -EBUSY (operations are pending on it,
 * see duet_op_pending()).
 */
DUET_API int duet_handle_release(struct duet_loop *loop, duet_handle handle);

/* The descriptor behind a handle, for options and addresses: only lent, never close it.
 * -EBADF if the handle is not live. */
DUET_API int duet_handle_fd(const struct duet_loop *loop, duet_handle handle);

/* Replaces the flags of a live handle. 0, -EBADF or -EINVAL. */
DUET_API int duet_handle_set_flags(struct duet_loop *loop, duet_handle handle, unsigned flags);

/*
 * socket, SO_REUSEADDR (not for unix addresses), bind and listen in one plain call, for the start
 * of a program. On success *address holds what was bound, the port chosen for port 0 included.
 * 0, the error of the step that failed (-EADDRINUSE, -EACCES, -EMFILE ...), -ENFILE (handles_max),
 * -ENOBUFS (operations_max: each step is an operation), -ESHUTDOWN (the loop is shutting down).
 * The four steps are also operations: see duet_op_socket() and its neighbours.
 */
DUET_API int duet_handle_listen(struct duet_loop *loop, struct sockaddr *address, socklen_t length,
				int backlog, duet_handle *handle);

/*
 * A pipe: what is sent into handles[1] is received from handles[0]. flags are those of duet_handle_adopt(),
 * of both. 0, -EMFILE, -ENFILE (handles_max reached), -EINVAL (unknown flag).
 */
DUET_API int duet_handle_pipe(struct duet_loop *loop, duet_handle handles[2], unsigned flags);

/*
 * Options of a socket, as setsockopt(2) and getsockopt(2); *length is the room, and then the length.
 * Plain calls, which never wait. Those that bound a waiting call (SO_RCVTIMEO and its like) bound
 * no operation: give it a deadline.
 * 0, -EBADF (not a live handle, or it is closing), -ENOTSOCK, or what the kernel says. A backend
 * without real descriptors knows some to be read (SO_TYPE, SO_DOMAIN, SO_ACCEPTCONN, SO_ERROR), and
 * for the rest -EOPNOTSUPP.
 */
DUET_API int duet_handle_set_option(struct duet_loop *loop, duet_handle handle, int level, int name,
				    const void *value, socklen_t length);
DUET_API int duet_handle_option(struct duet_loop *loop, duet_handle handle, int level, int name,
				void *value, socklen_t *length);

/*
 * Where a socket is, and where the other end of its connection: getsockname(2), getpeername(2). *length is
 * set. 0, -EBADF, -ENOTSOCK, -ENOTCONN (no other end).
 */
DUET_API int duet_handle_address(struct duet_loop *loop, duet_handle handle,
				 struct sockaddr_storage *address, socklen_t *length);
DUET_API int duet_handle_peer(struct duet_loop *loop, duet_handle handle,
			      struct sockaddr_storage *address, socklen_t *length);

#ifdef __cplusplus
}
#endif

#endif
