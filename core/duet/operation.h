/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_OPERATION_H
#define DUET_OPERATION_H

#include <duet/api.h>
#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/message.h>
#include <duet/site.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct addrinfo;
struct core_lookup;
struct duet_loop;
struct duet_msghdr;
struct duet_op;
struct duet_splice;

/*
 * An operation: one request for I/O.
 *
 * The caller owns the memory, anywhere it likes, and lends it to the loop from a duet_op_start()
 * that returned 0 until the operation's terminal completion: the call of done() with more == 0.
 * In between neither the operation nor a buffer inside it may be touched, moved or freed. There
 * is exactly one terminal completion, on every backend, also when the operation is cancelled,
 * runs out of time, is closed under or the loop shuts down. At its call everything lent is back:
 * done() may start the same operation again, or free it.
 *
 *      duet_op_init          duet_op_start            (cancel, deadline, close)
 *          |                       |                             |
 *          v          0            v                             v
 *        idle ----------------> waiting / issued ----------> cancelling
 *          ^                       |    ^  |                     |
 *          |                       |    |  | interim: more == 1  |
 *          |                       |    +--+ (multishot only)    |
 *          |   done(), more == 0   v                             |
 *          +-------------------- ended <-------------------------+
 *
 * Waiting for a semaphore, a channel, the end of a task and their like is an operation as well: what
 * is said here of cancel, deadline, scope and completion holds for it too. See <duet/waiters.h>.
 *
 * done() is called on the loop's thread, from a turn of the loop, never from inside start or
 * cancel. Cancelling is a request: what became of the operation is in its completion alone, and
 * bytes or descriptors that came are handed over with it, cancelled or not.
 */

enum duet_kind {
	DUET_NOP,
	DUET_TIMEOUT,
	DUET_POLL,
	DUET_ACCEPT,
	DUET_CONNECT,
	DUET_RECV,
	DUET_SEND,
	DUET_READ,
	DUET_WRITE,
	DUET_OPEN,
	DUET_FSYNC,
	DUET_SHUTDOWN,
	DUET_CLOSE,
	DUET_SOCKET,
	DUET_BIND,
	DUET_LISTEN,
	DUET_RECVMSG, /* msghdr.h */
	DUET_SENDMSG,
	DUET_SEND_ZERO_COPY, /* below: duet_op_send_zero_copy() */
	DUET_SPLICE,         /* splice.h */
	DUET_STATX,          /* file.h */
	DUET_MKDIR,
	DUET_UNLINK,
	DUET_RENAME,
	DUET_LINK,
	DUET_SYMLINK,
	DUET_TRUNCATE,
	DUET_ALLOCATE,
	DUET_SIGNAL,       /* signal.h */
	DUET_WAIT_PROCESS, /* process.h */
	/* From here on no I/O: the loop itself carries them out, the same on every backend. Each is
	 * described beside what it works on. */
	DUET_ACQUIRE, /* semaphore.h */
	DUET_RELEASE,
	DUET_LOCK,         /* mutex.h */
	DUET_CHANNEL_SEND, /* channel.h */
	DUET_CHANNEL_RECV,
	DUET_CHANNEL_CLOSE,
	DUET_ONESHOT_SEND, /* oneshot.h */
	DUET_ONESHOT_RECV,
	DUET_NOTIFY, /* notify.h */
	DUET_NOTIFIED,
	DUET_BARRIER,    /* barrier.h */
	DUET_WAIT_GROUP, /* wait_group.h */
	DUET_JOIN,       /* join.h */
	DUET_JOIN_SCOPE,
	DUET_TELL, /* mailbox.h */
	DUET_ASK,
	DUET_TAKE_LETTER,
	DUET_WORK, /* below: duet_op_work() */
	DUET_RESOLVE, /* resolve.h */
	DUET_KIND_COUNT,
	DUET_IO_KIND_COUNT = DUET_ACQUIRE /* the kinds before it are I/O, and the timeout */
};

enum duet_op_flags {
	/* Accept, poll, pooled recv: go on after each result; see `more`. The terminal completion speaks of
	 * what came after the last interim one: a cancelled accept ends untouched, however many
	 * connections it has brought. */
	DUET_MULTISHOT = 1 << 0,
	/* Recv: into a buffer of the pool, chosen when data arrives. */
	DUET_POOLED = 1 << 1,
	/* Recv: until the buffer is full ("recv exactly"). Send: until all is out ("send all"). */
	DUET_WHOLE = 1 << 2,
	/* The caller takes an end inside duet_op_start() (return value 1) without a callback. */
	DUET_INLINE = 1 << 3,
	/* Fsync: the data only, as fdatasync. */
	DUET_DATA_ONLY = 1 << 4,
};

/* What an ended operation achieved. */
enum duet_disposition {
	DUET_COMPLETED, /* the whole effect, whether a cancel was asked for or not */
	DUET_PARTIAL,   /* `transferred` bytes of it, which count */
	DUET_UNTOUCHED, /* no effect: doing it again is safe */
	DUET_FAILED,    /* its own error, in `result` */
	DUET_TAINTED,   /* stopped half-way: the handle is fit only to close (a stopped connect), or
			   the scope is over (its stopped join) */
	DUET_ABANDONED, /* given up by the caller, the runtime owns what is left: nobody is told, but
			   it is counted. See <duet/owned.h> */
	DUET_DISPOSITION_COUNT
};

/* Why it ended. The earliest request is named, if the operation didn't end by itself. */
enum duet_cause {
	DUET_CAUSE_ITSELF,
	DUET_CAUSE_CANCEL,   /* duet_op_cancel() */
	DUET_CAUSE_SCOPE,    /* its scope was asked to end */
	DUET_CAUSE_DEADLINE, /* its own deadline, or an inherited one */
	DUET_CAUSE_CLOSE,    /* its handle was closed */
	DUET_CAUSE_SHUTDOWN, /* the loop was shut down */
	DUET_CAUSE_ORDER,    /* an earlier send on this stream ended short: going on would leave a hole */
	DUET_CAUSE_COUNT
};

/* What cancelling this kind can honestly promise: a property of the kind, the same everywhere. */
enum duet_cancel_class {
	DUET_CANCEL_TOTAL,    /* stopped without effect, or completed */
	DUET_CANCEL_PARTIAL,  /* may have moved some bytes: they are counted */
	DUET_CANCEL_TAINTING, /* the handle, or scope, is unusable after a stop */
	DUET_CANCEL_NOT,      /* once issued it runs to its end (disk, close) */
};

typedef void duet_done_fn(struct duet_op *op);

/* A call that may block, on a worker thread: 0 and more, or a negative error. */
typedef int duet_work_fn(void *context);

/* Deadlines are absolute, on the monotonic clock, in nanoseconds: see duet_loop_now_ns(). */
#define DUET_NO_DEADLINE UINT64_MAX

/* The largest transfer of one operation, the kernel's own bound for one call. */
#define DUET_TRANSFER_MAX 0x7ffff000u

#define DUET_OP_IOVECS 4
#define DUET_ADDRESS_BYTES 110 /* a struct sockaddr_un, the longest there is */

union duet_args {
	struct {
		struct iovec vectors[DUET_OP_IOVECS];
		union {
			uint64_t offset_bytes; /* of a wait for a process: its options */
			int message_flags;     /* recvmsg, sendmsg */
		};
		union {
			struct duet_pool *pool;
			struct duet_msghdr *header; /* recvmsg, sendmsg: lent */
			struct duet_splice *splice; /* the same */
		};
		uint32_t vector_count;
		uint32_t length_bytes; /* of all vectors, or the size of a pool's buffer */
		struct duet_op *loan_next; /* the ledger's: another of several pieces */
		uint32_t loan_place;       /* the ledger's: of its range */
	} io;
	struct {
		unsigned char storage[DUET_ADDRESS_BYTES]; /* a struct sockaddr */
		uint16_t length_bytes;
	} address;
	struct {
		const char *path; /* lent until the terminal completion */
		int directory;    /* AT_FDCWD, or a descriptor */
		int flags;
		unsigned mode;
	} open; /* mkdir and unlink, too */
	struct {
		const char *path; /* both lent */
		void *into;       /* a struct statx */
		int directory;
		int flags;
		unsigned mask;
	} statx;
	struct {
		const char *from; /* lent; of a symlink what it leads to, and no path */
		const char *to;
		int from_directory;
		int to_directory;
		unsigned flags;
	} rename; /* link and symlink, too */
	struct {
		uint64_t offset_bytes;
		uint64_t length_bytes;
		int mode;
	} extent; /* truncate, allocate */
	struct {
		uint64_t due_ns;
	} timeout;
	struct {
		int domain;
		int type;
		int protocol;
	} socket;
	struct {
		uint32_t events; /* POLLIN, POLLOUT ... */
		uint32_t seen;   /* the backend's, of a multishot one */
	} poll;
	struct {
		int how;
	} shutdown;
	struct {
		int backlog;
	} listen;
	struct {
		duet_work_fn *fn;
		void *context;
		struct duet_op *before; /* the loop's: in the line for a worker */
		uint8_t in_line;        /* the loop's: it stands there */
	} work;
	struct {
		const char *node; /* the caller's until the start has returned; NULL */
		const char *service;
		const struct addrinfo *hints;
		struct core_lookup *lookup; /* the loop's: the call, while it is waited for */
		int code;
	} resolve;
	struct {
		void *on;                    /* a primitive, task or scope: lent until the end */
		void *with;                  /* an element, or whose name a lock is in; NULL */
		uint32_t count;              /* permits */
		int32_t raw;                 /* the loop's: what it ends with, on its way home */
		struct duet_loop *there;     /* the loop's: the primitive's, if that is another */
		struct duet_message message; /* the loop's: to the primitive's loop, and home */
		struct duet_message stop;    /* the loop's: the same, of a request to end */
		uint8_t away;                /* the loop's: messages that are not home */
		uint8_t in_line;             /* the loop's: where it waits at the primitive */
		uint8_t crossing;            /* both loops': what was sent first, stop or result */
	} wait;
	uint64_t words[14];
};

/* The loop's, of a zero-copy send: calls whose memory the kernel has, and whether one was copied. */
struct duet_release {
	uint16_t calls;
	uint16_t copied;
};

struct duet_op {
	/* Set by duet_op_init() and the functions below; read-only while lent. */
	uint8_t kind;  /* enum duet_kind */
	uint8_t state; /* the loop's; only for debuggers */
	uint16_t flags;

	/*
	 * Read by the caller in done(), or after a start that returned 1. All hold in a terminal
	 * completion. In an interim one, of that item alone: with something that came, result and
	 * transferred are its own, the disposition is completed, and `made` or `buffer` is set; with
	 * -ENOBUFS the disposition is failed, transferred is 0 and `buffer` names nothing, though
	 * the operation itself goes on. The cause of an interim completion is always itself. The one of a
	 * zero-copy send is another: see duet_op_send_zero_copy().
	 */
	int32_t result;       /* >= 0: bytes, events, a number or 0; < 0: -errno, the same on every backend */
	uint32_t transferred; /* bytes moved, whatever the result */
	uint8_t disposition;  /* enum duet_disposition */
	uint8_t cause;        /* enum duet_cause */
	uint8_t more;         /* 1: an interim completion, the operation goes on */
	uint8_t request;      /* the loop's: enum duet_cause of the earliest request, 0 for none */

	duet_handle handle; /* what it works on */
	duet_done_fn *done; /* may be NULL: then nobody is told, and what it made is closed */
	void *context;      /* the caller's, never read by the loop */

	union {
		struct addrinfo *addresses; /* resolve: through duet_op_addresses() */
		duet_handle made;          /* accept, open, socket: the new handle, if result is 0;
					      else, and at the end of a multishot accept, none */
		struct duet_buffer buffer; /* of a transfer: what it was given up with, and what is
					      valid in it: see <duet/buffer.h> */
	};

	/* The loop's own: touching it is a bug. */
	struct duet_loop *loop;
	struct duet_op *next; /* the line of its handle, closed in a circle */
	struct duet_op *prev;
	struct duet_op *queued; /* next in the one queue of the loop that the state names */
	uint64_t identity;      /* slot, generation */
	uint64_t deadline_ns;
	uint32_t timer;
	uint32_t progress; /* the backend's: what it has armed */
	uint64_t backend;  /* the backend's: one word */

	union duet_args args;
	uint64_t stamp;  /* of its start: the turn, and the time */
	int32_t verdict; /* an error that the loop has decided on, given at the end */
	union {
		uint32_t keeps_handle; /* a place in the table of handles is kept for its result */
		uint32_t there_bytes;  /* the backend's, of a read: what it has already */
		struct duet_release held;
	};
};

#ifdef __cplusplus
static_assert(sizeof(struct duet_op) == 256, "an operation is 256 bytes, on every backend");
#else
_Static_assert(sizeof(struct duet_op) == 256, "an operation is 256 bytes, on every backend");
#endif

/* Sizes for bindings of other languages. */
DUET_API size_t duet_op_size(void);

/*
 * Makes an idle operation of any memory, once. done is called for every completion; NULL is
 * allowed. Then, before each start, one of the functions below says what it is to do; each of
 * them clears the deadline and the flags. None of them fails or touches the kernel: what is
 * wrong is said by duet_op_start().
 */
DUET_API void duet_op_init(struct duet_op *op, duet_done_fn *done, void *context);

/* Does nothing and completes with 0. */
DUET_API void duet_op_nop(struct duet_op *op);

/* Completes with 0 when the clock reaches due_ns, never earlier. Of two timers, the one that is
 * due first fires first; of two due at the same time, the one started first. */
DUET_API void duet_op_timeout(struct duet_op *op, uint64_t due_ns);

/*
 * Moves a timeout, on the loop's thread, anywhere in time; what is due by then fires in a turn, never in
 * here. In the order above it counts as started now. Its deadline stays.
 * 0: it is pending, and due at due_ns. 1: it is idle, so that this is for its next start. -ENOENT:
 * it has fired or was asked to end, which its completion is about to say; nothing is changed. -EINVAL: it
 * is no timeout.
 */
DUET_API int duet_op_timeout_update(struct duet_op *op, uint64_t due_ns);

/* Completes with the ready events (of POLLIN, POLLOUT, POLLPRI, POLLRDHUP; POLLERR and POLLHUP
 * are always included) as soon as there is one. Consumes nothing. */
DUET_API void duet_op_poll(struct duet_op *op, duet_handle handle, uint32_t events);

/*
 * The same with DUET_MULTISHOT: goes on until it is asked to end, or fails. Each interim
 * completion carries ready events; the terminal one never does, and none follows a request. There
 * is one
 * - soon after the start, if something is ready then, and
 * - whenever readiness may have come anew: bytes, a connection, the end of the stream, an error;
 *   and room, for whoever tried to send and found none.
 * So who takes all there is (until a transfer would wait) never misses what comes after that. Not
 * promised: one for each arrival (those that come before a turn are merged), none without an
 * arrival, another for what was left, or that it is still there: readiness is a hint. What is
 * always ready, as a file, is told once.
 */
DUET_API void duet_op_poll_multishot(struct duet_op *op, duet_handle handle, uint32_t events);

/*
 * Accepts a connection: `made` is its handle, owned by the loop, close-on-exec.
 * With DUET_MULTISHOT it accepts until it is cancelled or fails: each connection is an interim
 * completion, and the terminal one never carries a connection. If nobody wants the connection any
 * more (cancelled too late) it still arrives in `made` with a disposition of completed: close it.
 *
 * -ENFILE: handles_max is reached; -EMFILE: the process has no descriptor left. Both end it, also a
 * multishot one, and what is not accepted stays in the backlog: go on by starting the accept again
 * when a handle was closed. A single accept takes nothing in vain: it keeps a place for its
 * connection from the time that it is at the head of its line. A multishot one may already have
 * taken connections that find no place; those are closed. examples/echo.c shows the first way.
 */
DUET_API void duet_op_accept(struct duet_op *op, duet_handle listener, unsigned flags);

/* Connects. A connect that was stopped leaves the handle tainted: close it. A receive started
 * behind it receives what comes through it, and fails with it if it fails on its way. */
DUET_API void duet_op_connect(struct duet_op *op, duet_handle handle,
			      const struct sockaddr *address, socklen_t length);

/*
 * Receives into data, which is lent. `result` and `transferred` are the bytes received; 0 is the
 * end of the stream. Plain: as many as are there, at least one. With DUET_WHOLE: until
 * length_bytes are there; fewer only at the end of the stream, on an error or a request, and
 * then the disposition is partial (untouched, if there are none) and `transferred` counts what is
 * in the buffer. length_bytes is 1 to DUET_TRANSFER_MAX, as of every transfer: 0 is -EINVAL.
 * Receives on one handle are served in the order in which they were started.
 * On what is no socket it is a read: of a pipe, a terminal, an eventfd, or a file at its own position.
 */
DUET_API void duet_op_recv(struct duet_op *op, duet_handle handle, void *data, size_t length_bytes,
			   unsigned flags);

/*
 * Receives into a buffer of the pool; `buffer` names it, and it is the caller's until
 * duet_buffer_return(). With DUET_MULTISHOT every arrival is an interim completion until the end
 * of the stream (terminal, 0), an error or a cancel. With or without it, an interim -ENOBUFS says
 * that the pool was empty: the operation goes on by itself. A terminal completion carries a buffer
 * only if transferred > 0.
 */
DUET_API void duet_op_recv_pooled(struct duet_op *op, duet_handle handle, struct duet_pool *pool,
				  unsigned flags);

/*
 * Sends data, which is lent. Plain: `result` bytes, at least one. With DUET_WHOLE: all of them,
 * or partial. Sends, connects and shutdowns on one handle are carried out in the order in which
 * they were started; after one that failed or ended short those behind it end untouched, with
 * -ECANCELED and cause order, so that the stream never has a hole. SIGPIPE is never raised.
 * On what is no socket it is a write, in the same way; a file has one position for both, so that a receive
 * and a send are not to be under way on it at once.
 */
DUET_API void duet_op_send(struct duet_op *op, duet_handle handle, const void *data,
			   size_t length_bytes, unsigned flags);

/* The same from up to DUET_OP_IOVECS pieces; the array is copied, the pieces are lent. */
DUET_API void duet_op_send_vector(struct duet_op *op, duet_handle handle,
				  const struct iovec *vectors, unsigned count, unsigned flags);

/*
 * Sends data without copying it, where that can be had: the network reads it from the caller's memory, and
 * again for each retransmission, long after the send has its result. So its end is two, the same on every
 * backend:
 *
 *   - bytes were moved: one interim completion with the result, in which result, transferred, disposition
 *     and cause are final. From here on the line of the handle goes on without it: what was started behind
 *     it is sent, and a close of the handle doesn't wait for it. The memory is still lent: whoever changes
 *     it changes what the peer receives. Then the terminal completion, with the same result again: the
 *     memory is back.
 *   - none were: the terminal completion alone, as of any other send.
 *
 * Between the two there is nothing left to stop: a cancel, a deadline, a close and a shutdown have no effect,
 * and the operation is pending until its memory is back. On a stream that is when the peer's system has
 * acknowledged the bytes: a peer which doesn't receive keeps it, for as long as the connection lives, and
 * beyond a close too. A reset (SO_LINGER with a time of 0, then close) takes it back at once.
 *
 * Otherwise as duet_op_send(), with which it shares order, holes and flags; ended inside a start it was
 * copied. It pays from some tens of KiB on, over a real network.
 */
DUET_API void duet_op_send_zero_copy(struct duet_op *op, duet_handle handle, const void *data,
				     size_t length_bytes, unsigned flags);
DUET_API void duet_op_send_zero_copy_vector(struct duet_op *op, duet_handle handle,
					    const struct iovec *vectors, unsigned count,
					    unsigned flags);

/* Of such a send that has ended: 1 if its bytes were copied after all, so that a plain one would have been
 * cheaper: always on loopback, and wherever the kernel or the backend knows no other way. 0 may also mean that
 * the kernel doesn't tell (before Linux 6.3). */
DUET_API int duet_op_copied(const struct duet_op *op);

/*
 * The same, of any regime: see <duet/buffer.h>. Those above are short forms of lent, and of pooled. A
 * buffer that can't be given up is refused by the start: -EBUSY (another operation has it, or writes
 * to that memory), -EINVAL (not held, not of this loop, or not in one piece of its pool), -EMSGSIZE and
 * -ENOBUFS (copied: too long for what is to stand in, or none is left).
 */
DUET_API void duet_op_recv_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
				  unsigned flags);
DUET_API void duet_op_send_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
				  unsigned flags);
DUET_API void duet_op_read_buffer(struct duet_op *op, duet_handle handle, struct duet_buffer buffer,
				  uint64_t offset_bytes);
DUET_API void duet_op_write_buffer(struct duet_op *op, duet_handle handle,
				   struct duet_buffer buffer, uint64_t offset_bytes);

/* Which regimes a buffer of that kind may be of: bits of enum duet_regime; 0 if it names no memory. */
DUET_API unsigned duet_kind_regimes(enum duet_kind kind);

/* Reads or writes a file at an offset. Fewer bytes than asked for only at the end of the file, or
 * (write) when the disk fills up. Any number may run on one handle at once, in no order. */
DUET_API void duet_op_read(struct duet_op *op, duet_handle handle, void *data, size_t length_bytes,
			   uint64_t offset_bytes);
DUET_API void duet_op_write(struct duet_op *op, duet_handle handle, const void *data,
			    size_t length_bytes, uint64_t offset_bytes);

/* Opens a file, as openat(2), always close-on-exec: `made` is its handle. path is lent.
 * directory is AT_FDCWD or a descriptor. */
DUET_API void duet_op_open(struct duet_op *op, int directory, const char *path, int flags,
			   unsigned mode);

/* Makes what was written durable; DUET_DATA_ONLY as fdatasync(2). */
DUET_API void duet_op_fsync(struct duet_op *op, duet_handle handle, unsigned flags);

/* shutdown(2), after the sends that were started before it. */
DUET_API void duet_op_shutdown(struct duet_op *op, duet_handle handle, int how);

/*
 * Closes a handle: requests cancel of everything pending on it, waits for their ends (each gets
 * its completion first, cause close), then closes the descriptor. From the start on the handle
 * accepts nothing more (-EBADF). Can't be cancelled, and knows no deadline.
 */
DUET_API void duet_op_close(struct duet_op *op, duet_handle handle);

/* socket(2): `made` is the new handle. */
DUET_API void duet_op_socket(struct duet_op *op, int domain, int type, int protocol);

/* bind(2). On success the operation holds the address really bound: duet_op_address(). */
DUET_API void duet_op_bind(struct duet_op *op, duet_handle handle, const struct sockaddr *address,
			   socklen_t length);
DUET_API void duet_op_listen(struct duet_op *op, duet_handle handle, int backlog);

/*
 * Calls fn(context) on a thread of the loop's pool, for what blocks: `result` is what it returns, 0 and
 * more or a negative error. Both are lent; context is not the operation's own. First come, first served,
 * work_threads at a time: what is started beyond that waits in line.
 * A cancel or a deadline takes it out of the line (untouched); once fn has begun it runs to its end, and
 * so does whoever waits for it: a close of the loop, a shutdown. fn knows nothing of the loop, and may
 * post to it. It has a stack of 1 MiB. Absent (-EOPNOTSUPP) without work_threads. A backend whose time is
 * its own has no threads: there fn is called on the loop's thread, in a turn.
 */
DUET_API void duet_op_work(struct duet_op *op, duet_work_fn *fn, void *context);

/* The address inside a connect or bind; *length is set. */
DUET_API const struct sockaddr *duet_op_address(const struct duet_op *op, socklen_t *length);

/* Between saying what it is to do and start: end it at deadline_ns at the latest (result
 * -ETIMEDOUT, cause deadline, unless it had its effect first). */
DUET_API void duet_op_deadline(struct duet_op *op, uint64_t deadline_ns);

/* Likewise: take an end inside start without a callback (DUET_INLINE). It is a permission: whether
 * an attempt is made there is the backend's policy (see enum duet_try, and its header). */
DUET_API void duet_op_inline(struct duet_op *op);

/*
 * Hands the operation to the loop, on the loop's thread.
 * 0: it is lent; its completion follows. 1: only with DUET_INLINE: it ended at once, the result
 * is in it, nothing will be called and nothing is lent. Negative: it never started:
 * -EINVAL (arguments, an unknown flag, a length of 0), -EBADF (not a live handle, or it is
 * closing), -EBUSY (the operation is not idle, or another writes to the memory that it is to write to),
 * -ENOBUFS (operations_max reached), -ESHUTDOWN (the
 * loop is shutting down), -EOPNOTSUPP (absent here: see duet_loop_capability()).
 * Every error of the kernel's arrives as a completion.
 */
DUET_API int duet_op_start(struct duet_loop *loop, struct duet_op *op);

/* The same for who knows the place in the source from which it is to be known: a debug build names it in
 * dumps and stops, where it is lent as long as the operation. What is compiled with DUET_DEBUG says so by
 * itself. */
DUET_API int duet_op_start_at(const struct duet_site *site, struct duet_loop *loop,
			      struct duet_op *op);
#ifdef DUET_DEBUG
#define duet_op_start(loop, op) duet_op_start_at(DUET_HERE, loop, op)
#endif

/*
 * Requests cancel, on the loop's thread. Never blocks, never fails, may be repeated, may come at
 * any time, also when the operation is idle or ended: then it does nothing. It promises nothing
 * but that the completion comes soon (disk I/O excepted: see duet_kind_cancel_class()).
 */
DUET_API void duet_op_cancel(struct duet_op *op);

/* True from a start that returned 0 to just before the terminal done(). */
DUET_API int duet_op_pending(const struct duet_op *op);

DUET_API enum duet_cancel_class duet_kind_cancel_class(enum duet_kind kind);
DUET_API const char *duet_kind_name(enum duet_kind kind);
DUET_API const char *duet_disposition_name(enum duet_disposition disposition);
DUET_API const char *duet_cause_name(enum duet_cause cause);

/* The symbolic name of a (positive or negative) errno, as "ECONNRESET"; "E?" if unknown. */
DUET_API const char *duet_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
