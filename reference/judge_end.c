/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <errno.h>
#include <poll.h>

#include "reference/judge.h"

/* The rules of one end: which disposition, cause, result and bytes go together, for this kind,
 * with the requests that were made. */

static void complain_end(struct judge *judge, const struct record *record, const char *why)
{
	const struct event *end = record->end;

	judge_complain(judge, "operation %u (%s) ended with %d (%s), moved %u, %s, cause %s: %s",
		end->id, duet_kind_name(record->step->kind), end->result,
		end->result < 0 ? duet_error_name(end->result) : "ok", end->moved,
		duet_disposition_name(end->disposition), duet_cause_name(end->cause), why);
}

/* Something that was in front of it on its line has broken the stream. */
static bool behind_broken(const struct judge *judge, const struct record *record)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *front = &judge->records[judge->order[i]];

		if (front->started < record->started && (front->broke || front->abandoned) &&
		    object_same(front->step->object, record->step->object))
			return true;
	}
	return false;
}

/* Was it asked there, and not before by one of the others? */
static bool is_first(const struct record *record, uint32_t asked, uint32_t one, uint32_t other)
{
	return judge_before_end(record, asked) &&
	       !(judge_before_end(record, one) && one < asked) &&
	       !(judge_before_end(record, other) && other < asked);
}

static bool was_requested(const struct judge *judge, const struct record *record, uint8_t cause)
{
	uint32_t closed = judge_closing(judge, record);
	uint32_t cancelled = record->cancelled, scoped = record->scoped;

	if (cause == DUET_CAUSE_CANCEL)
		return is_first(record, cancelled, closed, scoped);
	if (cause == DUET_CAUSE_CLOSE)
		return is_first(record, closed, cancelled, scoped);
	if (judge_scope_stops(judge, record, cause))
		return cause == DUET_CAUSE_DEADLINE || !scoped ||
		       is_first(record, scoped, cancelled, closed);
	if (cause == DUET_CAUSE_DEADLINE)
		return record->due_ns && record->end->at_ns >= record->due_ns;
	return cause == DUET_CAUSE_ORDER && behind_broken(judge, record);
}

static bool is_stop(const struct event *end)
{
	return end->result == (end->cause == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED);
}

/* ---- Completed: the whole effect, by kind. ---- */

/* May the stream have ended for it? */
static bool recv_at_end(const struct judge *judge, const struct record *record)
{
	return judge_before_end(record, judge_over(judge, object_peer(record->step->object)));
}

static const char *completed_recv(const struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;
	const struct step *step = record->step;

	if (end->result < 0 || end->moved != (uint32_t)end->result)
		return "result and bytes moved differ";
	if (!(step->flags & DUET_POOLED) && end->moved > step->length_bytes)
		return "more than was asked for";
	if ((step->flags & DUET_WHOLE) && end->moved != step->length_bytes)
		return "a whole receive is complete only when its buffer is full";
	if (end->moved == 0 && !recv_at_end(judge, record))
		return "end of the stream, but the other end is open";
	return NULL;
}

static uint64_t hash_of_file(const struct step *step, uint32_t bytes)
{
	uint64_t hash = HASH_BEGIN;

	for (uint32_t i = 0; i < bytes; i++)
		hash = hash_byte(hash, pattern_file(step->object.index, step->offset_bytes + i));
	return hash;
}

static const char *completed_read(const struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;
	const struct step *step = record->step;
	uint32_t file_bytes = judge->script->file_bytes[step->object.index];

	if (end->result < 0 || end->moved != (uint32_t)end->result ||
	    end->moved > step->length_bytes)
		return "result, bytes moved and bytes asked for don't fit";
	if (end->moved < step->length_bytes && step->offset_bytes + end->moved < file_bytes)
		return "a short read before the end of the file";
	if (end->moved && end->hash != hash_of_file(step, end->moved))
		return "not the bytes of the file";
	return NULL;
}

static const char *completed_whole(const struct record *record)
{
	const struct event *end = record->end;

	if (end->moved != record->step->length_bytes || (uint32_t)end->result != end->moved)
		return "complete, but not all bytes were moved";
	return NULL;
}

static const char *completed_poll(const struct record *record)
{
	uint32_t events = (uint32_t)record->end->result;

	if (record->step->flags & DUET_MULTISHOT)
		return "a multishot poll has no end of its own but a failure";
	if (!events || events & ~(record->step->value | POLLERR | POLLHUP))
		return "not the events that were asked for";
	return NULL;
}

static const char *completed_open(const struct record *record)
{
	if (record->step->object.kind == OBJECT_NONE)
		return "a file that isn't there was opened";
	return record->end->result || !record->end->made ? "no handle came with it" : NULL;
}

static const char *completed_plain(const struct record *record)
{
	const struct event *end = record->end;

	if (record->step->kind == DUET_TIMEOUT && end->at_ns < record->due_ns)
		return "before it was due";
	if (record->step->kind == DUET_CONNECT && record->step->target.kind == OBJECT_NONE)
		return "connected where nobody listens";
	return end->result || end->moved || end->made ? "a plain success has result 0" : NULL;
}

static const char *completed(const struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;

	if (end->cause != DUET_CAUSE_ITSELF)
		return "what is complete ended by itself";
	switch (record->step->kind) {
	case DUET_RECV:
	case DUET_RECVMSG:
		return completed_recv(judge, record);
	case DUET_SEND:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
	case DUET_WRITE:
		return completed_whole(record);
	case DUET_READ:
		return completed_read(judge, record);
	case DUET_POLL:
		return completed_poll(record);
	case DUET_ACCEPT:
	case DUET_SOCKET:
		return end->result || !end->made ? "no handle came with it" : NULL;
	case DUET_OPEN:
		return completed_open(record);
	default:
		return completed_plain(record);
	}
}

/* ---- The other dispositions. ---- */

/* Nobody listens there, or no longer; what stood in its queue then was reset. */
static bool connect_may_fail(const struct judge *judge, const struct record *record)
{
	struct object target = record->step->target;

	if (target.kind == OBJECT_NONE)
		return record->end->result == -ECONNREFUSED;
	return judge_before_end(record, judge_closed(judge, target)) &&
	       (record->end->result == -ECONNREFUSED || record->end->result == -ECONNRESET);
}

/* A socket is bound once, by whatever comes first; where there are no ports it listens only if it has
 * been bound, and what has connected never does. */
static bool set_up_may_fail(const struct judge *judge, const struct record *record)
{
	bool bound = false, other = false;

	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *each = &judge->records[judge->order[i]];
		uint8_t kind = each->step->kind;

		if (each == record || !object_same(each->step->object, record->step->object))
			continue;
		bound = bound || (kind == DUET_BIND && each->ended &&
				  each->ended < record->started);
		other = other || ((kind == DUET_BIND || kind == DUET_LISTEN || kind == DUET_CONNECT) &&
				  each->started < record->ended);
	}
	if (record->step->kind == DUET_BIND || record->step->object.kind != OBJECT_DIALER)
		return other;
	return other || (!bound && judge->script->dialers[record->step->object.index] ==
					   FAMILY_UNIX);
}

/* Something made it one, or brought one there, before that end. */
static bool may_be_directory(const struct judge *judge, const struct record *record,
			     struct object name)
{
	for (uint32_t i = 0; i < judge->order_count; i++) {
		const struct record *each = &judge->records[judge->order[i]];
		bool makes = each->step->kind == DUET_MKDIR &&
			     object_same(each->step->object, name);
		bool brings = each->step->kind == DUET_RENAME &&
			      object_same(each->step->target, name);

		if ((makes || brings) && each->started < record->ended &&
		    (!each->end || each->end->disposition == DUET_COMPLETED))
			return true;
	}
	return false;
}

static bool rename_may_fail(const struct judge *judge, const struct record *record)
{
	switch (record->end->result) {
	case -ENOENT:
		return true;
	case -EISDIR:
		return may_be_directory(judge, record, record->step->target);
	case -ENOTDIR:
		return may_be_directory(judge, record, record->step->object);
	default:
		return false;
	}
}

/* Of what is done to the same names before. A file's own name is always there; and of the others none
 * leads through a directory. */
static bool name_may_fail(const struct judge *judge, const struct record *record)
{
	const struct step *step = record->step;
	bool file = step->object.kind == OBJECT_FILE;
	int error = -record->end->result;

	switch (step->kind) {
	case DUET_STATX:
		return !file && (error == ENOENT || error == ELOOP);
	case DUET_UNLINK:
		return error == ENOENT || error == (step->value ? ENOTDIR : EISDIR);
	case DUET_RENAME:
		return rename_may_fail(judge, record);
	case DUET_LINK:
		return error == EEXIST || (error == ENOENT && !file) ||
		       (error == EPERM && may_be_directory(judge, record, step->object));
	default:
		return error == EEXIST;
	}
}

/* Is this error one that the script can provoke? */
static const char *provoked(const struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;
	struct object object = record->step->object;
	bool lost = object.kind == OBJECT_END && judge_before_end(record, judge_lost(judge,
							object_peer(object)));
	bool shut = object.kind == OBJECT_END && judge_over(judge, object);
	const char *never = "nothing in the script makes it fail";

	switch (record->step->kind) {
	case DUET_RECV:
	case DUET_RECVMSG:
		return lost && end->result == -ECONNRESET ? NULL : never;
	case DUET_SEND:
	case DUET_SENDMSG:
	case DUET_SEND_ZERO_COPY:
		return (lost && end->result == -ECONNRESET) ||
		       ((lost || shut) && end->result == -EPIPE) ? NULL : never;
	case DUET_SHUTDOWN:
		/* Of a TCP connection that both ends have shut nothing is left. */
		return end->result == -ENOTCONN && object.kind == OBJECT_END &&
		       judge_before_end(record, judge_silenced(judge, object_peer(object))) ? NULL
											: never;
	case DUET_BIND:
	case DUET_LISTEN:
		return end->result == -EINVAL && set_up_may_fail(judge, record) ? NULL : never;
	case DUET_OPEN:
		return object.kind == OBJECT_NONE && end->result == -ENOENT ? NULL : never;
	case DUET_CONNECT:
		return connect_may_fail(judge, record) ? NULL : never;
	case DUET_STATX:
	case DUET_MKDIR:
	case DUET_UNLINK:
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
		return name_may_fail(judge, record) ? NULL : never;
	default:
		return never;
	}
}

/* Is it one that the script injects? Each strikes once. */
static bool injected(struct judge *judge, const struct record *record, int error)
{
	const struct script *script = judge->script;

	for (uint32_t i = 0; i < script->fault_count; i++) {
		if (judge->struck[i] || script->faults[i].kind != record->step->kind ||
		    (error && script->faults[i].error != -error))
			continue;
		return judge->struck[i] = true;
	}
	return false;
}

static const char *own_error(struct judge *judge, const struct record *record)
{
	const char *why = provoked(judge, record);

	return why && injected(judge, record, record->end->result) ? NULL : why;
}

static const char *partial(struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;
	const struct step *step = record->step;
	bool whole_recv = step->kind == DUET_RECV && (step->flags & DUET_WHOLE);
	bool failing = end->result < 0 && end->cause == DUET_CAUSE_ITSELF;

	if (!whole_recv && !kind_sends(step->kind) && step->kind != DUET_WRITE)
		return "this kind is never partial";
	if (!end->moved || end->moved >= step->length_bytes)
		return "partial is more than nothing and less than all";
	if ((uint32_t)end->result != end->moved && !failing)
		return "result and bytes moved differ";
	if (end->cause != DUET_CAUSE_ITSELF)
		return was_requested(judge, record, end->cause) ? NULL : "nobody asked for its end";
	if (failing)
		return own_error(judge, record);
	if (whole_recv && !recv_at_end(judge, record))
		return "a whole receive ended short, but the other end is open";
	if (step->kind == DUET_WRITE && (uint64_t)step->offset_bytes + step->length_bytes <=
					SCRIPT_FILE_BYTES_MAX &&
	    !injected(judge, record, 0))
		return "a short write, and nothing in the script fills the disk";
	if (kind_sends(step->kind) && (step->flags & DUET_WHOLE))
		return "a whole send ended short without an error or a request";
	return NULL;
}

static const char *untouched(const struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;

	if (end->moved || end->made)
		return "untouched, but something came with it";
	if (record->step->kind == DUET_CLOSE)
		return "a close is never stopped";
	if (end->cause == DUET_CAUSE_ITSELF && record->step->kind == DUET_RECV &&
	    record->step->flags & DUET_WHOLE && end->result == 0)
		return recv_at_end(judge, record) ? NULL
						  : "end of the stream, but the other end is open";
	if (!is_stop(end))
		return "not the result of a stopped operation";
	return was_requested(judge, record, end->cause) ? NULL : "nobody asked for its end";
}

static const char *tainted(const struct judge *judge, const struct record *record)
{
	if (record->step->kind != DUET_CONNECT)
		return "only a connect taints";
	if (!is_stop(record->end))
		return "not the result of a stopped operation";
	return was_requested(judge, record, record->end->cause) ? NULL : "nobody asked for its end";
}

static const char *failed(struct judge *judge, const struct record *record)
{
	const struct event *end = record->end;

	if (end->cause != DUET_CAUSE_ITSELF || end->result >= 0 || end->moved || end->made)
		return "a failure has an error of its own, and nothing else";
	return own_error(judge, record);
}

void judge_end(struct judge *judge, const struct record *record)
{
	const char *why = "this disposition needs a scope or a caller who gives up";

	switch (record->end->disposition) {
	case DUET_COMPLETED:
		why = completed(judge, record);
		break;
	case DUET_PARTIAL:
		why = partial(judge, record);
		break;
	case DUET_UNTOUCHED:
		why = untouched(judge, record);
		break;
	case DUET_FAILED:
		why = failed(judge, record);
		break;
	case DUET_TAINTED:
		why = tainted(judge, record);
		break;
	default:
		break;
	}
	if (why)
		complain_end(judge, record, why);
}
