/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/backend.h"
#include "core/dump.h"
#include "core/guard.h"
#include "core/loan.h"
#include "core/offload.h"
#include "core/operation.h"
#include "core/owned.h"
#include "core/resolve.h"
#include "core/scope.h"
#include "core/splice.h"
#include "core/tasks/task.h"
#include "core/waits.h"

/* "Why is my loop still alive?": a line of text for each thing that keeps it so. */

enum { SCOPES_NAMED = 4 };

struct dump {
	const struct duet_loop *loop;
	uint64_t now_ns;
	void (*line)(void *context, const char *text);
	void *context;
	unsigned told;
};

struct line {
	char text[640];
	size_t length;
};

static __attribute__((format(printf, 2, 3))) void add(struct line *line, const char *format, ...)
{
	const size_t room = sizeof(line->text) - line->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void tell(struct dump *dump, const char *text)
{
	dump->told++;
	dump->line(dump->context, text);
}

/* ---- What it is, and on what. ---- */

static long long in_us(const struct dump *dump, uint64_t due_ns)
{
	return (long long)(int64_t)(due_ns - dump->now_ns) / 1000;
}

static void add_input(struct line *line, const struct dump *dump, const struct duet_op *op)
{
	const duet_handle from = op->args.io.splice->from;
	const struct duet_slot *slot = duet_core_slot_of(dump->loop, from);

	add(line, " from handle %u.%u", from.slot, from.generation);
	if (slot)
		add(line, " fd %d", slot->fd);
}

static void add_name(struct line *line, const struct dump *dump, const struct duet_op *op)
{
	const struct duet_slot *slot = duet_core_slot_of(dump->loop, op->handle);

	if (core_kind(op)->wait) {
		line->length += core_wait_describe(op, line->text, sizeof(line->text));
		return;
	}
	add(line, "%s %p", duet_kind_name((enum duet_kind)op->kind), (const void *)op);
	if (core_kind(op)->line != LINE_NONE || op->kind == DUET_CLOSE)
		add(line, " handle %u.%u", op->handle.slot, op->handle.generation);
	if (slot && (core_kind(op)->line != LINE_NONE || op->kind == DUET_CLOSE))
		add(line, " fd %d", slot->fd);
	if (op->kind == DUET_SPLICE)
		add_input(line, dump, op);
	add(line, " %s", core_state_name((enum core_state)op->state));
}

static void add_age(struct line *line, const struct dump *dump, const struct duet_op *op)
{
	struct core_stamp began;
	uint32_t units;

	memcpy(&began, &op->stamp, sizeof(began));
	units = (uint32_t)(dump->now_ns >> CORE_STAMP_SHIFT) - began.time;
	add(line, ", %llu ms old, since turn %u",
	    (unsigned long long)(((uint64_t)units << CORE_STAMP_SHIFT) / 1000000), began.turn);
}

static void add_regime(struct line *line, const struct duet_op *op)
{
	if (op->flags & DUET_POOLED)
		add(line, ", from pool %u with %u of %u buffers free", op->args.io.pool->id,
		    op->args.io.pool->free_count, op->args.io.pool->count);
	else if (core_lends(op))
		add(line, ", %u bytes %s", op->args.io.length_bytes,
		    duet_regime_name(core_loan_regime(op)));
}

/* ---- Where it is. ---- */

static bool stands_in(const struct core_queue *queue, const struct duet_op *op)
{
	const struct duet_op *at = queue->first;

	while (at && at != op)
		at = at->queued;
	return at;
}

static const char *waiting_for(const struct duet_loop *loop, const struct duet_op *op)
{
	if (stands_in(&loop->backlog, op))
		return "waits for room at the backend";
	if (op->kind == DUET_CLOSE)
		return "waits for the others on its handle to end";
	if (op->flags & DUET_POOLED && op->kind == DUET_RECV &&
	    stands_in(&op->args.io.pool->starved, op))
		return "waits for a buffer";
	return "behind another on its handle";
}

static const char *place_in_wait(const struct duet_op *op)
{
	/* What is there is the other thread's to know. */
	if (op->args.wait.away)
		return "with another loop";
	return op->args.wait.in_line == WAIT_HELD ? "held there" : "in line there";
}

static void add_way(struct line *line, const struct dump *dump, const struct duet_op *op)
{
	const struct duet_loop *loop = dump->loop;
	char words[80] = "";

	if (op->flags & DUET_MULTISHOT && op->kind < DUET_IO_KIND_COUNT)
		add(line, ", multishot");
	if (op->state == STATE_ENDED)
		add(line, ", to be told");
	else if (op->state == STATE_WAITING)
		add(line, ", %s", waiting_for(loop, op));
	else if (core_kind(op)->wait)
		add(line, ", %s", place_in_wait(op));
	else if (op->kind == DUET_TIMEOUT)
		add(line, ", due in %lld us", in_us(dump, op->args.timeout.due_ns));
	else if (op->kind == DUET_WORK)
		add(line, ", %s", core_work_place(loop, op));
	else if (op->kind == DUET_RESOLVE)
		add(line, ", %s", core_work_place(loop, core_resolve_work(op)));
	else if (loop->backend->dump && !core_kind(op)->begin) {
		loop->backend->dump(loop, op, words, sizeof(words));
		add(line, ", %s", words);
	}
}

/* ---- How it is to end, and whose it is. ---- */

static void add_end(struct line *line, const struct dump *dump, const struct duet_op *op)
{
	if (op->deadline_ns != DUET_NO_DEADLINE)
		add(line, ", deadline in %lld us", in_us(dump, op->deadline_ns));
	if (op->request == REQUEST_PAUSE)
		add(line, ", pausing");
	else if (core_owned_is_abandoned(dump->loop, op))
		add(line, ", abandoned");
	else if (op->request)
		add(line, ", asked to end by %s", duet_cause_name((enum duet_cause)op->request));
}

static void add_scopes(struct line *line, const struct duet_scope *scope)
{
	for (unsigned i = 0; scope && i < SCOPES_NAMED; i++) {
		add(line, "%s %p", i ? " of" : ", in scope", (const void *)scope);
		scope = scope->member.scope;
	}
	if (scope)
		add(line, " ...");
}

static void add_owner(struct line *line, const struct duet_op *op)
{
	const struct duet_task *task = core_task_of(op);
	const char *name = task && task->name ? task->name : "unnamed";

	if (!task) {
		line->length += core_guard_describe(op, line->text + line->length,
						    sizeof(line->text) - line->length);
		add_scopes(line, core_scope_of(op));
		return;
	}
	add(line, ", for %s %s", task->model->name, name);
	if (task->site)
		add(line, " at %s:%d", task->site->file, task->site->line);
	add_scopes(line, task->member.scope);
}

/* ---- All of it. ---- */

static void dump_op(struct dump *dump, const struct duet_op *op)
{
	struct line line = {.length = 0};

	line.length = core_scope_describe(op, line.text, sizeof(line.text));
	if (line.length) {
		add_age(&line, dump, op);
		add_scopes(&line, ((const struct duet_scope *)op->context)->member.scope);
		tell(dump, line.text);
		return;
	}
	add_name(&line, dump, op);
	add_age(&line, dump, op);
	add_regime(&line, op);
	add_way(&line, dump, op);
	add_end(&line, dump, op);
	add_owner(&line, op);
	tell(dump, line.text);
}

static void dump_line(struct dump *dump, const struct duet_op *head)
{
	const struct duet_op *op = head;

	if (!op)
		return;
	do {
		if (!core_splice_is_place(op))
			dump_op(dump, op);
		op = op->next;
	} while (op != head);
}

/* What keeps a loop without operations in flight from ending. */
static void dump_untold(struct dump *dump)
{
	const struct duet_loop *loop = dump->loop;
	bool posted = atomic_load_explicit(&loop->posted, memory_order_relaxed);

	for (const struct duet_op *op = loop->done.first; op; op = op->queued)
		dump_op(dump, op);
	if (loop->deferred_first || posted)
		tell(dump, "messages wait to be delivered");
	if (loop->visitors)
		tell(dump, "operations of other loops wait here");
}

static void tell_loan(void *context, const char *text)
{
	tell(context, text);
}

void duet_loop_dump(const struct duet_loop *loop, void (*line)(void *context, const char *text),
		    void *context)
{
	struct dump dump = {.loop = loop, .line = line, .context = context};

	/* Whoever asks may have been away from the loop, or in a callback, for long. */
	dump.now_ns = loop->clock((struct duet_loop *)(uintptr_t)loop);
	for (uint32_t i = 0; i < loop->handles_max; i++) {
		dump_line(&dump, loop->slots[i].reads);
		dump_line(&dump, loop->slots[i].writes);
		dump_line(&dump, loop->slots[i].others);
	}
	for (uint32_t i = 0; i < loop->entries_max; i++)
		if (loop->entries[i].op && (core_kind(loop->entries[i].op)->line == LINE_NONE ||
					    loop->entries[i].op->state == STATE_HOLDING))
			dump_op(&dump, loop->entries[i].op);
	dump_untold(&dump);
	core_loans_dump(loop, tell_loan, &dump);
	if (!dump.told)
		line(context, "nothing is pending");
}

/* ---- Asked for from outside. ---- */

static void write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

/* A line in one piece, so that those of several loops stay whole. */
static void write_line(void *context, const char *text)
{
	struct line line = {.length = 0};

	add(&line, "duet: %.600s\n", text);
	write_all(*(const int *)context, line.text, line.length);
}

void core_dump_asked(struct duet_loop *loop)
{
	const int kept = errno;
	int fd = atomic_exchange(&loop->dump_asked, 0) - 1;
	char text[160];

	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "loop %p (%s), turn %u: %u pending", (const void *)loop,
		 loop->backend->name, loop->began.turn, loop->pending);
	write_line(&fd, text);
	duet_loop_dump(loop, write_line, &fd);
	errno = kept;
}

void duet_loop_ask_dump(struct duet_loop *loop, int fd)
{
	static const char unheard[] =
		"duet: the loop has not heard the request before this one: it is held by a callback, "
		"or nobody takes its turns\n";
	const int kept = errno;

	if (fd < 0)
		return;
	if (atomic_exchange(&loop->dump_asked, fd + 1))
		write_all(fd, unheard, sizeof(unheard) - 1);
	duet_loop_wake(loop);
	errno = kept;
}
