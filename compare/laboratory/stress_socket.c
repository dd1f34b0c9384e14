/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Kinds of the stress tier that work on sockets, or on nothing. Lanes are numbered streams: a byte that
 * was lost, doubled or another's is seen by its place. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/lane.h"
#include "compare/laboratory/tcp.h"

enum { PIECE = 256, WHOLE = 1024, SEND_WHOLE = 4096, SEND_ROOM = 2048, DUE_NS = 65536, BACKLOG = 512,
       NUMBER_MS = 1000, SEVERAL = 3 };

static int open_ends(struct lane *lane, int type)
{
	int pair[2], error;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		return -errno;
	error = lane_adopt(lane, pair[0]);
	lane->peer = pair[1];
	return error;
}

static int open_pair(struct lane *lane)
{
	return open_ends(lane, SOCK_STREAM);
}

/* ---- Nop, timeout, poll. ---- */

static void describe_nop(struct lane *lane)
{
	duet_op_nop(&lane->op);
}

static void describe_timeout(struct lane *lane)
{
	lane->place = account_clock_ns() + stress_below(&lane->stress->random, DUE_NS);
	duet_op_timeout(&lane->op, lane->place);
}

static void take_timeout(struct lane *lane)
{
	if (lane->op.disposition == DUET_COMPLETED && account_clock_ns() < lane->place)
		lane_violation(lane, VIOLATION_EFFECT, "it fired before it was due");
}

/* What is left in the lane's end, counted and compared. */
static uint64_t drain(struct lane *lane)
{
	unsigned char bytes[LANE_BYTES_MAX];
	uint64_t before = lane->delivered;
	ssize_t n;

	while ((n = recv(lane->witness, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (!stress_holds(lane, bytes, (size_t)n, lane->delivered))
			lane_violation(lane, VIOLATION_DATA, "behind byte %llu of the stream come "
				       "others than were sent", (unsigned long long)lane->delivered);
		lane->delivered += (uint64_t)n;
	}
	return lane->delivered - before;
}

/* What a cancelled one has left is taken away, mostly: else the next would not have to wait. */
static void begin_empty(struct lane *lane)
{
	if (lane->moved != lane->delivered && stress_below(&lane->stress->random, 4))
		drain(lane);
}

static void settle_stream(struct lane *lane)
{
	drain(lane);
	if (lane->moved != lane->delivered)
		lane_violation(lane, VIOLATION_BYTES, "%llu bytes sent, but %llu delivered or still "
			       "readable", (unsigned long long)lane->moved,
			       (unsigned long long)lane->delivered);
}

static void describe_poll(struct lane *lane)
{
	begin_empty(lane);
	duet_op_poll(&lane->op, lane->handle, POLLIN);
}

static void take_poll(struct lane *lane)
{
	if (lane->op.result > 0 && !drain(lane))
		lane_violation(lane, VIOLATION_EFFECT, "input is said to be there, and is not");
}

static void send_bytes(struct lane *lane, uint32_t bytes)
{
	ssize_t n = send(lane->peer, stress_pattern(lane, lane->moved), bytes,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	lane->moved += n > 0 ? (uint64_t)n : 0;
}

static void send_byte(struct lane *lane)
{
	send_bytes(lane, 1);
}

static void send_piece(struct lane *lane)
{
	send_bytes(lane, 1 + stress_below(&lane->random, PIECE));
}

/* ---- Receives. ---- */

static void describe_recv(struct lane *lane)
{
	begin_empty(lane);
	duet_op_recv(&lane->op, lane->handle, lane->data, PIECE, 0);
}

static void describe_recv_whole(struct lane *lane)
{
	duet_op_recv(&lane->op, lane->handle, lane->data, WHOLE, DUET_WHOLE);
}

static void describe_recv_pooled(struct lane *lane)
{
	begin_empty(lane);
	duet_op_recv_pooled(&lane->op, lane->handle, lane->stress->pool, 0);
}

static void describe_recv_multishot(struct lane *lane)
{
	duet_op_recv_pooled(&lane->op, lane->handle, lane->stress->pool, DUET_MULTISHOT);
}

static void describe_recv_copied(struct lane *lane)
{
	begin_empty(lane);
	duet_op_recv_buffer(&lane->op, lane->handle,
			    duet_buffer_copied(lane->data, PIECE, lane->stress->staging), 0);
}

static void deliver(struct lane *lane, const unsigned char *data)
{
	uint32_t bytes = lane->op.transferred;

	if (!stress_holds(lane, data, bytes, lane->delivered))
		lane_violation(lane, VIOLATION_DATA, "of %u bytes delivered behind byte %llu one is not "
			       "what was sent", bytes, (unsigned long long)lane->delivered);
	lane->delivered += bytes;
}

static void take_bytes(struct lane *lane)
{
	if (lane->op.transferred)
		deliver(lane, lane->data);
}

static void take_buffer(struct lane *lane)
{
	if (!lane->op.transferred)
		return;
	deliver(lane, lane->op.buffer.data);
	if (duet_buffer_return(lane->stress->loop, &lane->op.buffer))
		lane_violation(lane, VIOLATION_POOL, "a received buffer can't be returned");
}

/* ---- With a header: a descriptor comes with each piece. ---- */

static void describe_recvmsg(struct lane *lane)
{
	begin_empty(lane);
	lane->header.control = lane->control;
	lane->header.control_room_bytes = sizeof(lane->control);
	duet_op_recvfrom(&lane->op, lane->handle, lane->data, PIECE, &lane->header);
}

static void send_descriptor(struct lane *lane)
{
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
	struct duet_msghdr header = { .control = control, .control_room_bytes = sizeof(control) };
	struct iovec piece = { (void *)(uintptr_t)stress_pattern(lane, lane->moved),
			       1 + stress_below(&lane->random, PIECE) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n;

	duet_msghdr_put_descriptors(&header, &lane->peer, 1);
	n = sendmsg(lane->peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	lane->moved += n > 0 ? (uint64_t)n : 0;
}

/* Of a piece that is received in parts the first has it. */
static void take_message(struct lane *lane)
{
	unsigned count;
	const int *came = duet_msghdr_descriptors(&lane->header, &count);

	if (lane->header.flags & MSG_CTRUNC)
		lane_violation(lane, VIOLATION_DESCRIPTORS, "more than one descriptor came at once");
	for (unsigned i = 0; i < count; i++)
		close(came[i]);
	take_bytes(lane);
}

/* What came after a cancel is in the buffer that stood in for the memory. */
static void take_copied(struct lane *lane)
{
	if (lane->op.buffer.regime == DUET_REGIME_MOVED)
		take_buffer(lane);
	else
		take_bytes(lane);
}

/* ---- Past our memory: into a pipe, and read from there. ---- */

static int open_spliced(struct lane *lane)
{
	int pipe[2], error = open_pair(lane);

	if (error || lane->output.generation)
		return error;
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	lane->outlet = pipe[0];
	error = duet_handle_adopt(lane->stress->loop, pipe[1], 0, &lane->output);
	if (error)
		close(pipe[1]);
	return error;
}

static void describe_splice(struct lane *lane)
{
	begin_empty(lane);
	duet_splice_init(&lane->splice, lane->handle, lane->output);
	duet_op_splice(&lane->op, &lane->splice, PIECE, 0);
}

static void take_spliced(struct lane *lane)
{
	unsigned char bytes[PIECE];
	ssize_t n = read(lane->outlet, bytes, sizeof(bytes));

	if ((n > 0 ? (uint32_t)n : 0) != lane->op.transferred)
		lane_violation(lane, VIOLATION_BYTES, "%d bytes came out of the pipe, and %u were moved",
			       (int)n, lane->op.transferred);
	else if (n > 0)
		deliver(lane, bytes);
}

/* ---- Sends: into a socket with little room, of which the other side reads. ---- */

static int open_small_ends(struct lane *lane, int type)
{
	int room = SEND_ROOM, error = open_ends(lane, type);

	return error || !setsockopt(lane->witness, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room))
		       ? error : -errno;
}

static int open_small(struct lane *lane)
{
	return open_small_ends(lane, SOCK_STREAM);
}

static int open_small_datagram(struct lane *lane)
{
	return open_small_ends(lane, SOCK_DGRAM);
}

/* Here `delivered` are those that the lane has sent and `moved` those that came out. */
static void fill(struct lane *lane)
{
	ssize_t n;

	do {
		n = send(lane->witness, stress_pattern(lane, lane->delivered), PIECE,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		lane->delivered += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
}

static void describe_sending(struct lane *lane, uint32_t bytes, unsigned flags)
{
	memcpy(lane->data, stress_pattern(lane, lane->delivered), bytes);
	duet_op_send(&lane->op, lane->handle, lane->data, bytes, flags);
}

static void describe_send(struct lane *lane)
{
	if (stress_below(&lane->stress->random, 4))
		fill(lane);
	describe_sending(lane, PIECE, 0);
}

static void describe_sendmsg(struct lane *lane)
{
	if (stress_below(&lane->stress->random, 4))
		fill(lane);
	memcpy(lane->data, stress_pattern(lane, lane->delivered), PIECE);
	duet_op_sendto(&lane->op, lane->handle, lane->data, PIECE, &lane->header);
}

static void describe_send_whole(struct lane *lane)
{
	if (stress_below(&lane->stress->random, 2))
		fill(lane);
	describe_sending(lane, SEND_WHOLE, DUET_WHOLE);
}

static void take_sent(struct lane *lane)
{
	lane->delivered += lane->op.transferred;
}

static void read_all(struct lane *lane)
{
	unsigned char bytes[LANE_BYTES_MAX];
	ssize_t n;

	while ((n = recv(lane->peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		lane->misread |= !stress_holds(lane, bytes, (size_t)n, lane->moved);
		lane->moved += (uint64_t)n;
	}
}

static void settle_sends(struct lane *lane)
{
	read_all(lane);
	if (lane->misread)
		lane_violation(lane, VIOLATION_DATA, "other bytes than were sent came out");
	lane->misread = false;
	if (lane->moved != lane->delivered)
		lane_violation(lane, VIOLATION_BYTES, "%llu bytes are said to be sent, but %llu came "
			       "out", (unsigned long long)lane->delivered,
			       (unsigned long long)lane->moved);
}

/* ---- The same without a copy: over TCP, where the memory comes back later. ---- */

static int open_tcp(struct lane *lane)
{
	int pair[2], error = tcp_pair(pair, SEND_ROOM);

	if (error)
		return error;
	error = lane_adopt(lane, pair[0]);
	lane->peer = pair[1];
	return error;
}

static void describe_zero_copy(struct lane *lane)
{
	if (stress_below(&lane->stress->random, 4))
		fill(lane);
	memcpy(lane->data, stress_pattern(lane, lane->delivered), PIECE);
	duet_op_send_zero_copy(&lane->op, lane->handle, lane->data, PIECE, 0);
}

/* Once, of the two times that it is said. */
static void take_result(struct lane *lane)
{
	if (lane->op.more)
		take_sent(lane);
}

/* A peer's system that puts off its acknowledgements would keep the memory for 40 ms. */
static void read_tcp(struct lane *lane)
{
	int now = 1;

	read_all(lane);
	setsockopt(lane->peer, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
}

static void settle_zero_copies(struct lane *lane)
{
	struct pollfd there = { .fd = lane->peer, .events = POLLIN };

	do
		read_tcp(lane);
	while (lane->moved < lane->delivered && poll(&there, 1, 1000) == 1);
	settle_sends(lane);
}

/* ---- Accept. Each connection brings its number. ---- */

static int open_listener(struct lane *lane)
{
	struct sockaddr family = { .sa_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* An address of the kernel's own choice. */
	if (fd >= 0 && (bind(fd, &family, sizeof(family.sa_family)) || listen(fd, BACKLOG))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return lane_adopt(lane, fd);
}

static void bring_connection(struct lane *lane)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	uint32_t number = lane->made + 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (!getsockname(lane->witness, (struct sockaddr *)&address, &length) &&
	    !connect(fd, (struct sockaddr *)&address, length) &&
	    send(fd, &number, sizeof(number), MSG_NOSIGNAL) == (ssize_t)sizeof(number))
		lane->made = number;
	close(fd);
}

static void bring_several(struct lane *lane)
{
	if (!lane->acts || (lane->acts < SEVERAL && !stress_below(&lane->random, 3)))
		bring_connection(lane);
}

/* The next one; of those between nobody has heard. */
static void count_connection(struct lane *lane, int fd)
{
	struct pollfd sender = { .fd = fd, .events = POLLIN };
	uint32_t number = 0;

	/* Who connects says its number right after. */
	poll(&sender, 1, NUMBER_MS);
	if (recv(fd, &number, sizeof(number), MSG_DONTWAIT) != (ssize_t)sizeof(number) ||
	    number <= lane->accepted)
		lane_violation(lane, VIOLATION_CONNECTIONS, "behind connection %u comes %u",
			       lane->accepted, number);
	else
		lane->stress->skipped += number - lane->accepted - 1;
	lane->accepted = number;
	close(fd);
}

static void empty_backlog(struct lane *lane)
{
	struct pollfd listener = { .fd = lane->witness, .events = POLLIN };

	while (poll(&listener, 1, 0) == 1 && listener.revents & POLLIN) {
		int fd = accept4(lane->witness, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		count_connection(lane, fd);
	}
}

/* As begin_empty() does. */
static void begin_alone(struct lane *lane)
{
	if (lane->made != lane->accepted && stress_below(&lane->stress->random, 4))
		empty_backlog(lane);
}

static void describe_accept(struct lane *lane)
{
	begin_alone(lane);
	duet_op_accept(&lane->op, lane->handle, 0);
}

static void describe_accept_multishot(struct lane *lane)
{
	duet_op_accept(&lane->op, lane->handle, DUET_MULTISHOT);
}

static void take_connection(struct lane *lane)
{
	int fd;

	if (lane->op.result < 0)
		return;
	if (!lane->op.made.generation)
		return;
	fd = duet_handle_release(lane->stress->loop, lane->op.made);
	if (fd < 0)
		lane_violation(lane, VIOLATION_CONNECTIONS, "the accepted handle is none: %s",
			       duet_error_name(fd));
	else
		count_connection(lane, fd);
}

static void settle_connections(struct lane *lane)
{
	empty_backlog(lane);
	lane->stress->skipped += lane->made - lane->accepted;
	lane->accepted = lane->made;
}

/* ---- Connect: over TCP, each time by another socket. ---- */

static int begin_connect(struct stress *stress)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(stress->address);

	stress->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stress->listener < 0 || bind(stress->listener, (struct sockaddr *)&any, sizeof(any)) ||
	    listen(stress->listener, BACKLOG) ||
	    getsockname(stress->listener, (struct sockaddr *)&stress->address, &length))
		return -errno;
	return 0;
}

static void end_connect(struct stress *stress)
{
	if (stress->listener >= 0)
		close(stress->listener);
}

/* Its close is a reset: else a million of them would wait for their last packets. */
static int open_socket(struct lane *lane)
{
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	error = duet_handle_adopt(lane->stress->loop, fd, 0, &lane->handle);
	if (error)
		close(fd);
	return error;
}

static void describe_connect(struct lane *lane)
{
	const struct sockaddr_in *address = &lane->stress->address;

	duet_op_connect(&lane->op, lane->handle, (const struct sockaddr *)address,
			sizeof(*address));
}

static void take_connect(struct lane *lane)
{
	lane->stress->connected += lane->op.disposition == DUET_COMPLETED;
	lane->stress->doubtful += lane->op.disposition == DUET_TAINTED;
}

static void answer(struct lane *lane)
{
	int fd;

	while ((fd = accept4(lane->stress->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		atomic_fetch_add(&lane->stress->arrived, 1);
		close(fd);
	}
}

/* Whom a connect completed for must be there. Of one that was stopped nobody knows: it is tainted. */
static void settle_connects(struct lane *lane)
{
	struct stress *stress = lane->stress;
	uint32_t arrived;

	if (lane->index)
		return;
	answer(lane);
	arrived = atomic_exchange(&stress->arrived, 0);
	if (arrived < stress->connected || arrived > stress->connected + stress->doubtful)
		lane_violation(lane, VIOLATION_CONNECTIONS, "%u connections arrived, but %u connects "
			       "completed and %u were stopped half-way", arrived,
			       (unsigned)stress->connected, (unsigned)stress->doubtful);
	stress->connected = stress->doubtful = 0;
}

const struct stress_kind STRESS_SOCKETS[] = {
	{ .name = "nop", .kind = DUET_NOP, .lanes = LANES_MAX, .what = "nothing to be done",
	  .describe = describe_nop },
	{ .name = "timeout", .kind = DUET_TIMEOUT, .lanes = LANES_MAX, .what = "due within 66 us",
	  .describe = describe_timeout, .take = take_timeout },
	{ .name = "poll", .kind = DUET_POLL, .lanes = LANES_MAX,
	  .what = "for input, on a unix stream that brings a byte", .open = open_pair,
	  .describe = describe_poll, .act = send_byte, .take = take_poll,
	  .settle = settle_stream },
	{ .name = "accept", .kind = DUET_ACCEPT, .lanes = LANES_MAX, .what = "from a unix listener",
	  .open = open_listener, .describe = describe_accept, .act = bring_connection,
	  .take = take_connection, .settle = settle_connections },
	{ .name = "accept-multishot", .kind = DUET_ACCEPT, .lanes = LANES_MAX / 4,
	  .traits = STRESS_REPEATS | STRESS_ENDLESS, .what = "the same, until it is stopped",
	  .open = open_listener, .describe = describe_accept_multishot,
	  .act = bring_several, .take = take_connection, .settle = settle_connections },
	{ .name = "connect", .kind = DUET_CONNECT, .lanes = LANES_MAX, .traits = STRESS_ONCE,
	  .what = "over TCP, to a listener with room", .begin = begin_connect, .end = end_connect,
	  .open = open_socket, .describe = describe_connect, .act = answer, .take = take_connect,
	  .settle = settle_connects },
	{ .name = "recv", .kind = DUET_RECV, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "from a unix stream", .open = open_pair, .describe = describe_recv,
	  .act = send_piece, .take = take_bytes, .settle = settle_stream },
	{ .name = "recv-whole", .kind = DUET_RECV, .lanes = LANES_MAX / 4, .bytes = WHOLE,
	  .traits = STRESS_REPEATS, .what = "until 1024 bytes are there, in pieces",
	  .open = open_pair, .describe = describe_recv_whole, .act = send_piece,
	  .take = take_bytes, .settle = settle_stream },
	{ .name = "recv-pooled", .kind = DUET_RECV, .lanes = LANES_MAX,
	  .what = "into one of 8 buffers of a pool", .open = open_pair,
	  .describe = describe_recv_pooled, .act = send_piece, .take = take_buffer,
	  .settle = settle_stream },
	{ .name = "recv-multishot", .kind = DUET_RECV, .lanes = LANES_MAX / 4,
	  .traits = STRESS_REPEATS | STRESS_ENDLESS, .what = "the same, until it is stopped",
	  .open = open_pair, .describe = describe_recv_multishot, .act = send_piece,
	  .take = take_buffer, .settle = settle_stream },
	{ .name = "recv-copied", .kind = DUET_RECV, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "copied, and so free at the cancel", .open = open_pair,
	  .describe = describe_recv_copied, .act = send_piece, .take = take_copied,
	  .settle = settle_stream },
	{ .name = "send", .kind = DUET_SEND, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "into a unix stream that is full, mostly", .open = open_small,
	  .describe = describe_send, .act = read_all, .take = take_sent, .settle = settle_sends },
	{ .name = "send-whole", .kind = DUET_SEND, .lanes = LANES_MAX / 4, .bytes = SEND_WHOLE,
	  .traits = STRESS_REPEATS, .what = "4 KiB into a stream that takes less at once",
	  .open = open_small, .describe = describe_send_whole, .act = read_all, .take = take_sent,
	  .settle = settle_sends },
	{ .name = "recvmsg", .kind = DUET_RECVMSG, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "with a descriptor, from a unix stream", .open = open_pair,
	  .describe = describe_recvmsg, .act = send_descriptor, .take = take_message,
	  .settle = settle_stream },
	{ .name = "sendmsg", .kind = DUET_SENDMSG, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "into a unix stream that is full, mostly", .open = open_small,
	  .describe = describe_sendmsg, .act = read_all, .take = take_sent,
	  .settle = settle_sends },
	{ .name = "sendmsg-datagram", .kind = DUET_SENDMSG, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "of a datagram, to a unix socket that is full, mostly",
	  .open = open_small_datagram, .describe = describe_sendmsg, .act = read_all,
	  .take = take_sent, .settle = settle_sends },
	{ .name = "splice", .kind = DUET_SPLICE, .lanes = LANES_MAX,
	  .what = "from a unix stream into a pipe", .open = open_spliced,
	  .describe = describe_splice, .act = send_piece, .take = take_spliced,
	  .settle = settle_stream },
	{ .name = "send-zero-copy", .kind = DUET_SEND_ZERO_COPY, .lanes = LANES_MAX, .bytes = PIECE,
	  .what = "into a TCP stream that is full, mostly", .open = open_tcp,
	  .describe = describe_zero_copy, .act = read_tcp, .take = take_result,
	  .settle = settle_zero_copies },
	{ 0 },
};
