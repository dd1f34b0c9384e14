/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/lifecycle.h"

#include <errno.h>

#include "core/backend.h"
#include "core/buffer.h"
#include "core/handle.h"
#include "core/loan.h"
#include "core/msghdr.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/regime.h"
#include "core/release.h"
#include "core/shortcut.h"
#include "core/splice.h"
#include "core/waits.h"

/*
 * From start to the terminal completion. An operation goes
 *
 *   start -> (its line) -> issue -> the backend ... report -> conclude -> deliver
 *
 * (and, of what is told its result before its memory is back, as release.h shows).
 *
 * conclude() is where everything that was borrowed comes back and where the line moves on;
 * deliver() is the only place that calls done(), always from a turn.
 */

static struct duet_op **line_of(struct duet_slot *slot, const struct duet_op *op)
{
	switch (core_kind(op)->line) {
	case LINE_READS:
		return &slot->reads;
	case LINE_WRITES:
		return &slot->writes;
	case LINE_OTHERS:
		return &slot->others;
	default:
		return NULL;
	}
}

/* ---- Identities. ---- */

uint64_t duet_core_identify(struct duet_loop *loop, struct duet_op *op)
{
	return core_identify(loop, op);
}

/* ---- Delivery. ---- */

static void set_slot_state(const struct duet_loop *loop, struct duet_slot *slot,
			   enum core_slot_state state)
{
	slot->slot_state = (uint8_t)state;
	core_handle_describe(loop, slot);
}

static bool breaks_stream(const struct duet_op *op)
{
	return core_kind(op)->line == LINE_WRITES && op->disposition != DUET_COMPLETED &&
	       op->disposition != DUET_UNTOUCHED;
}

/* Its caller is told now, and may go on with the stream. */
static void mend_stream(struct duet_loop *loop, const struct duet_op *op)
{
	struct duet_slot *slot = duet_core_slot_of(loop, op->handle);

	if (slot && slot->slot_state == SLOT_BROKEN)
		set_slot_state(loop, slot, SLOT_OPEN);
}

static inline void deliver(struct duet_loop *loop, struct duet_op *op)
{
	core_state_set(op, STATE_IDLE);
	op->more = 0;
	loop->delivered++;
	if (op->flags & (FLAG_GIVEN | FLAG_COPIED))
		core_regime_tell(loop, op);
	if (op->done)
		op->done(op);
}

void core_drain(struct duet_loop *loop)
{
	const struct duet_op *last = loop->done.last;
	struct duet_op *op;

	/* What the callbacks add is left to the next call: an operation that ends at once and keeps
	 * starting itself can't keep the turn. Each is on the queue once, so last comes up once. */
	while ((op = core_queue_pop(&loop->done))) {
		bool final = op == last;

		if (breaks_stream(op) && !core_release_was_told(op))
			mend_stream(loop, op);
		if (__builtin_expect(op->state != STATE_RESULT, 1) || core_release_tell(loop, op))
			deliver(loop, op);
		if (final)
			return;
	}
}

/* ---- Issue. ---- */

/* A composite transfer that moved a piece and goes on. */
static bool goes_on(struct duet_op *op, int raw)
{
	if (!(op->flags & DUET_WHOLE) || raw <= 0 || op->request)
		return false;
	if ((uint32_t)raw >= core_remaining(op))
		return false;
	if (op->kind == DUET_SPLICE)
		core_splice_moved(op, (uint32_t)raw);
	core_advance(op, (uint32_t)raw);
	return true;
}

static void join_backlog(struct duet_loop *loop, struct duet_op *op)
{
	core_queue_push(&loop->backlog, op);
	core_plain_bound(loop);
}

/* A single accept, open or socket is issued with a place for its result: what the kernel made for
 * it is never to be thrown away for want of one. */
static bool keep_handle(struct duet_loop *loop, struct duet_op *op)
{
	op->keeps_handle = 0;
	if (op->flags & DUET_MULTISHOT)
		return true;
	if (!duet_core_handle_free(loop))
		return false;
	op->keeps_handle = 1;
	loop->handles_kept++;
	return true;
}

static void release_handle(struct duet_loop *loop, struct duet_op *op)
{
	loop->handles_kept -= op->keeps_handle;
	op->keeps_handle = 0;
}

static void wait_for_room(struct duet_loop *loop, struct duet_op *op)
{
	core_state_set(op, STATE_WAITING);
	if (core_kind(op)->makes)
		release_handle(loop, op);
	join_backlog(loop, op);
	loop->stats.queue_full++;
}

int core_issue_again(struct duet_loop *loop, struct duet_op *op, int answer)
{
	while (answer == BACKEND_ENDED && goes_on(op, op->result))
		answer = loop->backend->start(loop, op);
	if (answer == -EAGAIN) {
		wait_for_room(loop, op);
		return BACKEND_ISSUED;
	}
	return answer;
}

/* Hands op to the backend. BACKEND_ENDED: it is over, the raw result is in op->result. */
static int issue(struct duet_loop *loop, struct duet_op *op)
{
	int answer;

	core_state_set(op, STATE_ISSUED);
	if (core_kind(op)->makes && !keep_handle(loop, op)) {
		op->result = -ENFILE;
		return BACKEND_ENDED;
	}
	/* Who waits until the direction is ready would wait for what never comes. */
	if (op->kind == DUET_ACCEPT &&
	    core_handle_never_accepts(loop, duet_core_op_slot(loop, op))) {
		op->result = -EINVAL;
		return BACKEND_ENDED;
	}
	answer = loop->backend->start(loop, op);
	if (__builtin_expect(answer == BACKEND_ISSUED, 1))
		return answer;
	return core_issue_again(loop, op, answer);
}

int core_issue(struct duet_loop *loop, struct duet_op *op)
{
	if (__builtin_expect(!loop->backlog.first, 1) || core_kind(op)->at_once ||
	    (op->kind == DUET_SOCKET && op->flags & DUET_INLINE))
		return issue(loop, op);
	if (op->state != STATE_WAITING)
		core_state_set(op, STATE_WAITING);
	join_backlog(loop, op);
	return BACKEND_ISSUED;
}

/* ---- The end. ---- */

/* wanted: somebody will be told of it. */
static void adopt_result(struct duet_loop *loop, struct duet_op *op, int fd, bool wanted)
{
	int error;

	op->made = DUET_HANDLE_NONE;
	if (fd < 0)
		return;
	if (!wanted) {
		core_discard(loop, fd);
		return;
	}
	error = core_handle_made(loop, op, fd, &op->made);
	if (!error)
		return;
	core_discard(loop, fd);
	op->result = error;
	op->disposition = DUET_FAILED;
}

/* So much of the buffer is valid. The last item of a pooled receive was told as such: its end, without
 * bytes, has none. */
static void fill(struct duet_op *op)
{
	if (op->flags & DUET_POOLED && !op->transferred)
		op->buffer = (struct duet_buffer){.pool = DUET_POOL_NONE,
						  .regime = DUET_REGIME_POOLED};
	else
		op->buffer.length_bytes = op->transferred;
}

static inline void give_back(struct duet_loop *loop, struct duet_op *op)
{
	if (core_lends(op) && (op->state != STATE_WAITING || !MUTANT(loan_kept_in_line)))
		core_loan_end(loop, op);
	if (op->identity)
		core_forget(loop, op);
	loop->pending--;
	if (op->flags & FLAG_PLACE)
		core_place_keep(loop);
	core_state_set(op, STATE_ENDED);
	loop->stats.ended++;
}

void core_give_back(struct duet_loop *loop, struct duet_op *op)
{
	give_back(loop, op);
}

/* The close of a handle on which nothing is pending any more, to be issued now; or NULL. */
static struct duet_op *drained_close(struct duet_loop *loop, struct duet_slot *slot)
{
	struct duet_op *op = slot->closing;

	if (slot->slot_state != SLOT_CLOSING)
		return NULL;
	if ((slot->reads || slot->writes || slot->others) && !MUTANT(close_does_not_drain))
		return NULL;
	set_slot_state(loop, slot, SLOT_DRAINED);
	loop->backend->detach(loop, slot);
	return op;
}

/* Whose turn it is on a line with that head. */
static struct duet_op *first_waiting(const struct duet_loop *loop, struct duet_op *head)
{
	struct duet_op *op = head ? core_splice_whose(head) : NULL;

	/* Asked with the others, it ends by its own request. */
	if (!op || op->state != STATE_WAITING || (loop->shutting_down && op->request))
		return NULL;
	return op->kind != DUET_SPLICE || core_splice_has_turn(loop, op) ? op : NULL;
}

/*
 * The line of a splice's input goes on beside that of its output, which its end moves on as any other:
 * who is first there now is issued with what waits for room, in the turn that tells of this end. But for
 * who stands behind it in both lines, and has its turn by the other one, or ends with it.
 */
static void leave_input(struct duet_loop *loop, struct duet_op *op, int raw)
{
	struct duet_slot *slot = core_splice_input(loop, op);
	bool first = core_splice_leave(loop, op);
	struct duet_op *next;

	if (raw > 0)
		core_splice_moved(op, (uint32_t)raw);
	if (!first || MUTANT(input_line_stands))
		return;
	next = slot->slot_state >= SLOT_CLOSING ? drained_close(loop, slot)
						: first_waiting(loop, slot->reads);
	if (next && (next->kind != DUET_SPLICE || next->handle.slot != op->handle.slot))
		join_backlog(loop, next);
}

/* The outcome is known, and the line goes on; everything borrowed comes back, unless that is another
 * moment. wanted: somebody will be told of it. */
static void conclude_now(struct duet_loop *loop, struct duet_op *op, int raw, bool wanted)
{
	const struct core_kind *kind = core_kind(op);

	/* What an arrival left there was that arrival's. */
	if (op->flags & DUET_POOLED)
		op->transferred = 0;
	core_settle(op, raw, op->state != STATE_WAITING);
	if (op->kind == DUET_RECVMSG)
		core_msghdr_received(loop, op, raw, wanted);
	if (op->state == STATE_STOPPING)
		core_queue_remove(&loop->owed, op);
	if (op->timer)
		core_timer_disarm(&loop->timers, op);
	if (kind->regimes & ~ONLY_LENT && !kind->gathers)
		fill(op);
	op->verdict = 0;
	if (__builtin_expect(!kind->releases, 1) || !core_release_follows(op))
		give_back(loop, op);
	if (kind->line != LINE_NONE)
		core_ring_remove(line_of(duet_core_op_slot(loop, op), op), op);
	if (op->kind == DUET_SPLICE)
		leave_input(loop, op, raw);
	else if (kind->makes) {
		release_handle(loop, op);
		adopt_result(loop, op, raw, wanted);
	} else if (op->kind == DUET_CLOSE)
		core_handle_closed(loop, duet_core_op_slot(loop, op));
	else if (op->kind == DUET_LISTEN && raw == 0)
		core_handle_listens(duet_core_op_slot(loop, op));
}

static struct core_outcome outcome_of(const struct duet_op *op)
{
	return (struct core_outcome){op->result, op->transferred, op->disposition, op->cause,
				     op->buffer};
}

static void set_outcome(struct duet_op *op, const struct core_outcome *outcome)
{
	op->result = outcome->result;
	op->transferred = outcome->transferred;
	op->disposition = outcome->disposition;
	op->cause = outcome->cause;
	op->buffer = outcome->buffer;
}

/* Who stops op in the callback of its item still reads the item there: its end is written when the
 * callback has returned. One item is told at a time. */
static void conclude(struct duet_loop *loop, struct duet_op *op, int raw, bool wanted)
{
	struct core_outcome item;

	if (__builtin_expect(!op->more, 1)) {
		conclude_now(loop, op, raw, wanted);
		return;
	}
	item = outcome_of(op);
	conclude_now(loop, op, raw, wanted);
	loop->late = outcome_of(op);
	set_outcome(op, &item);
}

void duet_core_item_told(struct duet_loop *loop, struct duet_op *op)
{
	set_outcome(op, &loop->late);
}

static void conclude_queued(struct duet_loop *loop, struct duet_op *op, int raw)
{
	conclude(loop, op, raw, op->done != NULL);
	core_queue_push(&loop->done, op);
}

static void end_untouched(struct duet_loop *loop, struct duet_op *op)
{
	if (!op->request)
		op->request = DUET_CAUSE_ORDER;
	conclude_queued(loop, op, -ECANCELED);
}

/* After a short end nothing behind it may reach the stream, until its caller knows. */
static void break_stream(struct duet_loop *loop, struct duet_slot *slot)
{
	if (MUTANT(follower_after_partial))
		return;
	if (slot->slot_state == SLOT_OPEN)
		set_slot_state(loop, slot, SLOT_BROKEN);
	while (slot->writes)
		end_untouched(loop, slot->writes);
}

/* Bytes beyond the head went out of the sends behind it: see duet_core_gather(). */
static void share_out(struct duet_loop *loop, struct duet_slot *slot, uint32_t bytes)
{
	struct duet_op *op;

	while (bytes && (op = slot->writes)) {
		uint32_t part = core_remaining(op) < bytes ? core_remaining(op) : bytes;

		bytes -= part;
		if (goes_on(op, (int)part))
			return;
		core_state_set(op, STATE_ISSUED);
		conclude_queued(loop, op, (int)part);
		if (breaks_stream(op))
			break_stream(loop, slot);
	}
}

/* An operation of a line has ended: whose turn is it? */
static struct duet_op *successor(struct duet_loop *loop, const struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	if (breaks_stream(op))
		break_stream(loop, slot);
	if (slot->slot_state >= SLOT_CLOSING)
		return drained_close(loop, slot);
	if (core_kind(op)->line == LINE_OTHERS)
		return NULL;
	return first_waiting(loop, *line_of(slot, op));
}

/* Only the end of the first moves its line on. When another ends, the first may stand there waiting
 * for room or for a buffer, and must not be issued a second time. */
static bool is_first(const struct duet_loop *loop, const struct duet_op *op)
{
	return core_kind(op)->line == LINE_NONE || core_kind(op)->line == LINE_OTHERS ||
	       *line_of(duet_core_op_slot(loop, op), op) == op;
}

/* The backend has ended op: concludes it, and issues what it stood in front of. */
void core_finish(struct duet_loop *loop, struct duet_op *op, int raw)
{
	uint32_t surplus = 0;
	bool first;

	for (;;) {
		if (op->kind == DUET_SEND && raw > 0 && (uint32_t)raw > core_remaining(op)) {
			surplus = (uint32_t)raw - core_remaining(op);
			raw = (int)core_remaining(op);
		}
		first = is_first(loop, op);
		conclude_queued(loop, op, raw);
		if (core_kind(op)->line == LINE_NONE)
			return;
		/* It may have been given a place and not have used the buffer. */
		if (op->flags & DUET_POOLED)
			core_feed(loop, op->args.io.pool);
		if (!first)
			return;
		if (surplus)
			share_out(loop, duet_core_op_slot(loop, op), surplus);
		surplus = 0;
		op = successor(loop, op);
		if (!op || core_issue(loop, op) != BACKEND_ENDED)
			return;
		raw = op->result;
	}
}

/* ---- Start. ---- */

/* A close waits until its handle has drained; what is pending there is asked to end. */
static int start_close(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = duet_core_op_slot(loop, op);

	core_state_set(op, STATE_WAITING);
	set_slot_state(loop, slot, SLOT_CLOSING);
	slot->closing = op;
	core_request_line(loop, &slot->reads, DUET_CAUSE_CLOSE);
	core_request_line(loop, &slot->writes, DUET_CAUSE_CLOSE);
	core_request_line(loop, &slot->others, DUET_CAUSE_CLOSE);
	/* Otherwise the last of them took the close along, or will. */
	return drained_close(loop, slot) ? core_issue(loop, op) : BACKEND_ISSUED;
}

static int begin(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot)
{
	const struct core_kind *kind = core_kind(op);

	if (kind->line == LINE_NONE)
		duet_core_identify(loop, op);
	if (kind->begin) {
		core_state_set(op, STATE_ISSUED);
		return kind->wait ? core_wait_begun(loop, op) : kind->begin(loop, op);
	}
	if (op->kind == DUET_CLOSE)
		return start_close(loop, op);
	if (kind->line != LINE_NONE) {
		struct duet_op **line = line_of(slot, op);
		bool behind = *line && kind->line != LINE_OTHERS;
		bool broken = !behind && slot->slot_state == SLOT_BROKEN &&
			      kind->line == LINE_WRITES;

		core_ring_append(line, op);
		if (op->kind == DUET_SPLICE)
			behind |= core_splice_stand(loop, op) && !MUTANT(splice_overtakes);
		if (behind || broken) {
			core_state_set(op, STATE_WAITING);
			if (broken)
				end_untouched(loop, op);
			return BACKEND_ISSUED;
		}
	}
	return core_issue(loop, op);
}

/* The set-up operations, on which duet_handle_listen() counts, stand in nobody's order. Any other end
 * waits until those before it were told: bytes come in order, and a handle is closed when all on it
 * have heard so. */
bool core_may_end_inline(const struct duet_loop *loop, const struct duet_op *op)
{
	return op->flags & DUET_INLINE &&
	       (!loop->done.first || core_kind(op)->at_once || op->kind == DUET_SOCKET);
}

/* The answer of a start whose operation has ended. */
int core_end_in_start(struct duet_loop *loop, struct duet_op *op)
{
	if (!core_may_end_inline(loop, op)) {
		core_finish(loop, op, op->result);
		return 0;
	}
	conclude(loop, op, op->result, true);
	if (op->state == STATE_RESULT)
		core_release_inline(loop, op);
	core_state_set(op, STATE_IDLE);
	op->more = 0;
	if (op->flags & (FLAG_GIVEN | FLAG_COPIED))
		core_regime_tell(loop, op);
	return 1;
}

/* What it names is given up. */
static int lend(struct duet_loop *loop, struct duet_op *op)
{
	bool special = op->flags & (FLAG_GIVEN | FLAG_COPIED);
	int error = special ? core_regime_begin(loop, op) : 0;

	if (error)
		return error;
	error = core_loan_begin(loop, op);
	if (error && special)
		core_regime_undo(loop, op);
	return error;
}

int core_start_any(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_slot *slot = NULL;
	int error = core_refusal(loop, op, &slot);

	if (error)
		return error;
	if (core_lends(op))
		error = lend(loop, op);
	if (error)
		return error;
	core_begin(loop, op);
	op->keeps_handle = 0;
	core_inherit(loop, op);
	if (begin(loop, op, slot) != BACKEND_ENDED) {
		core_begun(loop, op);
		if (op->state != STATE_ENDED)
			core_arm_deadline(loop, op);
		return 0;
	}
	return core_end_in_start(loop, op);
}

int duet_core_answered(struct duet_loop *loop, struct duet_op *op, int answer)
{
	if (core_issue_again(loop, op, answer) == BACKEND_ENDED)
		core_finish(loop, op, op->result);
	return 0;
}

int core_transfer(struct duet_loop *loop, struct duet_op *op, struct duet_slot *slot)
{
	int answer = loop->backend->start(loop, op);

	(void)slot;
	return answer == BACKEND_ISSUED ? 0 : duet_core_answered(loop, op, answer);
}

/* Armed before the backend has op: what ends there disarms it. */
static __attribute__((noinline)) int transfer_timed(struct duet_loop *loop, struct duet_op *op)
{
	core_begun(loop, op);
	core_arm_deadline(loop, op);
	return loop->transfer(loop, op, duet_core_op_slot(loop, op));
}

static inline __attribute__((always_inline)) int
start_plainly(struct duet_loop *loop, struct duet_op *op, enum core_loan_way way)
{
	if (core_loan_begin_as(loop, op, way))
		return -EBUSY;
	core_begin(loop, op);
	op->next = op->prev = op;
	*core_plain_line(loop, op) = op;
	core_state_step(op, STATE_IDLE, STATE_ISSUED);
	if (__builtin_expect(op->deadline_ns != DUET_NO_DEADLINE || loop->now_unread, 0))
		return transfer_timed(loop, op);
	return loop->transfer(loop, op, duet_core_op_slot(loop, op));
}

/* Apart, so that the others don't save the registers that a look at the ranges needs. */
static __attribute__((noinline)) int start_into_new_memory(struct duet_loop *loop, struct duet_op *op)
{
	return start_plainly(loop, op, LOAN_PLAIN);
}

#undef duet_op_start

int duet_op_start(struct duet_loop *loop, struct duet_op *op)
{
	CORE_GUARD(core_guard_start(loop, op, __builtin_return_address(0)));
	core_check_owner(loop);
	if (__builtin_expect(!core_starts_plainly(loop, op, 0, &loop->plain_max), 0))
		return core_start_otherwise(loop, op);
	if (op->kind == DUET_SEND)
		return start_plainly(loop, op, LOAN_READ);
	if (core_range_is_known(&loop->ledger.ranges, op))
		return start_plainly(loop, op, LOAN_KNOWN);
	return start_into_new_memory(loop, op);
}

int duet_op_start_at(const struct duet_site *site, struct duet_loop *loop, struct duet_op *op)
{
	CORE_GUARD(core_guard_site(site));
	(void)site;
	return duet_op_start(loop, op);
}

/* ---- Room again. ---- */

void core_retry_backlog(struct duet_loop *loop)
{
	struct core_queue waiting = loop->backlog;
	struct duet_op *op;

	/* Emptied first, so that issue() sees room; what doesn't fit goes back in order. */
	loop->backlog.first = NULL;
	while ((op = core_queue_pop(&waiting))) {
		if (loop->backlog.first) {
			core_queue_push(&loop->backlog, op);
			continue;
		}
		if (issue(loop, op) == BACKEND_ENDED)
			core_finish(loop, op, op->result);
	}
	core_plain_bound(loop);
}

/* ---- What backends report. ---- */

static __attribute__((noinline)) void end_any(struct duet_loop *loop, struct duet_op *op,
					      int result)
{
	if (goes_on(op, result)) {
		if (core_issue(loop, op) != BACKEND_ENDED)
			return;
		result = op->result;
	}
	if (MUTANT(late_bytes_discarded) && op->request && result > 0)
		result = -ECANCELED;
	if (MUTANT(late_status_forgotten) && op->request && op->kind == DUET_WAIT_PROCESS)
		result = -ECANCELED;
	core_finish(loop, op, result);
	core_drain(loop);
}

static inline bool ends_plainly(const struct duet_loop *loop, const struct duet_op *op, int result,
				enum duet_kind kind)
{
	return duet_core_may_end_plainly(loop, op, kind) &&
	       (uint32_t)result == core_remaining(op);
}

void duet_core_end(struct duet_loop *loop, struct duet_op *op, int result)
{
	if (__builtin_expect(!ends_plainly(loop, op, result, DUET_SEND) &&
				     !ends_plainly(loop, op, result, DUET_RECV),
			     0)) {
		if (!duet_core_ends_in_file(loop, op, result)) {
			end_any(loop, op, result);
			return;
		}
		if (op->identity)
			core_forget(loop, op);
		duet_core_end_in_file(loop, op);
		return;
	}
	if (op->identity)
		core_forget(loop, op);
	duet_core_end_plainly(loop, op, core_plain_line(loop, op));
}
