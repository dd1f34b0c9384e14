/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef COMPLETION_COMPAT_H
#define COMPLETION_COMPAT_H

#include <liburing.h>

/*
 * What the headers of liburing 2.3 (Debian 12) and of Linux 6.1 lack, and the only place for it. Each
 * value is the kernel's, from include/uapi/linux/io_uring.h (where another file, it says which), with
 * the version that brought it. A number here is no promise: every one is asked for, or tried, before
 * it is used.
 *
 * Opcodes and the numbers of io_uring_register(2) are enumerators in newer headers; a macro of the same
 * name and value may stand beside them.
 */

/* ---- Opcodes. Known up to 62 in Linux 6.18. ---- */

#define IORING_OP_READ_MULTISHOT 49   /* 6.7 */
#define IORING_OP_WAITID 50           /* 6.7 */
#define IORING_OP_FUTEX_WAIT 51       /* 6.7 */
#define IORING_OP_FUTEX_WAKE 52       /* 6.7 */
#define IORING_OP_FUTEX_WAITV 53      /* 6.7 */
#define IORING_OP_FIXED_FD_INSTALL 54 /* 6.8 */
#define IORING_OP_FTRUNCATE 55        /* 6.9 */
#define IORING_OP_BIND 56             /* 6.11 */
#define IORING_OP_LISTEN 57           /* 6.11 */
#define IORING_OP_RECV_ZC 58          /* 6.15 */
#define IORING_OP_EPOLL_WAIT 59       /* 6.15 */
#define IORING_OP_READV_FIXED 60      /* 6.15 */
#define IORING_OP_WRITEV_FIXED 61     /* 6.15 */
#define IORING_OP_PIPE 62             /* 6.16 */

/* ---- What a ring says of itself: io_uring_params.features. ---- */

#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13) /* 6.3 */
#endif
#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14) /* 6.10; IORING_ACCEPT_POLL_FIRST came with it */
#endif
#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT (1U << 15) /* 6.12; the pad of io_uring_getevents_arg is min_wait_usec */
#endif
#ifndef IORING_FEAT_RW_ATTR
#define IORING_FEAT_RW_ATTR (1U << 16) /* 6.14 */
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17) /* 6.15 */
#endif

/* ---- Flags of a set-up. ---- */

#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14) /* 6.5 */
#endif
#ifndef IORING_SETUP_REGISTERED_FD_ONLY
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15) /* 6.5 */
#endif
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16) /* 6.6 */
#endif
#ifndef IORING_SETUP_HYBRID_IOPOLL
#define IORING_SETUP_HYBRID_IOPOLL (1U << 17) /* 6.13 */
#endif
#ifndef IORING_SETUP_CQE_MIXED
#define IORING_SETUP_CQE_MIXED (1U << 18) /* 6.18 */
#endif

/* ---- Flags of an enter. ---- */

#ifndef IORING_ENTER_ABS_TIMER
#define IORING_ENTER_ABS_TIMER (1U << 5) /* 6.12 */
#endif
#ifndef IORING_ENTER_EXT_ARG_REG
#define IORING_ENTER_EXT_ARG_REG (1U << 6) /* 6.13 */
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7) /* 6.15 */
#endif

/* ---- Flags of a completion. ---- */

#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4) /* 6.12: the buffer isn't used up yet */
#endif
#ifndef IORING_CQE_F_SKIP
#define IORING_CQE_F_SKIP (1U << 5) /* 6.18, with CQE_MIXED: fills the end of the queue, no result */
#endif
#ifndef IORING_CQE_F_32
#define IORING_CQE_F_32 (1U << 15) /* 6.18, with CQE_MIXED */
#endif

/* ---- Flags of operations, in sqe->ioprio unless said otherwise. ---- */

#ifndef IORING_ACCEPT_DONTWAIT
#define IORING_ACCEPT_DONTWAIT (1U << 1) /* 6.10 */
#endif
#ifndef IORING_ACCEPT_POLL_FIRST
#define IORING_ACCEPT_POLL_FIRST (1U << 2) /* 6.10: waits for readiness before its first attempt */
#endif

#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3) /* 6.2: the notification says whether it was copied */
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31) /* 6.2: in the result of such a notification */
#endif
#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE (1U << 4) /* 6.10: several provided buffers in one completion */
#endif
#ifndef IORING_SEND_VECTORIZED
#define IORING_SEND_VECTORIZED (1U << 5) /* 6.17 */
#endif

#ifndef IORING_TIMEOUT_MULTISHOT
#define IORING_TIMEOUT_MULTISHOT (1U << 6) /* 6.4, in sqe->timeout_flags */
#endif

/* In sqe->cancel_flags. */
#ifndef IORING_ASYNC_CANCEL_USERDATA
#define IORING_ASYNC_CANCEL_USERDATA (1U << 4) /* 6.6 */
#endif
#ifndef IORING_ASYNC_CANCEL_OP
#define IORING_ASYNC_CANCEL_OP (1U << 5) /* 6.6 */
#endif

#ifndef IORING_MSG_RING_FLAGS_PASS
#define IORING_MSG_RING_FLAGS_PASS (1U << 1) /* 6.3, in sqe->msg_ring_flags */
#endif

#ifndef IORING_FIXED_FD_NO_CLOEXEC
#define IORING_FIXED_FD_NO_CLOEXEC (1U << 0) /* 6.8, in sqe->rw_flags of FIXED_FD_INSTALL */
#endif

/* Commands of IORING_OP_URING_CMD on a socket, in sqe->cmd_op: 6.7. */
#define SOCKET_URING_OP_SIOCINQ 0
#define SOCKET_URING_OP_SIOCOUTQ 1
#define SOCKET_URING_OP_GETSOCKOPT 2
#define SOCKET_URING_OP_SETSOCKOPT 3

/* include/uapi/linux/futex.h, 6.7: in sqe->fd of FUTEX_WAIT and FUTEX_WAKE. */
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE 128
#endif

/* ---- io_uring_register(2). ---- */

#define IORING_REGISTER_PBUF_STATUS 26   /* 6.8 */
#define IORING_REGISTER_NAPI 27          /* 6.9 */
#define IORING_UNREGISTER_NAPI 28        /* 6.9 */
#define IORING_REGISTER_CLOCK 29         /* 6.12 */
#define IORING_REGISTER_CLONE_BUFFERS 30 /* 6.12 */
#define IORING_REGISTER_SEND_MSG_RING 31 /* 6.13 */
#define IORING_REGISTER_ZCRX_IFQ 32      /* 6.15 */
#define IORING_REGISTER_RESIZE_RINGS 33  /* 6.13 */
#define IORING_REGISTER_MEM_REGION 34    /* 6.13 */
#define IORING_REGISTER_QUERY 35         /* 6.18 */

/* In the number itself: the descriptor is a registered ring's index. 6.3. */
#define IORING_REGISTER_USE_REGISTERED_RING (1U << 31)

/* Of a ring of buffers: in io_uring_buf_reg, where older headers say pad. */
#define IOU_PBUF_RING_MMAP 1 /* 6.4 */
#define IOU_PBUF_RING_INC 2  /* 6.12: a buffer is used up bit by bit */

/* ---- Entries for what liburing 2.3 can't prepare. ---- */

/* infop is the kernel's until the end. */
static inline void compat_prep_waitid(struct io_uring_sqe *sqe, int idtype, int id, void *infop,
				      int options)
{
	io_uring_prep_rw(IORING_OP_WAITID, sqe, id, NULL, (unsigned)idtype, (uintptr_t)infop);
	sqe->file_index = (unsigned)options;
}

static inline void compat_prep_ftruncate(struct io_uring_sqe *sqe, int fd, uint64_t length_bytes)
{
	io_uring_prep_rw(IORING_OP_FTRUNCATE, sqe, fd, NULL, 0, length_bytes);
}

static inline void compat_prep_bind(struct io_uring_sqe *sqe, int fd, const void *address,
				    uint32_t length_bytes)
{
	io_uring_prep_rw(IORING_OP_BIND, sqe, fd, address, 0, length_bytes);
}

static inline void compat_prep_listen(struct io_uring_sqe *sqe, int fd, int backlog)
{
	io_uring_prep_rw(IORING_OP_LISTEN, sqe, fd, NULL, (unsigned)backlog, 0);
}

/* fds holds two once it has ended; flags as of pipe2(2). */
static inline void compat_prep_pipe(struct io_uring_sqe *sqe, int *fds, int flags)
{
	io_uring_prep_rw(IORING_OP_PIPE, sqe, 0, fds, 0, 0);
	sqe->rw_flags = flags;
}

/* Sleeps while *word is value; woken by futex(2) as well. */
static inline void compat_prep_futex_wait(struct io_uring_sqe *sqe, const uint32_t *word,
					  uint64_t value)
{
	io_uring_prep_rw(IORING_OP_FUTEX_WAIT, sqe, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, word, 0, value);
	sqe->addr3 = UINT32_MAX; /* any of the waker's bits */
}

/* For at least least_usec unless the completions asked for are there: in place of a pad. */
static inline void compat_min_wait(struct io_uring_getevents_arg *arg, uint32_t least_usec)
{
	arg->pad = least_usec;
}

#endif
