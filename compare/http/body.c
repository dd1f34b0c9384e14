/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * An answer on its way: while one piece of the file is sent the next one is read, so that a connection
 * never holds more than two of them, however large the file is and however slow the client. The file is
 * the one that was opened: one that takes its name meanwhile is the next request's. If it gets longer,
 * the rest isn't sent; if it gets shorter, the promised length can't be kept, and the connection ends
 * in its place.
 */
#include <duet/loop.h>
#include <duet/operation.h>
#include <sys/uio.h>

#include "compare/http/connection.h"

static void go_on(struct connection *connection);

static void on_read(struct duet_op *op)
{
	struct connection *connection = op->context;

	connection->reading = false;
	if (op->result <= 0) {
		connection->server->cut += !op->result;
		connection->failed = true;
	} else {
		connection->pieces[(connection->reads - 1) % PIECES].bytes = op->transferred;
		connection->offset_bytes += op->transferred;
		connection->unread_bytes -= op->transferred;
	}
	go_on(connection);
}

static void on_closed(struct duet_op *op)
{
	struct connection *connection = op->context;

	connection->closing = false;
	connection->file = DUET_HANDLE_NONE;
	go_on(connection);
}

static void on_sent(struct duet_op *op)
{
	struct connection *connection = op->context;
	struct piece *piece = &connection->pieces[(connection->sends - 1) % PIECES];

	connection->sending = false;
	connection->sent_bytes += op->transferred;
	connection->head_bytes = 0;
	piece->bytes = 0;
	if (op->disposition != DUET_COMPLETED) {
		connection->server->lost++;
		connection->failed = true;
	}
	go_on(connection);
}

/* What can't begin, as when all ends, is no use any more. */
static bool start(struct connection *connection, struct duet_op *op, duet_done_fn *done)
{
	op->done = done;
	if (!duet_op_start(connection->server->door.loop, op))
		return true;
	connection->failed = true;
	return false;
}

static void read_next(struct connection *connection)
{
	struct piece *piece = &connection->pieces[connection->reads % PIECES];
	uint64_t bytes = connection->unread_bytes;

	if (bytes > sizeof(piece->data))
		bytes = sizeof(piece->data);
	duet_op_read(&connection->work, connection->file, piece->data, bytes,
		     connection->offset_bytes);
	connection->reads++;
	connection->reading = start(connection, &connection->work, on_read);
}

static void close_file(struct connection *connection)
{
	duet_op_close(&connection->work, connection->file);
	connection->closing = start(connection, &connection->work, on_closed);
	if (!connection->closing)
		connection->file = DUET_HANDLE_NONE; /* it ends with the loop */
}

static void send_next(struct connection *connection)
{
	struct duet_loop *loop = connection->server->door.loop;
	struct piece *piece = &connection->pieces[connection->sends % PIECES];
	struct iovec parts[2];
	unsigned int count = 0;

	if (connection->head_bytes)
		parts[count++] = (struct iovec){ connection->head, connection->head_bytes };
	if (piece->bytes)
		parts[count++] = (struct iovec){ piece->data, piece->bytes };
	duet_op_send_vector(&connection->guest.op, connection->guest.handle, parts, count,
			    DUET_WHOLE);
	duet_op_deadline(&connection->guest.op,
			 duet_loop_now_ns(loop) + connection->server->options->patience_ns);
	connection->sends++;
	connection->sending = start(connection, &connection->guest.op, on_sent);
}

/* The head waits for the first piece, to go out with it. */
static bool has_to_send(const struct connection *connection)
{
	if (connection->pieces[connection->sends % PIECES].bytes)
		return true;
	return connection->head_bytes && !connection->unread_bytes && !connection->reading;
}

static void go_on(struct connection *connection)
{
	const bool open = connection->file.generation != 0;
	const struct piece *next = &connection->pieces[connection->reads % PIECES];
	bool idle = !connection->reading && !connection->closing;

	if (idle && open && (connection->failed || !connection->unread_bytes))
		close_file(connection);
	else if (idle && open && !next->bytes)
		read_next(connection);
	if (!connection->sending && !connection->failed && has_to_send(connection))
		send_next(connection);
	if (!connection->reading && !connection->closing && !connection->sending &&
	    !connection->file.generation && (connection->failed || !has_to_send(connection)))
		connection_answered(connection);
}

void body_begin(struct connection *connection)
{
	connection->reads = connection->sends = 0;
	connection->pieces[0].bytes = connection->pieces[1].bytes = 0;
	connection->reading = connection->closing = connection->sending = false;
	connection->failed = false;
	go_on(connection);
}
