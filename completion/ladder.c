/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "completion/internal.h"

/*
 * The ways of each kind, from the best down, and which of them this ring can go. What is there is
 * found by trying, as a list of opcodes doesn't know of a filter that refuses them: one hand-over at
 * create, of an entry for each step.
 */

/* Something that a ring may know or not, refuse or not. Without an opcode: not of an entry. */
static const struct step {
	const char *name;
	const char *since; /* which Linux brought it */
	uint8_t opcode;
} steps[STEP_COUNT] = {
	[STEP_NOP] = {"nop", "5.1", IORING_OP_NOP},
	[STEP_POLL] = {"poll", "5.1", IORING_OP_POLL_ADD},
	[STEP_CANCEL] = {"cancel", "5.5", IORING_OP_ASYNC_CANCEL},
	[STEP_ACCEPT] = {"accept", "5.5", IORING_OP_ACCEPT},
	[STEP_ACCEPT_MULTISHOT] = {"accept-multishot", "5.19", IORING_OP_ACCEPT},
	[STEP_CONNECT] = {"connect", "5.5", IORING_OP_CONNECT},
	[STEP_RECV] = {"recv", "5.6", IORING_OP_RECV},
	[STEP_RECV_MULTISHOT] = {"recv-multishot", "6.0", IORING_OP_RECV},
	[STEP_RECV_BUNDLE] = {"recv-bundle", "6.10", IORING_OP_RECV},
	[STEP_SEND] = {"send", "5.6", IORING_OP_SEND},
	[STEP_RECVMSG] = {"recvmsg", "5.3", IORING_OP_RECVMSG},
	[STEP_SENDMSG] = {"sendmsg", "5.3", IORING_OP_SENDMSG},
	[STEP_SEND_ZC] = {"send-zc", "6.0", IORING_OP_SEND_ZC},
	[STEP_SENDMSG_ZC] = {"sendmsg-zc", "6.1", IORING_OP_SENDMSG_ZC},
	[STEP_READ] = {"read", "5.6", IORING_OP_READ},
	[STEP_READV] = {"readv", "5.1", IORING_OP_READV},
	[STEP_WRITE] = {"write", "5.6", IORING_OP_WRITE},
	[STEP_WRITEV] = {"writev", "5.1", IORING_OP_WRITEV},
	[STEP_OPEN] = {"openat", "5.6", IORING_OP_OPENAT},
	[STEP_FSYNC] = {"fsync", "5.1", IORING_OP_FSYNC},
	[STEP_SHUTDOWN] = {"shutdown", "5.11", IORING_OP_SHUTDOWN},
	[STEP_CLOSE] = {"close", "5.6", IORING_OP_CLOSE},
	[STEP_SOCKET] = {"socket", "5.19", IORING_OP_SOCKET},
	[STEP_SPLICE] = {"splice", "5.7", IORING_OP_SPLICE},
	[STEP_STATX] = {"statx", "5.6", IORING_OP_STATX},
	[STEP_MKDIR] = {"mkdirat", "5.15", IORING_OP_MKDIRAT},
	[STEP_UNLINK] = {"unlinkat", "5.11", IORING_OP_UNLINKAT},
	[STEP_RENAME] = {"renameat", "5.11", IORING_OP_RENAMEAT},
	[STEP_LINK] = {"linkat", "5.15", IORING_OP_LINKAT},
	[STEP_SYMLINK] = {"symlinkat", "5.15", IORING_OP_SYMLINKAT},
	[STEP_TRUNCATE] = {"ftruncate", "6.9", IORING_OP_FTRUNCATE},
	[STEP_ALLOCATE] = {"fallocate", "5.6", IORING_OP_FALLOCATE},
	[STEP_WAITID] = {"waitid", "6.7", IORING_OP_WAITID},
	[STEP_READ_FIXED] = {"read-fixed", "5.1", IORING_OP_READ_FIXED},
	[STEP_WRITE_FIXED] = {"write-fixed", "5.1", IORING_OP_WRITE_FIXED},
	[STEP_POOL_RING] = {"pool-ring", "5.19", 0},
};

static bool has_entry(enum completion_step step)
{
	return step != STEP_NONE && step != STEP_POOL_RING;
}

/* Is it an opcode by itself, and not a flag of another step's? */
static bool is_opcode(enum completion_step step)
{
	return has_entry(step) && step != STEP_ACCEPT_MULTISHOT && step != STEP_RECV_MULTISHOT &&
	       step != STEP_RECV_BUNDLE;
}

/* ---- The ways. ---- */

struct rung {
	uint8_t needs[2];    /* enum completion_step; STEP_NONE: nothing */
	enum duet_way way;
	completion_start_fn *start; /* NULL: the kind's own, which asks completion_able() */
};

enum { RUNGS_MAX = 3 };

#define OWN(step) {{step}, DUET_WAY_ARMED, NULL}
#define READINESS {{STEP_POLL}, DUET_WAY_EMULATED, completion_start_readiness}
#define WORKER {{STEP_NONE}, DUET_WAY_WORKER, completion_start_worker}

static const struct rung ladder[DUET_IO_KIND_COUNT][RUNGS_MAX] = {
	[DUET_NOP] = {OWN(STEP_NOP)},
	[DUET_POLL] = {OWN(STEP_POLL)},
	[DUET_ACCEPT] = {OWN(STEP_ACCEPT), READINESS},
	[DUET_CONNECT] = {OWN(STEP_CONNECT), READINESS},
	[DUET_RECV] = {OWN(STEP_RECV),
		       {{STEP_READ}, DUET_WAY_ENCODED, completion_start_recv_by_read},
		       READINESS},
	/* Of several pieces it is a message in any case. */
	[DUET_SEND] = {{{STEP_SEND, STEP_SENDMSG}, DUET_WAY_ARMED, NULL},
		       {{STEP_SENDMSG}, DUET_WAY_ENCODED, completion_start_send_by_message},
		       READINESS},
	[DUET_READ] = {{{STEP_READ, STEP_READV}, DUET_WAY_ARMED, NULL},
		       {{STEP_READV}, DUET_WAY_ENCODED, completion_start_by_vector},
		       WORKER},
	[DUET_WRITE] = {{{STEP_WRITE, STEP_WRITEV}, DUET_WAY_ARMED, NULL},
			{{STEP_WRITEV}, DUET_WAY_ENCODED, completion_start_by_vector},
			WORKER},
	[DUET_OPEN] = {OWN(STEP_OPEN), WORKER},
	[DUET_FSYNC] = {OWN(STEP_FSYNC), WORKER},
	[DUET_SHUTDOWN] = {OWN(STEP_SHUTDOWN),
			   {{STEP_NONE}, DUET_WAY_INLINE, completion_start_shutdown_call}},
	/* In a turn of its own, as those that it puts an end to are told first. */
	[DUET_CLOSE] = {OWN(STEP_CLOSE), {{STEP_NOP}, DUET_WAY_EMULATED, completion_start_readiness}},
	[DUET_SOCKET] = {OWN(STEP_SOCKET), {{STEP_NONE}, DUET_WAY_INLINE, NULL}},
	[DUET_BIND] = {{{STEP_NONE}, DUET_WAY_INLINE, NULL}},
	[DUET_LISTEN] = {{{STEP_NONE}, DUET_WAY_INLINE, NULL}},
	[DUET_RECVMSG] = {OWN(STEP_RECVMSG), {{STEP_POLL}, DUET_WAY_EMULATED, NULL}},
	[DUET_SENDMSG] = {OWN(STEP_SENDMSG), {{STEP_POLL}, DUET_WAY_EMULATED, NULL}},
	[DUET_SEND_ZERO_COPY] = {OWN(STEP_SEND_ZC),
				 {{STEP_SENDMSG}, DUET_WAY_ENCODED, NULL},
				 {{STEP_POLL}, DUET_WAY_EMULATED, NULL}},
	/* Its entry is for files only; without it these are for a worker of ours. */
	[DUET_SPLICE] = {{{STEP_POLL, STEP_SPLICE}, DUET_WAY_EMULATED, NULL},
			 {{STEP_POLL}, DUET_WAY_EMULATED, NULL}},
	[DUET_STATX] = {OWN(STEP_STATX), WORKER},
	[DUET_MKDIR] = {OWN(STEP_MKDIR), WORKER},
	[DUET_UNLINK] = {OWN(STEP_UNLINK), WORKER},
	[DUET_RENAME] = {OWN(STEP_RENAME), WORKER},
	[DUET_LINK] = {OWN(STEP_LINK), WORKER},
	[DUET_SYMLINK] = {OWN(STEP_SYMLINK), WORKER},
	[DUET_TRUNCATE] = {OWN(STEP_TRUNCATE), WORKER},
	[DUET_ALLOCATE] = {OWN(STEP_ALLOCATE), WORKER},
	[DUET_SIGNAL] = {OWN(STEP_READ), READINESS},
	[DUET_WAIT_PROCESS] = {OWN(STEP_WAITID), {{STEP_POLL}, DUET_WAY_EMULATED, NULL}},
};

static bool exists(const struct rung *rung)
{
	return rung->needs[0] || rung->start || rung->way == DUET_WAY_INLINE;
}

/* ---- What is there. ---- */

enum { STEP_TAG_SHIFT = IDENTITY_TAG_BITS };

/*
 * An entry whose arguments make no sense, so that nothing comes of it: the kernel says -EACCES if the
 * opcode is refused, before it looks at them; -EINVAL or -EBADF otherwise. The flag of a multishot is
 * known if -EBADF, of the descriptor, is all that is wrong.
 */
static void prep_nonsense(struct io_uring_sqe *sqe, enum completion_step step)
{
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = steps[step].opcode;
	sqe->fd = -1;
	sqe->user_data = (uint64_t)step << STEP_TAG_SHIFT | TAG_RELEASE;
	switch (step) {
	case STEP_ACCEPT_MULTISHOT:
		sqe->ioprio = IORING_ACCEPT_MULTISHOT;
		break;
	case STEP_RECV_MULTISHOT:
		sqe->ioprio = IORING_RECV_MULTISHOT;
		sqe->flags = IOSQE_BUFFER_SELECT;
		break;
	case STEP_RECV_BUNDLE:
		sqe->ioprio = IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
		sqe->flags = IOSQE_BUFFER_SELECT;
		break;
	default:
		sqe->buf_index = 1;
		sqe->splice_fd_in = 1;
		sqe->rw_flags = -1;
		sqe->addr3 = 1;
	}
}

static enum completion_presence presence(enum completion_step step, int result,
					 enum completion_presence before)
{
	if (result == -EACCES || result == -EPERM)
		return STEP_REFUSED;
	/* The list of opcodes was not to be had: what says more than -EINVAL knows it. */
	if (result != -EINVAL)
		return STEP_THERE;
	return is_opcode(step) ? before : STEP_UNKNOWN;
}

static void answered(void *context, uint64_t user_data, int result, unsigned flags)
{
	struct completion *self = context;
	enum completion_step step = (enum completion_step)(user_data >> STEP_TAG_SHIFT);

	(void)flags;
	self->steps[step] = (uint8_t)presence(step, result,
					      (enum completion_presence)self->steps[step]);
}

static int try_steps(struct completion *self)
{
	struct duet_stats before = *self->stats;
	uint32_t count = 0;
	int error = 0;

	for (int step = STEP_NONE + 1; step < STEP_COUNT && !error; step++) {
		struct io_uring_sqe *sqe;

		if (!has_entry((enum completion_step)step))
			continue;
		sqe = completion_ring_entry(self);
		if (!sqe)
			return -EAGAIN;
		prep_nonsense(sqe, (enum completion_step)step);
		count++;
		if (completion_ring_full(self) || step == STEP_COUNT - 1) {
			error = completion_ring_answers(self, count, answered, self);
			count = 0;
		}
	}
	if (!error && count)
		error = completion_ring_answers(self, count, answered, self);
	/* What was tried was nobody's operation. */
	*self->stats = before;
	return error;
}

static void ask_opcodes(struct completion *self)
{
	struct io_uring_probe *known = io_uring_get_probe_ring(&self->ring);

	for (int step = STEP_NONE + 1; step < STEP_COUNT; step++)
		self->steps[step] = known && io_uring_opcode_supported(known, steps[step].opcode)
					    ? STEP_THERE
					    : STEP_UNKNOWN;
	if (known)
		self->steps[STEP_POOL_RING] = STEP_THERE;
	io_uring_free_probe(known);
}

int completion_ladder_try(struct completion *self, uint64_t without)
{
	int error;

	ask_opcodes(self);
	error = try_steps(self);
	for (int step = STEP_NONE + 1; step < STEP_COUNT; step++)
		if (without >> step & 1)
			self->steps[step] = STEP_OFF;
	return error;
}

/* ---- Which way, and why. ---- */

static enum completion_step lacking(const struct completion *self, const struct rung *rung)
{
	for (int i = 0; i < 2; i++)
		if (rung->needs[i] && !completion_able(self, rung->needs[i]))
			return (enum completion_step)rung->needs[i];
	return STEP_NONE;
}

static void say_lacking(const struct completion *self, enum completion_step step, char *why)
{
	const char *name = steps[step].name;

	switch (self->steps[step]) {
	case STEP_OFF:
		snprintf(why, DUET_WHY_BYTES, "%s is switched off", name);
		break;
	case STEP_REFUSED:
		snprintf(why, DUET_WHY_BYTES, "%s is refused by a filter: EACCES", name);
		break;
	default:
		snprintf(why, DUET_WHY_BYTES, "no %s (opcode %d): Linux %s", name,
			 steps[step].opcode, steps[step].since);
	}
}

static const struct rung *choose(const struct completion *self, enum duet_kind kind, char *why)
{
	*why = '\0';
	for (int i = 0; i < RUNGS_MAX && exists(&ladder[kind][i]); i++) {
		enum completion_step step = lacking(self, &ladder[kind][i]);

		if (!step)
			return &ladder[kind][i];
		if (!*why)
			say_lacking(self, step, why);
	}
	return NULL;
}

static enum duet_capability take(struct completion *self, enum duet_kind kind, char *why)
{
	const struct rung *rung = completion_own_start(kind) ? choose(self, kind, why) : NULL;

	if (!rung) {
		if (!*why)
			snprintf(why, DUET_WHY_BYTES, "not carried by this backend");
		return DUET_ABSENT;
	}
	self->ways[kind] = (uint8_t)rung->way;
	self->starts[kind] = rung->start ? rung->start : completion_own_start(kind);
	if (rung->way == DUET_WAY_ARMED)
		return DUET_NATIVE;
	if (!*why)
		snprintf(why, DUET_WHY_BYTES, "%s",
			 kind == DUET_SPLICE
				 ? "polled: its own entry, a worker's, is for files only"
				 : "never waits: a plain call is as good");
	return DUET_EMULATED;
}

void completion_ladder_choose(struct completion *self, uint8_t *capability,
			      char (*why)[DUET_WHY_BYTES])
{
	char unread[DUET_WHY_BYTES];

	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++) {
		char *text = why ? why[kind] : unread;

		*text = '\0';
		capability[kind] = kind == DUET_TIMEOUT
					   ? DUET_NATIVE
					   : (uint8_t)take(self, (enum duet_kind)kind, text);
	}
	self->native_socket = capability[DUET_SOCKET] == DUET_NATIVE;
	self->multishot_recv = capability[DUET_RECV] == DUET_NATIVE &&
			       completion_able(self, STEP_RECV_MULTISHOT);
	self->multishot_accept = completion_able(self, STEP_ACCEPT_MULTISHOT);
}

/* What nothing can stand in for. */
const char *completion_ladder_missing(const struct completion *self, int *error)
{
	static const enum completion_step needs[] = {STEP_NOP, STEP_POLL, STEP_CANCEL};

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		if (completion_able(self, needs[i]))
			continue;
		*error = self->steps[needs[i]] == STEP_REFUSED ? -EACCES : -ENOSYS;
		return steps[needs[i]].name;
	}
	return NULL;
}

/* ---- Names: of the tuning and of the environment. ---- */

static uint64_t step_bit(const char *name, size_t bytes)
{
	for (int step = STEP_NONE + 1; step < STEP_COUNT; step++)
		if (strlen(steps[step].name) == bytes && !memcmp(steps[step].name, name, bytes))
			return UINT64_C(1) << step;
	return 0;
}

int completion_ladder_read(const char *names, uint64_t *set)
{
	*set = 0;
	while (names && *names) {
		size_t bytes = strcspn(names, "+,");
		uint64_t bit = step_bit(names, bytes);

		if (!bit)
			return -EINVAL;
		*set |= bit;
		names += bytes + !!names[bytes];
	}
	return 0;
}

uint32_t completion_ladder_opcodes(uint64_t refused, uint8_t *allowed)
{
	uint32_t count = 0;
	uint64_t opcodes = 0;

	for (int step = STEP_NONE + 1; step < STEP_COUNT; step++)
		if (is_opcode((enum completion_step)step) && refused >> step & 1)
			opcodes |= UINT64_C(1) << steps[step].opcode;
	for (uint8_t opcode = 0; opcode <= IORING_OP_PIPE; opcode++)
		if (!(opcodes >> opcode & 1))
			allowed[count++] = opcode;
	return count;
}
