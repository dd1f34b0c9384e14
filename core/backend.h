/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include <signal.h>

#include <duet/splice.h>

#include "core/loop.h"

struct duet_world;

/*
 * What a backend supplies, and what it may ask of core. For the people who write backends.
 *
 * Rules common to all hooks.
 * - They are called on the loop's thread, except wake.
 * - Only wait() may block, and only wait() reports: core calls callbacks from inside the
 *   duet_core_* reports, so a report may be followed by any start, cancel or buffer return, also
 *   of the same operation; a backend holds no pointer to an operation across a report of it that
 *   was terminal, and looks again at queues and handles after every report.
 * - An operation reaches a backend at the head of its handle's queue: at most one stream read (or
 *   accept) and one stream write (or connect, shutdown) of a handle are with it at a time;
 *   positional I/O, poll and fsync are concurrent. Timeouts and deadlines never reach it, nor the
 *   waits from DUET_IO_KIND_COUNT on.
 * - Nothing is allocated after create and pool_attach.
 * - A raw result is >= 0 or -errno, as the system call gives it. Meaning (disposition, cause,
 *   composite transfers, order, handles) is core's.
 * - Every system call made on the loop's thread adds one to loop->stats.system_calls.
 */
struct duet_backend {
	uint32_t version; /* DUET_BACKEND_VERSION */
	uint32_t size;    /* sizeof(struct duet_backend) */
	const char *name;

	/* Wants worker threads: those of the options are running when create is called, and
	 * loop->offload is NULL if there are none. */
	bool workers;

	/* Its descriptors are its own, not the kernel's: none is adopted, none is shown to a system
	 * call by core. */
	bool own_descriptors;

	/* Its time and its order are its own: no thread beside the loop's has a part in them. What would be
	 * a worker's is done in a turn. Has no workers. */
	bool alone;

	/* May a loop with this tuning be had here? A real set-up, one real operation, and away
	 * again. Fills in *probe, all of it. Needs no loop. */
	int (*probe)(const char *tuning, struct duet_probe *probe);

	/* Sets loop->state, loop->fd and loop->capability; may set loop->clock. options are
	 * complete and in range. 0 or -errno with nothing left behind. */
	int (*create)(struct duet_loop *loop, const struct duet_loop_options *options);

	/* Nothing is in flight, or this is a forked child: frees what create took, and in a child
	 * does nothing that the parent could notice. */
	void (*destroy)(struct duet_loop *loop);

	/*
	 * Begins op. BACKEND_ISSUED: exactly one terminal report follows from wait(). BACKEND_ENDED:
	 * it ended at once; the raw result is in op->result (never for a pooled receive, which is
	 * reported from wait()). -EAGAIN: no room; core keeps it and everything behind it in order and
	 * starts again after the next wait. A call that could have an effect on the outside is only
	 * attempted here if op has DUET_INLINE (or costs the caller nothing to lose: see the
	 * backend); otherwise in wait(), when its result can be delivered. Socket, bind and listen
	 * with DUET_INLINE always end at once: duet_handle_listen() counts on it.
	 */
	int (*start)(struct duet_loop *loop, struct duet_op *op);

	/*
	 * start() for what nearly every message does: a send, or a receive into the caller's memory,
	 * of one piece, without DUET_INLINE, on slot, which is plain. Returns 0 if start() would
	 * have answered BACKEND_ISSUED; any other answer it gives to duet_core_answered() and returns
	 * what that returns. So it can be the last thing that duet_op_start() does, which saves some
	 * twenty instructions a message. NULL: start() is called.
	 */
	int (*transfer)(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot);

	/*
	 * Asks for the end of an issued op. BACKEND_ENDED: it is stopped and was without effect
	 * since its last report; no report follows. BACKEND_UNTRIED: the same, and what it stands for
	 * was never tried, so that not even its handle knows of it. BACKEND_ISSUED: its terminal report
	 * follows from wait(). -EAGAIN: no room; core asks again.
	 */
	int (*cancel)(struct duet_loop *loop, struct duet_op *op);

	/* Hands over what was started, fetches what is there, and if there is nothing waits up to
	 * timeout_ns (0: not at all, negative: without limit; a signal or a wake ends it). 0, or
	 * the error of the mechanism itself. */
	int (*wait)(struct duet_loop *loop, int64_t timeout_ns);

	/* Ends a wait that sleeps, or the next one. Any thread, async-signal-safe, keeps errno. */
	void (*wake)(struct duet_loop *loop);

	/* A handle begins (fd and class are set), or ends: nothing is pending on it, and its
	 * descriptor is about to be closed or given back. */
	int (*attach)(struct duet_loop *loop, struct duet_slot *slot);
	void (*detach)(struct duet_loop *loop, struct duet_slot *slot);

	/* A pool begins, of the regime pooled or registered (one of moved buffers is core's alone): its
	 * memory may be shown to the kernel. Returned, of a pooled one: one more buffer is free, and the
	 * answer is 0. -EPERM or -ENOMEM: the kernel pins no more memory.
	 * All NULL, or an answer of -EOPNOTSUPP: the backend takes buffers from core's own list,
	 * duet_core_buffer_take(), and registered memory is memory as any other. */
	int (*pool_attach)(struct duet_loop *loop, struct duet_pool *pool);
	int (*pool_return)(struct duet_loop *loop, struct duet_pool *pool, uint16_t index);
	void (*pool_detach)(struct duet_loop *loop, struct duet_pool *pool);

	/* Closes a descriptor that nobody knows (a late result). NULL: close(2). */
	void (*discard)(struct duet_loop *loop, int fd);

	/* Flushes what was started without waiting or reporting, before a foreign loop sleeps.
	 * Returns 1 if a turn would find something at once. NULL: nothing to flush. */
	int (*prepare)(struct duet_loop *loop);

	/* A few words on what the mechanism holds for op, for the dump. May be NULL. */
	void (*dump)(const struct duet_loop *loop, const struct duet_op *op, char *text,
		     size_t size);

	/* A wait for a primitive, a task or a scope has begun, which core carries out itself: for who
	 * stands in between and watches. NULL in a backend. */
	void (*begun)(struct duet_loop *loop, struct duet_op *op);

	/* What is behind own_descriptors, for whoever plays the other ends there. NULL: the kernel. */
	const struct duet_world *world;
};

#define DUET_BACKEND_VERSION 1

enum { BACKEND_ISSUED = 0, BACKEND_ENDED = 1, BACKEND_UNTRIED = 2 };

/* What the hook transfer() says that isn't BACKEND_ISSUED: as start() would have answered. 0. */
DUET_API int duet_core_answered(struct duet_loop *loop, struct duet_op *op, int answer);

/*
 * A choice that the contract leaves open: 0 to bound - 1, which is at least 2. ready are count
 * operations that could end now: whose turn is next? bound is count, or one more: none of them's, in
 * this turn. Without any (NULL): 1 for the rarer way that a cancel may go.
 */
typedef uint32_t duet_choose_fn(void *context, struct duet_op *const *ready, uint32_t count,
				uint32_t bound);

/* A world of a backend's own: on the loop's thread, outside of wait(). Numbers are descriptors. */
struct duet_world {
	/* The two ends of a connection, a unix stream. 0 or -errno. */
	int (*pair)(struct duet_loop *loop, int fds[2]);
	/* The other end of a connection to a listener, as a new descriptor, which waits to be accepted;
	 * and which connection it is: that of the end that is accepted, too. -errno. */
	int (*connect)(struct duet_loop *loop, int listener, uint64_t *connection);
	/* 0: of none. */
	uint64_t (*connection)(struct duet_loop *loop, int fd);
	/* How many nobody has accepted; they may be gone after that. */
	uint32_t (*backlog)(struct duet_loop *loop, int listener);
	/* One attempt: how many bytes were moved, at most so many; -EAGAIN if it would wait. */
	int (*send)(struct duet_loop *loop, int fd, const void *data, uint32_t bytes);
	int (*recv)(struct duet_loop *loop, int fd, void *data, uint32_t bytes);
	/* Bytes that have come and nobody has received. */
	uint32_t (*unread)(struct duet_loop *loop, int fd);
	void (*close)(struct duet_loop *loop, int fd);
	/* Descriptors that somebody has. May be NULL: whoever wants to know counts the process's. */
	uint32_t (*descriptors)(const struct duet_loop *loop);
	/* The two ends of a pipe; what tells of signals, or of the end of a process, as a new descriptor.
	 * -errno. */
	int (*pipe)(struct duet_loop *loop, int fds[2]);
	int (*signals)(struct duet_loop *loop, const sigset_t *signals);
	int (*process)(struct duet_loop *loop, pid_t process);
	/* As getsockopt(2) and as getsockname(2), or, of the peer, getpeername(2). May be NULL. */
	int (*option)(struct duet_loop *loop, int fd, int level, int name, void *value,
		      socklen_t *length);
	int (*address)(struct duet_loop *loop, int fd, bool peer, struct sockaddr_storage *address,
		       socklen_t *length);
	/* From now on the order of completions is asked for, and who wins when a cancel meets a
	 * result. May be NULL: it can't be chosen. */
	void (*ask)(struct duet_loop *loop, duet_choose_fn *choose, void *context);
};

/* ---- Reports, only from inside wait(). ---- */

/* The terminal report. Handles single-shot accept, open and socket (result is the descriptor). */
DUET_API void duet_core_end(struct duet_loop *loop, struct duet_op *op, int result);

/* The terminal report of a pooled receive that took a buffer, whatever the result. */
DUET_API void duet_core_end_buffer(struct duet_loop *loop, struct duet_op *op, int result,
				   uint16_t index);

/* The result of a kind that releases, where the kernel keeps the memory for longer; and that it is back,
 * once for each, before the terminal completion: copied, if the bytes were after all. A whole transfer may
 * go on in between. What ends by duet_core_end() is held by nobody, and the backend says itself in held.copied
 * how it was sent. */
DUET_API void duet_core_end_holding(struct duet_loop *loop, struct duet_op *op, int result);
DUET_API void duet_core_release(struct duet_loop *loop, struct duet_op *op, bool copied);

/* Interim reports of multishot operations: a connection; events (> 0); a received buffer (result > 0
 * bytes). */
DUET_API void duet_core_item_accepted(struct duet_loop *loop, struct duet_op *op, int fd);
DUET_API void duet_core_item_events(struct duet_loop *loop, struct duet_op *op, int events);
DUET_API void duet_core_item_buffer(struct duet_loop *loop, struct duet_op *op, int result,
				    uint16_t index);

/* The callback of an item of op, which has ended in it, has returned: it now says how. */
DUET_API void duet_core_item_told(struct duet_loop *loop, struct duet_op *op);

/* A pooled receive found no buffer and is no longer with the backend: core tells the caller,
 * keeps it in line and starts it again. */
DUET_API void duet_core_starve(struct duet_loop *loop, struct duet_op *op);

/* The answer to a cancel says that op was not stopped and may never end by itself: asked again. */
DUET_API void duet_core_cancel_again(struct duet_loop *loop, struct duet_op *op);

/* ---- For the laboratory. ---- */

/* Where the callback of op stands: in it, or with the scope that stands in its place. */
DUET_API duet_done_fn **duet_core_callback(struct duet_op *op);

/* Is op a cleanup's: was it started in a step, or in a scope that a step opened? */
DUET_API bool duet_core_cleans(struct duet_op *op);

/* As if the deadline of op had come. */
DUET_API void duet_core_expire(struct duet_op *op);

/* When the next timer or deadline is due; UINT64_MAX: none is set. */
DUET_API uint64_t duet_core_next_due_ns(const struct duet_loop *loop);

/* ---- Questions. ---- */

/* The pending operation of an identity (tag bits ignored), or NULL: it has ended. Quietly. */
static inline struct duet_op *duet_core_find(const struct duet_loop *loop, uint64_t identity)
{
	uint32_t slot = (uint32_t)identity >> IDENTITY_TAG_BITS;
	const struct core_entry *entry = &loop->entries[slot];

	if (slot >= loop->entries_max)
		return NULL;
	if (entry->generation != (uint32_t)(identity >> 32) && !MUTANT(cancel_by_pointer))
		return NULL;
	return entry->op;
}

/* Its place in the table of handles, if there is such a place. */
static inline uint32_t duet_core_slot_index(uint64_t identity)
{
	return (uint32_t)identity >> IDENTITY_TAG_BITS;
}

/* The handle of an identity made by duet_core_slot_identity(), or NULL: it is gone. */
static inline struct duet_slot *duet_core_slot(const struct duet_loop *loop, uint64_t identity)
{
	uint32_t index = duet_core_slot_index(identity);

	if (index >= loop->handles_max)
		return NULL;
	if (loop->slots[index].generation != (uint32_t)(identity >> 32) &&
	    !MUTANT(stale_event_delivered))
		return NULL;
	return &loop->slots[index];
}

static inline uint64_t duet_core_slot_identity(const struct duet_loop *loop,
					       const struct duet_slot *slot)
{
	return (uint64_t)slot->generation << 32 |
	       (uint32_t)(slot - loop->slots) << IDENTITY_TAG_BITS;
}

static inline bool duet_core_same(duet_handle one, duet_handle other)
{
	return one.slot == other.slot && one.generation == other.generation;
}

/* Has an operation on handle ended without its caller having been told? Walks what waits to be told:
 * for what is rare. */
static inline bool duet_core_untold(const struct duet_loop *loop, duet_handle handle)
{
	for (const struct duet_op *op = loop->done.first; op; op = op->queued)
		if (duet_core_same(op->handle, handle) ||
		    (op->kind == DUET_SPLICE && !MUTANT(splice_not_heard) &&
		     duet_core_same(op->args.io.splice->from, handle)))
			return true;
	return false;
}

/* The slot of an operation on a handle: always live while the operation is pending. */
static inline struct duet_slot *duet_core_op_slot(const struct duet_loop *loop,
						  const struct duet_op *op)
{
	return &loop->slots[op->handle.slot];
}

/* What is lent of the regimes beside the usual one has been so for so long. */
DUET_API void duet_core_tick_regimes(struct duet_loop *loop, uint64_t passed_ns);

/* Reads the clock. What is lent has been so for the time between; nothing was, when the last turn
 * left its time unread. */
static inline void duet_core_tick(struct duet_loop *loop)
{
	uint64_t before_ns = core_now_ns(loop);

	core_set_now(loop, loop->clock(loop));
	loop->ledger.lent_byte_ns += (double)(int64_t)loop->ledger.lent_bytes *
				     (double)(int64_t)(loop->now_ns - before_ns);
	loop->ledger.lent_loan_ns += loop->ledger.lent_count * (loop->now_ns - before_ns);
	if (loop->ledger.others.count)
		duet_core_tick_regimes(loop, loop->now_ns - before_ns);
}

/* Is there a place for a handle that nobody has a claim on? */
static inline bool duet_core_handle_free(const struct duet_loop *loop)
{
	return loop->handles_free > loop->handles_kept;
}

/* To be called by wait() when it has fetched, before the first report: the turn's time is that
 * after the sleep, or of whoever asks for it first where nothing depends on it so far. In a turn
 * without it no timer expires: a result that is there already would be found only later, and is to
 * be kept. */
static inline void duet_core_awake(struct duet_loop *loop)
{
	if (loop->timers.count || loop->ledger.lent_count)
		duet_core_tick(loop);
	else
		loop->now_unread = true;
	loop->awake = true;
}

/* The identity of a pending operation that the kernel is to be told of: made when first asked
 * for, so that what ends at once, or never leaves the program, needs none. */
DUET_API uint64_t duet_core_identify(struct duet_loop *loop, struct duet_op *op);

static inline uint64_t duet_core_identity(struct duet_op *op)
{
	return op->identity ? op->identity : duet_core_identify(op->loop, op);
}

/* The live slot of a public handle, or NULL. */
static inline struct duet_slot *duet_core_slot_of(const struct duet_loop *loop, duet_handle handle)
{
	struct duet_slot *slot = &loop->slots[handle.slot];

	if (handle.slot >= loop->handles_max || slot->generation != handle.generation ||
	    slot->slot_state == SLOT_FREE)
		return NULL;
	return slot;
}

/* Makes a handle of a new descriptor and attaches it. 0, or -ENFILE (the table is full) or the
 * error of attach: fd is still the caller's then. */
DUET_API int duet_core_slot_make(struct duet_loop *loop, int fd, enum core_class slot_class,
				 unsigned flags, duet_handle *handle);

/* Bytes in order, which know of no messages. */
static inline bool core_is_stream(const struct duet_slot *slot)
{
	return slot->slot_class == CLASS_TCP || slot->slot_class == CLASS_UNIX_STREAM;
}

/* The attempt-first policy for one handle. */
static inline enum duet_try duet_core_try(const struct duet_loop *loop,
					  const struct duet_slot *slot)
{
	if (slot->flags & DUET_HANDLE_TRY_NEVER)
		return DUET_TRY_NEVER;
	if (slot->flags & DUET_HANDLE_TRY_ALWAYS)
		return DUET_TRY_ALWAYS;
	return (enum duet_try)loop->try_first;
}

/*
 * The pieces that one send call may carry: those of head, and of the sends behind it, up to max
 * pieces. Report the bytes as those of head: core shares them out. Only for a call that ends at
 * once (MSG_DONTWAIT): the sends behind the head may be cancelled at any later moment, so nothing
 * that waits may hold their memory. Sets *operations to how many are in it; 1: the head alone.
 */
DUET_API uint32_t duet_core_gather(const struct duet_loop *loop, const struct duet_op *head,
				   struct iovec *pieces, uint32_t max, uint32_t *operations);

/* How a write to slot, which is no socket, is kept from raising SIGPIPE; the flag of it, or 0. */
DUET_API enum core_quiet duet_core_quiet(struct duet_loop *loop, struct duet_slot *slot);
DUET_API int duet_core_quiet_flag(enum core_quiet quiet);

/* Value of key in "key=value,...": the length of the value copied to text, 0 if absent. */
DUET_API size_t duet_core_tuning(const char *tuning, const char *key, char *text, size_t size);

/* Every key must be one of keys (NULL-terminated). 0, or -EINVAL. */
DUET_API int duet_core_tuning_check(const char *tuning, const char *const *keys);

/* ---- Pools. ---- */

/* Takes a free buffer from core's list; -ENOBUFS. The caller reports it or gives it back. */
DUET_API int duet_core_buffer_take(struct duet_pool *pool);
DUET_API void duet_core_buffer_untake(struct duet_pool *pool, uint16_t index);

/* The buffer that the next take would give, to be filled by one call; -1: none is free. Kept only
 * if bytes came: then it is taken. Nothing else may be called in between. */
static inline int duet_core_buffer_peek(const struct duet_pool *pool)
{
	return pool->free_count ? pool->stack[pool->free_count - 1] : -1;
}

static inline uint32_t duet_core_buffer_keep(struct duet_pool *pool)
{
	return pool->stack[--pool->free_count];
}

static inline unsigned char *duet_core_buffer_data(const struct duet_pool *pool, uint16_t index)
{
	return pool->memory + (size_t)index * pool->size_bytes;
}

/* op ends plainly, in time: its deadline is disarmed first. line: as of duet_core_end_plainly(), or NULL
 * if it ends in a file. */
DUET_API void duet_core_end_timed(struct duet_loop *loop, struct duet_op *op,
				  struct duet_op **line);

/* ---- Worker threads (loop->offload is NULL if absent). ---- */

/* In create: that there are workers, this many if there are none yet. 0 or -errno. */
DUET_API int duet_core_offload_hire(struct duet_loop *loop, uint32_t threads);
/* Runs work(op) on a worker; its return value is reported as the raw result of op, in a turn. */
DUET_API void duet_core_offload(struct duet_loop *loop, struct duet_op *op,
				int (*work)(struct duet_op *op));
/* What the hook cancel() answers for it: taken back if no worker has begun it, nor anybody else; else it
 * runs to its end, which is counted. */
DUET_API int duet_core_offload_cancel(struct duet_loop *loop, struct duet_op *op, bool begun);

/* The blocking call of a file operation (on a name, fsync, truncate, allocate), on a worker:
 * core/system_file.c. */
DUET_API int duet_core_call(struct duet_op *op);
/* A read or write behind the bytes that are there already, up to the end of the file or an error. */
DUET_API int duet_core_call_transfer(struct duet_op *op, uint32_t there_bytes);

/* A send, or a receive into the caller's memory, on a file at its position. */
DUET_API int duet_core_call_stream(struct duet_op *op);
/* The same of a pooled receive, in wait(): with a buffer that is taken for it. Its end is core's to
 * report; a multishot one is started again. -ENOBUFS: there is none. */
DUET_API int duet_core_offload_receive(struct duet_loop *loop, struct duet_op *op);
/* What cancel() answers for it. */
DUET_API int duet_core_offload_receive_cancel(struct duet_loop *loop, struct duet_op *op);
/* The worker's part of it. */
DUET_API int duet_core_call_receive(struct duet_op *op);

/* ---- System calls that both twins share: core/system.c. They count themselves. ---- */
DUET_API int duet_core_system_socket(struct duet_loop *loop, int domain, int type, int protocol);
DUET_API int duet_core_system_bind(struct duet_loop *loop, int fd, struct duet_op *op);
DUET_API int duet_core_system_listen(struct duet_loop *loop, int fd, int backlog);
/* These two wait as their descriptor does. */
DUET_API int duet_core_system_accept(struct duet_loop *loop, int fd);
DUET_API int duet_core_system_connect(struct duet_loop *loop, int fd, const struct duet_op *op);
DUET_API int duet_core_system_signals(struct duet_loop *loop, const sigset_t *signals);
DUET_API int duet_core_system_process(struct duet_loop *loop, pid_t process);
DUET_API int duet_core_system_close(struct duet_loop *loop, int fd);
DUET_API int duet_core_system_shutdown(struct duet_loop *loop, int fd, int how);
DUET_API int duet_core_system_nonblock(struct duet_loop *loop, int fd, int on);

/* One attempt of what waits for a signal or a process: its raw result, -EAGAIN if it would wait. */
DUET_API int duet_core_system_signal(struct duet_loop *loop, int fd, struct duet_op *op);
DUET_API int duet_core_system_wait_process(struct duet_loop *loop, int fd, struct duet_op *op);
/* What such a wait passes on to waitid(2). */
DUET_API int duet_core_wait_options(const struct duet_op *op);
/* What the kernel is to be shown of a recvmsg or sendmsg: in its header, until its end. */
DUET_API struct msghdr *duet_core_msghdr(struct duet_op *op);

/* One attempt of each, with what duet_core_msghdr() has made: -EAGAIN if it would wait. */
DUET_API int duet_core_system_recvmsg(struct duet_loop *loop, int fd, const struct duet_op *op);
DUET_API int duet_core_system_sendmsg(struct duet_loop *loop, int fd, const struct duet_op *op);

/* One attempt of a transfer, -EAGAIN if it would wait. Never SIGPIPE. */
DUET_API int duet_core_system_recv(struct duet_loop *loop, int fd, void *data, size_t bytes);
DUET_API int duet_core_system_send(struct duet_loop *loop, int fd, const struct iovec *pieces,
				   uint32_t count);
/* The same of what is no socket, and waits no more than its descriptor does. */
DUET_API int duet_core_system_write(struct duet_loop *loop, struct duet_slot *slot,
				    const struct iovec *pieces, uint32_t count);

/* One attempt of a splice, whose sockets have O_NONBLOCK. Never SIGPIPE. */
DUET_API int duet_core_system_splice(struct duet_loop *loop, struct duet_op *op);
/* The same on a worker, of a file. -EAGAIN: it is started again. */
DUET_API int duet_core_call_splice(struct duet_op *op);
/* What it has to wait for, by now. */
enum duet_splice_side { SPLICE_NEITHER, SPLICE_INPUT, SPLICE_OUTPUT };
DUET_API enum duet_splice_side duet_core_splice_awaits(struct duet_loop *loop,
						       const struct duet_op *op);

#endif
