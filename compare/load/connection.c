/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include "compare/load/pattern.h"
#include "compare/measure/window.h"

uint64_t connection_open_messages(const struct connection *connection,
				  const struct connection_run *run)
{
	return connection->begun - connection->received_bytes / run->answer_bytes;
}

/* An echo may begin before its message is whole, and an answer may not. */
uint64_t connection_owed_bytes(const struct connection *connection,
			       const struct connection_run *run)
{
	if (!connection->dialogue)
		return connection->sent_bytes;
	return connection->sent_bytes / run->size_bytes * run->answer_bytes;
}

static uint64_t due_ns(const struct connection *connection, const struct connection_run *run,
		       uint64_t nth)
{
	return schedule_due_ns(&run->schedule,
			       schedule_message(&run->schedule, connection->stream, nth));
}

static bool in_window(const struct connection_run *run, uint64_t at_ns)
{
	return at_ns > run->from_ns && at_ns <= run->until_ns;
}

/* Begins as many messages as the depth allows. The moment of meaning to send is what latency is
 * counted from, and not the moment at which the socket had room. */
static void begin_free(struct connection *connection, const struct connection_run *run,
		       uint64_t now_ns)
{
	while (connection_open_messages(connection, run) < run->depth)
		connection->stamps_ns[connection->begun++ % run->depth] = now_ns;
}

/* Begins what is due. The stamps that were taken are the server's doing, what else made us late is
 * our own. */
static void begin_due(struct connection *connection, struct connection_run *run, uint64_t now_ns)
{
	uint64_t until_ns = now_ns < run->until_ns ? now_ns : run->until_ns, at_ns;
	uint64_t due = schedule_count_of(&run->schedule, connection->stream, until_ns);
	uint64_t room = run->depth - connection_open_messages(connection, run);
	bool were_held = connection->held;

	for (; room && connection->begun < due; room--) {
		at_ns = due_ns(connection, run, connection->begun++);
		if (!in_window(run, at_ns))
			continue;
		if (were_held)
			run->held++;
		else
			histogram_record(&run->late, now_ns - at_ns);
	}
	connection->held = connection->begun < due;
}

void connection_begin(struct connection *connection, struct connection_run *run, uint64_t now_ns)
{
	if (!run->sending)
		return;
	if (run->schedule.rate_per_s)
		begin_due(connection, run, now_ns);
	else
		begin_free(connection, run, now_ns);
}

/* Messages whose first byte was among the bytes that have just gone out. */
static void stamp_sent(struct connection *connection, const struct connection_run *run,
		       uint64_t moved, uint64_t now_ns)
{
	uint64_t message = (connection->sent_bytes + run->size_bytes - 1) / run->size_bytes;

	for (; message * run->size_bytes < connection->sent_bytes + moved; message++)
		connection->stamps_ns[message % run->depth] = now_ns;
}

static const unsigned char *next_bytes(const struct connection *connection, size_t *available)
{
	if (connection->dialogue)
		return dialogue_at(connection->dialogue, connection->sent_bytes, available);
	return pattern_at(connection->stream, connection->sent_bytes, available);
}

int connection_send(struct connection *connection, struct connection_run *run, uint64_t now_ns)
{
	connection_begin(connection, run, now_ns);
	for (;;) {
		uint64_t due = connection->begun * run->size_bytes - connection->sent_bytes;
		size_t piece;
		const unsigned char *data = next_bytes(connection, &piece);
		ssize_t moved;

		connection->blocked = false;
		if (!due)
			return 0;
		if (piece > due)
			piece = (size_t)due;
		moved = send(connection->fd, data, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (moved < 0 && errno == EINTR)
			continue;
		if (moved < 0) {
			connection->blocked = errno == EAGAIN;
			return connection->blocked ? 0 : -errno;
		}
		if (run->schedule.rate_per_s)
			stamp_sent(connection, run, (uint64_t)moved, now_ns);
		connection->sent_bytes += (uint64_t)moved;
		run->moved_bytes += (uint64_t)moved;
	}
}

void connection_stop(struct connection *connection, const struct connection_run *run)
{
	connection->begun = (connection->sent_bytes + run->size_bytes - 1) / run->size_bytes;
}

static void record(const struct connection *connection, struct connection_run *run,
		   uint64_t message, uint64_t now_ns)
{
	uint64_t stamp_ns = connection->stamps_ns[message % run->depth], at_ns;

	run->answered_total++;
	run->answered += in_window(run, now_ns);
	if (!run->schedule.rate_per_s) {
		if (in_window(run, now_ns))
			histogram_record(&run->latency, now_ns - stamp_ns);
		return;
	}
	at_ns = due_ns(connection, run, message);
	if (!in_window(run, at_ns))
		return;
	histogram_record(&run->latency, now_ns - at_ns);
	histogram_record(&run->service, now_ns - stamp_ns);
}

static size_t wrong_bytes(const struct connection *connection, const unsigned char *data,
			  size_t length)
{
	if (connection->dialogue)
		return dialogue_wrong(connection->dialogue, connection->received_bytes, data,
				      length);
	return pattern_wrong(connection->stream, connection->received_bytes, data, length);
}

static void take(struct connection *connection, struct connection_run *run,
		 const unsigned char *data, size_t length)
{
	uint64_t before = connection->received_bytes / run->answer_bytes;
	uint64_t owed = connection_owed_bytes(connection, run);
	uint64_t surplus = connection->received_bytes + length > owed
		? connection->received_bytes + length - owed : 0;
	uint64_t now_ns = window_now_ns(), after;

	if (surplus > length)
		surplus = length;
	length -= (size_t)surplus;
	run->wrong_bytes += surplus;
	run->wrong_bytes += wrong_bytes(connection, data, length);
	connection->received_bytes += length;
	run->moved_bytes += length;
	after = connection->received_bytes / run->answer_bytes;
	for (; before < after; before++)
		record(connection, run, before, now_ns);
}

int connection_receive(struct connection *connection, struct connection_run *run)
{
	unsigned char data[65536];
	ssize_t moved;

	do {
		size_t most = connection->rationed && connection->allowed_bytes < sizeof(data)
			? (size_t)connection->allowed_bytes : sizeof(data);

		if (!most)
			return 0;
		moved = recv(connection->fd, data, most, MSG_DONTWAIT);
		if (moved > 0 && connection->rationed)
			connection->allowed_bytes -= (uint64_t)moved;
		if (moved > 0)
			take(connection, run, data, (size_t)moved);
	} while (moved == (ssize_t)sizeof(data) || (moved < 0 && errno == EINTR));
	if (!moved)
		connection->ended = true;
	return moved < 0 && errno != EAGAIN ? -errno : 0;
}
