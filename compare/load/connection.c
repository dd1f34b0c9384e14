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
	return connection->begun - connection->received_bytes / run->size_bytes;
}

/* Begins as many messages as the depth allows. The moment of meaning to send is what latency is
 * counted from, and not the moment at which the socket had room. */
static void begin_messages(struct connection *connection, const struct connection_run *run,
			   uint64_t now_ns)
{
	if (!run->sending)
		return;
	while (connection_open_messages(connection, run) < run->depth)
		connection->begun_ns[connection->begun++ % run->depth] = now_ns;
}

int connection_send(struct connection *connection, struct connection_run *run, uint64_t now_ns)
{
	begin_messages(connection, run, now_ns);
	for (;;) {
		uint64_t due = connection->begun * run->size_bytes - connection->sent_bytes;
		size_t piece;
		const unsigned char *data =
			pattern_at(connection->stream, connection->sent_bytes, &piece);
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
		connection->sent_bytes += (uint64_t)moved;
		run->moved_bytes += (uint64_t)moved;
	}
}

void connection_stop(struct connection *connection, const struct connection_run *run)
{
	connection->begun = (connection->sent_bytes + run->size_bytes - 1) / run->size_bytes;
}

static void take(struct connection *connection, struct connection_run *run,
		 const unsigned char *data, size_t length)
{
	uint64_t before = connection->received_bytes / run->size_bytes;
	uint64_t surplus = connection->received_bytes + length > connection->sent_bytes
		? connection->received_bytes + length - connection->sent_bytes : 0;
	uint64_t now_ns = window_now_ns(), after;

	if (surplus > length)
		surplus = length;
	length -= (size_t)surplus;
	run->wrong_bytes += surplus;
	run->wrong_bytes +=
		pattern_wrong(connection->stream, connection->received_bytes, data, length);
	connection->received_bytes += length;
	run->moved_bytes += length;
	after = connection->received_bytes / run->size_bytes;
	run->answered += after - before;
	for (; before < after; before++)
		histogram_record(&run->latency,
				 now_ns - connection->begun_ns[before % run->depth]);
}

int connection_receive(struct connection *connection, struct connection_run *run)
{
	unsigned char data[65536];
	ssize_t moved;

	do {
		moved = recv(connection->fd, data, sizeof(data), MSG_DONTWAIT);
		if (moved > 0)
			take(connection, run, data, (size_t)moved);
	} while (moved == (ssize_t)sizeof(data) || (moved < 0 && errno == EINTR));
	if (!moved)
		connection->ended = true;
	return moved < 0 && errno != EAGAIN ? -errno : 0;
}
