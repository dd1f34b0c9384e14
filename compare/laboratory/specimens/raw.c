/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/raw.h"

#include <errno.h>
#include <string.h>

enum { TAKEN = 0xa5 };

const char *raw_wrong_name(enum raw_wrong wrong)
{
	static const char *const names[RAW_WRONG_COUNT] = {
		"bytes that came are lost",
		"memory is written that was taken back",
		"an operation that was freed is touched",
		"an operation was told what came for another",
		"an operation was stopped that nobody asked to end",
		"its end was requested, and it goes on",
		"its end was requested, and it never came",
		"what has come is never received",
		"the other end doesn't hear of the close",
		"no buffer is left, and nobody has one",
		"the other end gets what was written later",
	};

	return names[wrong];
}

void raw_violation(struct raw *raw, enum raw_wrong wrong)
{
	raw->violations |= 1u << wrong;
}

unsigned char raw_byte(const struct raw_connection *connection, uint32_t place)
{
	return (unsigned char)(connection->number * 101 + place * 7 + 1);
}

/* ---- Identity. ---- */

/* A freed slot is the next one's at once. */
static void slot_take(struct raw *raw, struct raw_op *op)
{
	while (raw->slots[op->slot])
		op->slot++;
	raw->slots[op->slot] = op;
}

void raw_slot_leave(struct raw *raw, struct raw_op *op)
{
	if (raw->slots[op->slot] == op)
		raw->slots[op->slot] = NULL;
}

struct raw_op *raw_op_new(struct raw *raw, uint32_t connection, uint32_t bytes)
{
	struct raw_op *op = &raw->ops[raw->op_count];
	bool first = !raw->op_count;

	*op = (struct raw_op){.connection = &raw->connections[connection],
			      .index = raw->op_count++,
			      .wanted = bytes,
			      .whole = first && raw->scene == RAW_WHOLE,
			      .chained = first && raw->scene == RAW_CHAINED,
			      .sends = raw->scene == RAW_ZERO_COPY,
			      .pending = true};
	slot_take(raw, op);
	return op;
}

uint64_t raw_identity(const struct raw *raw, const struct raw_op *op)
{
	switch (raw->mistake) {
	case RAW_NUMBER_KEYED:
		return (uint64_t)op->connection->fd;
	case RAW_NO_GENERATION:
		return op->slot;
	case RAW_BARE_POINTER:
		return (uint64_t)(uintptr_t)op;
	default:
		return (uint64_t)op->index << 8 | op->slot;
	}
}

/* The newest that has the number: that is what a table by number holds. */
static struct raw_op *find_number(struct raw *raw, uint64_t number)
{
	for (uint32_t i = raw->op_count; i-- > 0;)
		if (raw->ops[i].pending && (uint64_t)raw->ops[i].connection->fd == number)
			return &raw->ops[i];
	return NULL;
}

static struct raw_op *find_pointer(struct raw *raw, uint64_t pointer)
{
	struct raw_op *op = (struct raw_op *)(uintptr_t)pointer;

	if (!op->freed)
		return op->pending ? op : NULL;
	raw_violation(raw, RAW_TOUCHED);
	return NULL;
}

struct raw_op *raw_find(struct raw *raw, uint64_t identity)
{
	struct raw_op *op;

	if (raw->mistake == RAW_NUMBER_KEYED)
		return find_number(raw, identity);
	if (raw->mistake == RAW_BARE_POINTER)
		return find_pointer(raw, identity);
	op = raw->slots[identity % RAW_OPS];
	return op && raw_identity(raw, op) == identity ? op : NULL;
}

/* ---- The end of an operation. ---- */

void raw_ended(struct raw *raw, struct raw_op *op, int result)
{
	op->pending = false;
	op->result = result;
	raw_slot_leave(raw, op);
	raw->ended[raw->ended_count++] = op;
}

void raw_take_back(struct raw_op *op)
{
	op->over = op->taken = true;
	memset(op->memory, TAKEN, sizeof(op->memory));
}

/* Here two of the mistakes are: neither 0 nor "not found" says anything of the target. */
void raw_answered(struct raw *raw, struct raw_op *op, int answer)
{
	if (op->over)
		return;
	if (answer == -EALREADY && raw->mistake != RAW_NO_RETRY_ALREADY)
		raw->on->driver->cancel(raw, op);
	if ((answer >= 0 && raw->mistake == RAW_TRUST_CANCEL_ANSWER) ||
	    (answer == -ENOENT && raw->mistake == RAW_NOT_FOUND_IS_DONE))
		raw_take_back(op);
}

static void deliver(struct raw *raw, struct raw_op *op)
{
	struct raw_connection *connection = op->connection;

	if (connection->fd < 0 || op->sends)
		return;
	for (int i = 0; i < op->result; i++) {
		if (op->memory[i] != raw_byte(connection, connection->delivered))
			raw_violation(raw, RAW_CROSSED);
		connection->delivered++;
	}
	if (op->result < 0 && !op->asked)
		raw_violation(raw, op->result == -ENOBUFS ? RAW_NO_BUFFER : RAW_STOPPED);
}

void raw_told(struct raw *raw, struct raw_op *op)
{
	if (op->freed)
		raw_violation(raw, RAW_TOUCHED);
	if (op->over)
		return;
	op->over = true;
	deliver(raw, op);
	/* Whose memory it is now makes use of it. */
	if (op->sends)
		raw_take_back(op);
}

void raw_tell(struct raw *raw)
{
	for (uint32_t i = 0; i < raw->ended_count; i++)
		raw_told(raw, raw->ended[i]);
	raw->ended_count = 0;
}
