/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/operation.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/msghdr.h"
#include "core/offload.h"
#include "core/resolve.h"
#include "core/scope.h"
#include "core/splice.h"
#include "core/waits.h"

/* A flag that means nothing here is refused: it may come to mean something. */
static int check_flags(const struct duet_op *op, unsigned known)
{
	return op->flags & ~(known | DUET_INLINE) ? -EINVAL : 0;
}

static int check_plain(const struct duet_op *op)
{
	return check_flags(op, 0);
}

/* A place is kept for nobody but a scope. */
static int check_timeout(const struct duet_op *op)
{
	bool keeps = op->flags & FLAG_PLACE && core_scope_is_presence(op);

	return check_flags(op, keeps ? FLAG_PLACE : 0);
}

static int check_vectors(const struct duet_op *op)
{
	uint64_t length = 0;

	if (op->args.io.vector_count < 1 || op->args.io.vector_count > DUET_OP_IOVECS)
		return -EINVAL;
	for (uint32_t i = 0; i < op->args.io.vector_count; i++) {
		if (op->args.io.vectors[i].iov_len > DUET_TRANSFER_MAX)
			return -EINVAL;
		length += op->args.io.vectors[i].iov_len;
	}
	return length >= 1 && length <= DUET_TRANSFER_MAX && length == op->args.io.length_bytes
		       ? 0
		       : -EINVAL;
}

static int check_transfer(const struct duet_op *op)
{
	unsigned known = DUET_WHOLE | FLAG_COPIED | FLAG_GIVEN;

	if (op->args.io.vector_count > 1)
		known |= FLAG_PIECES;
	return check_flags(op, known) ? -EINVAL : check_vectors(op);
}

static int check_recv(const struct duet_op *op)
{
	if (!(op->flags & DUET_POOLED))
		return check_transfer(op);
	return op->args.io.pool ? check_flags(op, DUET_POOLED | DUET_MULTISHOT | FLAG_GIVEN)
				: -EINVAL;
}

static int check_positional(const struct duet_op *op)
{
	const unsigned pieces = op->args.io.vector_count > 1 ? FLAG_PIECES : 0;

	if (check_flags(op, FLAG_COPIED | FLAG_GIVEN | pieces) ||
	    op->args.io.offset_bytes > INT64_MAX)
		return -EINVAL;
	return check_vectors(op);
}

static int check_address(const struct duet_op *op)
{
	uint32_t length = op->args.address.length_bytes;

	return length >= sizeof(sa_family_t) && length <= DUET_ADDRESS_BYTES ? check_flags(op, 0)
									     : -EINVAL;
}

static int check_accept(const struct duet_op *op)
{
	return check_flags(op, DUET_MULTISHOT);
}

static int check_poll(const struct duet_op *op)
{
	const uint32_t known = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLERR | POLLHUP;

	return op->args.poll.events & ~known ? -EINVAL : check_flags(op, DUET_MULTISHOT);
}

static int check_signal(const struct duet_op *op)
{
	return op->args.io.vectors[0].iov_base ? check_flags(op, 0) : -EINVAL;
}

static int check_wait_process(const struct duet_op *op)
{
	return op->args.io.offset_bytes & ~(uint64_t)WNOWAIT ? -EINVAL : check_signal(op);
}

/* Open, mkdir and unlink. */
static int check_open(const struct duet_op *op)
{
	return op->args.open.path ? check_flags(op, 0) : -EINVAL;
}

static int check_statx(const struct duet_op *op)
{
	return op->args.statx.path && op->args.statx.into ? check_flags(op, 0) : -EINVAL;
}

static int check_names(const struct duet_op *op)
{
	return op->args.rename.from && op->args.rename.to ? check_flags(op, 0) : -EINVAL;
}

/* Not every way into the kernel looks at the sign of a length. */
static int check_truncate(const struct duet_op *op)
{
	return op->args.extent.length_bytes <= INT64_MAX ? check_flags(op, 0) : -EINVAL;
}

static int check_allocate(const struct duet_op *op)
{
	if (op->args.extent.offset_bytes > INT64_MAX || !op->args.extent.length_bytes)
		return -EINVAL;
	return check_truncate(op);
}

static int check_fsync(const struct duet_op *op)
{
	return check_flags(op, DUET_DATA_ONLY);
}

static int check_work(const struct duet_op *op)
{
	return op->args.work.fn ? check_flags(op, 0) : -EINVAL;
}

/* The timers do the rest: see core_arm_deadline() and core_expired(). */
static int begin_timeout(struct duet_loop *loop, struct duet_op *op)
{
	(void)loop;
	(void)op;
	return BACKEND_ISSUED;
}

static void stop_timeout(struct duet_loop *loop, struct duet_op *op)
{
	core_finish(loop, op, -ECANCELED);
}

#define ON_PRIMITIVE(wait_)                                                                        \
	{                                                                                          \
		.check = core_wait_check, .begin = core_wait_begin, .stop = core_wait_stop,        \
		.wait = &(wait_), .cancel_class = DUET_CANCEL_TOTAL                                \
	}

const struct core_kind core_kinds[DUET_KIND_COUNT] = {
	[DUET_NOP] = {.check = check_plain, .cancel_class = DUET_CANCEL_TOTAL},
	[DUET_TIMEOUT] = {.check = check_timeout, .begin = begin_timeout, .stop = stop_timeout,
			  .cancel_class = DUET_CANCEL_TOTAL},
	[DUET_POLL] = {.check = check_poll, .line = LINE_OTHERS,
		       .cancel_class = DUET_CANCEL_TOTAL},
	[DUET_ACCEPT] = {.check = check_accept, .line = LINE_READS,
			 .cancel_class = DUET_CANCEL_TOTAL, .makes = true},
	[DUET_CONNECT] = {.check = check_address, .line = LINE_WRITES,
			  .cancel_class = DUET_CANCEL_TAINTING},
	[DUET_RECV] = {.check = check_recv, .line = LINE_READS,
		       .cancel_class = DUET_CANCEL_PARTIAL, .lends = true, .regimes = ANY_REGIME},
	[DUET_SEND] = {.check = check_transfer, .line = LINE_WRITES,
		       .cancel_class = DUET_CANCEL_PARTIAL, .lends = true, .gathers = true,
		       .regimes = ANY_REGIME},
	[DUET_READ] = {.check = check_positional, .line = LINE_OTHERS,
		       .cancel_class = DUET_CANCEL_NOT, .lends = true, .regimes = ANY_REGIME},
	[DUET_WRITE] = {.check = check_positional, .line = LINE_OTHERS,
			.cancel_class = DUET_CANCEL_NOT, .lends = true, .gathers = true,
			.regimes = ANY_REGIME},
	[DUET_OPEN] = {.check = check_open, .cancel_class = DUET_CANCEL_NOT,
		       .makes = true},
	[DUET_FSYNC] = {.check = check_fsync, .line = LINE_OTHERS,
			.cancel_class = DUET_CANCEL_NOT},
	[DUET_SHUTDOWN] = {.check = check_plain, .line = LINE_WRITES,
			   .cancel_class = DUET_CANCEL_NOT},
	[DUET_CLOSE] = {.check = check_plain, .cancel_class = DUET_CANCEL_NOT},
	[DUET_SOCKET] = {.check = check_plain, .cancel_class = DUET_CANCEL_NOT,
			 .makes = true},
	[DUET_BIND] = {.check = check_address, .line = LINE_OTHERS,
		       .cancel_class = DUET_CANCEL_NOT, .at_once = true},
	[DUET_LISTEN] = {.check = check_plain, .line = LINE_OTHERS,
			 .cancel_class = DUET_CANCEL_NOT, .at_once = true},
	[DUET_RECVMSG] = {.check = core_msghdr_check_recv, .line = LINE_READS,
			  .cancel_class = DUET_CANCEL_TOTAL, .lends = true,
			  .regimes = ONLY_LENT},
	[DUET_SENDMSG] = {.check = core_msghdr_check_send, .line = LINE_WRITES,
			  .cancel_class = DUET_CANCEL_PARTIAL, .lends = true, .gathers = true,
			  .regimes = ONLY_LENT},
	[DUET_SEND_ZERO_COPY] = {.check = check_transfer, .line = LINE_WRITES,
				 .cancel_class = DUET_CANCEL_PARTIAL, .lends = true, .gathers = true,
				 .regimes = ONLY_LENT, .releases = true},
	[DUET_SPLICE] = {.check = core_splice_check, .line = LINE_WRITES,
			 .cancel_class = DUET_CANCEL_PARTIAL, .counts = true},
	[DUET_STATX] = {.check = check_statx, .cancel_class = DUET_CANCEL_NOT},
	[DUET_MKDIR] = {.check = check_open, .cancel_class = DUET_CANCEL_NOT},
	[DUET_UNLINK] = {.check = check_open, .cancel_class = DUET_CANCEL_NOT},
	[DUET_RENAME] = {.check = check_names, .cancel_class = DUET_CANCEL_NOT},
	[DUET_LINK] = {.check = check_names, .cancel_class = DUET_CANCEL_NOT},
	[DUET_SYMLINK] = {.check = check_names, .cancel_class = DUET_CANCEL_NOT},
	[DUET_TRUNCATE] = {.check = check_truncate, .line = LINE_OTHERS,
			   .cancel_class = DUET_CANCEL_NOT},
	[DUET_ALLOCATE] = {.check = check_allocate, .line = LINE_OTHERS,
			   .cancel_class = DUET_CANCEL_NOT},
	[DUET_SIGNAL] = {.check = check_signal, .line = LINE_READS,
			 .cancel_class = DUET_CANCEL_TOTAL, .lends = true, .tells = true,
			 .regimes = ONLY_LENT, .source = SOURCE_SIGNALS},
	[DUET_WAIT_PROCESS] = {.check = check_wait_process, .line = LINE_READS,
			       .cancel_class = DUET_CANCEL_TOTAL, .lends = true, .tells = true,
			       .regimes = ONLY_LENT, .source = SOURCE_PROCESS},
	[DUET_ACQUIRE] = ON_PRIMITIVE(core_wait_acquire),
	[DUET_RELEASE] = ON_PRIMITIVE(core_wait_release),
	[DUET_LOCK] = ON_PRIMITIVE(core_wait_lock),
	[DUET_CHANNEL_SEND] = ON_PRIMITIVE(core_wait_channel_send),
	[DUET_CHANNEL_RECV] = ON_PRIMITIVE(core_wait_channel_recv),
	[DUET_CHANNEL_CLOSE] = ON_PRIMITIVE(core_wait_channel_close),
	[DUET_ONESHOT_SEND] = ON_PRIMITIVE(core_wait_oneshot_send),
	[DUET_ONESHOT_RECV] = ON_PRIMITIVE(core_wait_oneshot_recv),
	[DUET_NOTIFY] = ON_PRIMITIVE(core_wait_notify),
	[DUET_NOTIFIED] = ON_PRIMITIVE(core_wait_notified),
	[DUET_BARRIER] = ON_PRIMITIVE(core_wait_barrier),
	[DUET_WAIT_GROUP] = ON_PRIMITIVE(core_wait_wait_group),
	[DUET_TELL] = ON_PRIMITIVE(core_wait_tell),
	[DUET_ASK] = ON_PRIMITIVE(core_wait_ask),
	[DUET_TAKE_LETTER] = ON_PRIMITIVE(core_wait_take_letter),
	[DUET_JOIN] = {.check = core_wait_check, .begin = core_join_begin, .stop = core_join_stop,
		       .wait = &core_wait_join, .cancel_class = DUET_CANCEL_TOTAL},
	[DUET_JOIN_SCOPE] = {.check = core_wait_check, .begin = core_join_scope_begin,
			     .stop = core_join_scope_stop, .wait = &core_wait_join_scope,
			     .cancel_class = DUET_CANCEL_TAINTING},
	[DUET_WORK] = {.check = check_work, .begin = core_work_begin, .stop = core_work_stop,
		       .cancel_class = DUET_CANCEL_NOT},
	[DUET_RESOLVE] = {.check = core_resolve_check, .begin = core_resolve_begin,
			  .stop = core_resolve_stop, .cancel_class = DUET_CANCEL_TOTAL,
			  .brings = 1},
};

const char *core_state_name(enum core_state state)
{
	static const char *const names[STATE_COUNT] = {"idle",     "waiting",    "issued",
						       "stopping", "cancelling", "result",
						       "holding",  "ended"};

	return state < STATE_COUNT ? names[state] : "?";
}

void duet_core_state_abort(const struct duet_op *op, enum core_state to)
{
	CORE_GUARD(duet_core_guard_name(op));
	fprintf(stderr,
		"duet: operation %p (%s): %s -> %s is no legal move: it was overwritten while lent, "
		"or never initialised with duet_op_init()\n",
		(const void *)op, duet_kind_name((enum duet_kind)op->kind),
		core_state_name((enum core_state)op->state), core_state_name(to));
	abort();
}

void core_advance(struct duet_op *op, uint32_t bytes)
{
	struct iovec *vector = op->args.io.vectors;
	uint32_t left = op->args.io.vector_count;
	size_t skip = bytes;

	op->transferred += bytes;
	if (op->kind == DUET_SPLICE)
		return;
	while (left > 1 && skip >= vector->iov_len) {
		skip -= vector->iov_len;
		vector++;
		left--;
	}
	if (vector != op->args.io.vectors)
		memmove(op->args.io.vectors, vector, left * sizeof(*vector));
	op->args.io.vectors[0].iov_base = (char *)op->args.io.vectors[0].iov_base + skip;
	op->args.io.vectors[0].iov_len -= skip;
	op->args.io.vector_count = left;
}

uint32_t duet_core_gather(const struct duet_loop *loop, const struct duet_op *head,
			  struct iovec *pieces, uint32_t max, uint32_t *operations)
{
	bool stream = core_is_stream(duet_core_op_slot(loop, head));
	const struct duet_op *op = head;
	uint32_t count = 0;

	/* Two messages in one call would be one. */
	*operations = 0;
	do {
		if (op->kind != DUET_SEND || count + op->args.io.vector_count > max)
			break;
		for (uint32_t i = 0; i < op->args.io.vector_count; i++)
			pieces[count++] = op->args.io.vectors[i];
		++*operations;
		op = op->next;
	} while (op != head && stream);
	return count;
}

static void outcome(struct duet_op *op, int result, enum duet_disposition disposition,
		    uint8_t cause)
{
	op->result = result;
	op->disposition = (uint8_t)disposition;
	op->cause = cause;
}

static void settle_transfer(struct duet_op *op, int raw)
{
	bool whole = op->flags & DUET_WHOLE;
	bool end = whole && raw == 0;

	op->transferred += (uint32_t)raw;
	if (!end && (!(core_kind(op)->gathers || whole) || core_remaining(op) == 0))
		outcome(op, (int)op->transferred, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		outcome(op, (int)op->transferred,
			op->transferred ? DUET_PARTIAL : DUET_UNTOUCHED,
			end ? (uint8_t)DUET_CAUSE_ITSELF : op->request);
}

static void settle_stopped(struct duet_op *op, bool issued)
{
	int error = op->request == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED;

	if (op->transferred)
		outcome(op, (int)op->transferred, DUET_PARTIAL, op->request);
	else if (issued && core_kind(op)->cancel_class == DUET_CANCEL_TAINTING)
		outcome(op, error, DUET_TAINTED, op->request);
	else
		outcome(op, error, DUET_UNTOUCHED, op->request);
}

void core_op_refuse(struct duet_op *op, int error, enum duet_cause cause)
{
	outcome(op, error, cause == DUET_CAUSE_ITSELF ? DUET_FAILED : DUET_UNTOUCHED,
		(uint8_t)cause);
	op->transferred = 0;
	op->more = 0;
}

void core_settle(struct duet_op *op, int raw, bool issued)
{
	if (raw == -ECANCELED && op->verdict)
		outcome(op, op->verdict, DUET_FAILED, DUET_CAUSE_ITSELF);
	else if (raw == -ECANCELED && op->request)
		settle_stopped(op, issued);
	else if (raw < 0)
		outcome(op, raw, op->transferred ? DUET_PARTIAL : DUET_FAILED, DUET_CAUSE_ITSELF);
	else if (core_kind(op)->counts || (core_kind(op)->lends && !core_kind(op)->tells))
		settle_transfer(op, raw);
	else
		outcome(op, core_kind(op)->makes ? 0 : raw, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

const char *duet_kind_name(enum duet_kind kind)
{
	static const char *const names[DUET_KIND_COUNT] = {
		"nop",  "timeout", "poll",     "accept", "connect", "recv", "send",   "read", "write",
		"open", "fsync",   "shutdown", "close",  "socket",  "bind", "listen",
		"recvmsg", "sendmsg", "send-zero-copy", "splice", "statx", "mkdir", "unlink", "rename",
		"link", "symlink", "truncate", "allocate", "signal", "wait-process", "acquire",
		"release", "lock", "channel-send", "channel-recv", "channel-close", "oneshot-send",
		"oneshot-recv", "notify", "notified", "barrier", "wait-group", "join",
		"join-scope", "tell", "ask", "take-letter", "work", "resolve"};

	return (unsigned)kind < DUET_KIND_COUNT ? names[kind] : "?";
}

enum duet_cancel_class duet_kind_cancel_class(enum duet_kind kind)
{
	return (unsigned)kind < DUET_KIND_COUNT
		       ? (enum duet_cancel_class)core_kinds[kind].cancel_class
		       : DUET_CANCEL_NOT;
}

unsigned duet_kind_regimes(enum duet_kind kind)
{
	return (unsigned)kind < DUET_KIND_COUNT ? core_kinds[kind].regimes : 0;
}

const char *duet_disposition_name(enum duet_disposition disposition)
{
	static const char *const names[DUET_DISPOSITION_COUNT] = {
		"completed", "partial", "untouched", "failed", "tainted", "abandoned"};

	return (unsigned)disposition < DUET_DISPOSITION_COUNT ? names[disposition] : "?";
}

const char *duet_cause_name(enum duet_cause cause)
{
	static const char *const names[DUET_CAUSE_COUNT] = {
		"itself", "cancel", "scope", "deadline", "close", "shutdown", "order"};

	return (unsigned)cause < DUET_CAUSE_COUNT ? names[cause] : "?";
}

const char *duet_version(void)
{
	return DUET_VERSION_STRING;
}
