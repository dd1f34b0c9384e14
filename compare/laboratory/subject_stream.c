/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that move bytes of a stream. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"
#include "compare/laboratory/tcp.h"

enum { WHOLE_BYTES = SCENE_PIECE, SEND_WHOLE_BYTES = 256 << 10 };

static int prepare_ends(struct scene *scene, int type)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		return -errno;
	scene->run.peer = pair[1];
	return scene_adopt(scene, pair[0]);
}

static int prepare_pair(struct scene *scene)
{
	return prepare_ends(scene, SOCK_STREAM);
}

/* ---- Receives. ---- */

static void peer_sends(struct scene *scene, uint32_t bytes)
{
	ssize_t n;

	scene_pattern(scene->scratch, bytes, scene->run.sent);
	n = send(scene->run.peer, scene->scratch, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	scene->run.sent += n > 0 ? (uint64_t)n : 0;
}

static void bring_some(struct scene *scene)
{
	peer_sends(scene, 1 + scene_random(scene, SCENE_PIECE));
}

/* Two arrivals, so that a multishot has a second item under way when it is stopped. */
static void bring_twice(struct scene *scene)
{
	bring_some(scene);
	bring_some(scene);
}

static int prepare_half(struct scene *scene)
{
	int error = prepare_pair(scene);

	if (!error)
		peer_sends(scene, 1 + scene_random(scene, WHOLE_BYTES - 1));
	return error;
}

static void bring_rest(struct scene *scene)
{
	peer_sends(scene, WHOLE_BYTES - (uint32_t)scene->run.sent);
}

static void describe_recv(struct scene *scene)
{
	scene_lend(scene, SCENE_PIECE);
	duet_op_recv(&scene->run.target, scene->run.handle, scene->data, SCENE_PIECE, 0);
}

static void describe_recv_whole(struct scene *scene)
{
	scene_lend(scene, WHOLE_BYTES);
	duet_op_recv(&scene->run.target, scene->run.handle, scene->data, WHOLE_BYTES, DUET_WHOLE);
}

static void describe_recv_pooled(struct scene *scene)
{
	duet_op_recv_pooled(&scene->run.target, scene->run.handle, scene->pool, 0);
}

static void describe_recv_multishot(struct scene *scene)
{
	duet_op_recv_pooled(&scene->run.target, scene->run.handle, scene->pool, DUET_MULTISHOT);
}

/* None left is refused by the start, as a buffer of no pool. */
static void describe_recv_moved(struct scene *scene)
{
	struct duet_buffer buffer = { .pool = DUET_POOL_NONE, .regime = DUET_REGIME_MOVED };

	duet_buffer_take(scene->taken, &buffer);
	duet_op_recv_buffer(&scene->run.target, scene->run.handle, buffer, 0);
}

static void describe_recv_copied(struct scene *scene)
{
	duet_op_recv_buffer(&scene->run.target, scene->run.handle,
			    duet_buffer_copied(scene->data, SCENE_PIECE, scene->taken), 0);
}

static void block_with_recv(struct scene *scene, struct duet_op *op)
{
	duet_op_recv(op, scene->run.handle, scene->scratch, 1, 0);
}

static void deliver(struct scene *scene, const unsigned char *data, uint32_t bytes)
{
	if (!scene_pattern_holds(data, bytes, scene->run.delivered))
		scene_violation(scene, VIOLATION_DATA, "of %u bytes delivered one is not what was sent",
				bytes);
	scene->run.delivered += bytes;
}

static void take_bytes(struct scene *scene)
{
	deliver(scene, scene->data, scene->run.target.transferred);
}

static void take_buffer(struct scene *scene)
{
	const struct duet_op *op = &scene->run.target;

	if (!op->transferred)
		return;
	deliver(scene, op->buffer.data, op->transferred);
	duet_buffer_return(scene->loop, &op->buffer);
}

/* It is back whatever came. */
static void take_moved(struct scene *scene)
{
	const struct duet_op *op = &scene->run.target;

	deliver(scene, op->buffer.data, op->transferred);
	duet_buffer_return(scene->loop, &op->buffer);
}

/* What came after the cancel is in the buffer that stood in for the memory. */
static void take_copied(struct scene *scene)
{
	const struct duet_op *op = &scene->run.target;

	if (op->buffer.regime == DUET_REGIME_MOVED)
		take_moved(scene);
	else
		take_bytes(scene);
}

static void account_recv(struct scene *scene)
{
	account_drain(scene, scene->run.witness);
}

/* ---- The same with a header, and a descriptor beside the bytes. ---- */

static void describe_recvmsg(struct scene *scene)
{
	scene_lend(scene, SCENE_PIECE);
	scene->run.header.control = scene->run.control;
	scene->run.header.control_room_bytes = sizeof(scene->run.control);
	duet_op_recvfrom(&scene->run.target, scene->run.handle, scene->data, SCENE_PIECE,
			 &scene->run.header);
}

/* Of the two only the bytes stay readable for whoever receives without a header. */
static void bring_descriptor(struct scene *scene)
{
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
	struct duet_msghdr header = { .control = control, .control_room_bytes = sizeof(control) };
	uint32_t bytes = 1 + scene_random(scene, SCENE_PIECE);
	struct iovec piece = { scene->scratch, bytes };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n;

	scene_pattern(scene->scratch, bytes, scene->run.sent);
	duet_msghdr_put_descriptors(&header, &scene->run.peer, 1);
	n = sendmsg(scene->run.peer, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	scene->run.sent += n > 0 ? (uint64_t)n : 0;
}

static void take_message(struct scene *scene)
{
	unsigned count;
	const int *came = duet_msghdr_descriptors(&scene->run.header, &count);

	if (scene->run.target.transferred && count != 1)
		scene_violation(scene, VIOLATION_DESCRIPTORS, "with %u bytes came %u descriptors",
				scene->run.target.transferred, count);
	for (unsigned i = 0; i < count; i++)
		close(came[i]);
	take_bytes(scene);
}

/* ---- The same past our memory: into a pipe, and read from there. ---- */

static int prepare_splice(struct scene *scene)
{
	int error = prepare_pair(scene), pipe[2];

	if (error)
		return error;
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	scene->run.held = pipe[0];
	error = duet_handle_adopt(scene->loop, pipe[1], 0, &scene->run.output);
	if (error)
		close(pipe[1]);
	return error;
}

static int prepare_splice_half(struct scene *scene)
{
	int error = prepare_splice(scene);

	if (!error)
		peer_sends(scene, 1 + scene_random(scene, WHOLE_BYTES - 1));
	return error;
}

static void describe_splicing(struct scene *scene, uint32_t bytes, unsigned flags)
{
	duet_splice_init(&scene->run.splice, scene->run.handle, scene->run.output);
	duet_op_splice(&scene->run.target, &scene->run.splice, bytes, flags);
}

static void describe_splice(struct scene *scene)
{
	describe_splicing(scene, SCENE_PIECE, 0);
}

static void describe_splice_whole(struct scene *scene)
{
	describe_splicing(scene, WHOLE_BYTES, DUET_WHOLE);
}

/* As many as it says must have come out, and no others. */
static void take_spliced(struct scene *scene)
{
	ssize_t n = read(scene->run.held, scene->data, SCENE_BYTES_MAX);
	uint32_t came = n > 0 ? (uint32_t)n : 0;

	if (came != scene->run.target.transferred)
		scene_violation(scene, VIOLATION_BYTES, "%u bytes came out of the pipe, and %u were "
				"moved", came, scene->run.target.transferred);
	deliver(scene, scene->data, came);
}

/* ---- Sends. ---- */

static void fill(struct scene *scene)
{
	ssize_t n;

	do {
		scene_pattern(scene->scratch, SCENE_PIECE, scene->run.sent);
		n = send(scene->run.witness, scene->scratch, SCENE_PIECE,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		scene->run.sent += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
}

static int prepare_filled(struct scene *scene, int type)
{
	int error = prepare_ends(scene, type);

	if (!error)
		fill(scene);
	return error;
}

static int prepare_full(struct scene *scene)
{
	return prepare_filled(scene, SOCK_STREAM);
}

static int prepare_full_datagram(struct scene *scene)
{
	return prepare_filled(scene, SOCK_DGRAM);
}

static void describe_sending(struct scene *scene, uint32_t bytes, unsigned flags)
{
	scene_pattern(scene->data, bytes, scene->run.sent);
	scene_lend(scene, bytes);
	duet_op_send(&scene->run.target, scene->run.handle, scene->data, bytes, flags);
}

static void describe_send(struct scene *scene)
{
	describe_sending(scene, SCENE_PIECE, 0);
}

static void describe_sendmsg(struct scene *scene)
{
	scene_pattern(scene->data, SCENE_PIECE, scene->run.sent);
	scene_lend(scene, SCENE_PIECE);
	duet_op_sendto(&scene->run.target, scene->run.handle, scene->data, SCENE_PIECE,
		       &scene->run.header);
}

static void describe_send_whole(struct scene *scene)
{
	describe_sending(scene, SEND_WHOLE_BYTES, DUET_WHOLE);
}

/* The blocker's bytes never go: the socket is full before. */
static void block_with_send(struct scene *scene, struct duet_op *op)
{
	fill(scene);
	duet_op_send(op, scene->run.handle, scene->scratch, 1, 0);
}

static void drain_peer(struct scene *scene)
{
	account_drain(scene, scene->run.peer);
}

static void take_sent(struct scene *scene)
{
	scene->run.sent += scene->run.target.transferred;
}

/* ---- A send whose memory comes back after its result: over TCP, as nothing else here keeps it. ---- */

/* What is on its way to the peer makes room again: full is when nothing more does. */
static int prepare_full_tcp(struct scene *scene)
{
	struct pollfd room = { .events = POLLOUT };
	int pair[2], error = tcp_pair(pair, SCENE_PIECE);

	if (error)
		return error;
	scene->run.peer = pair[1];
	error = scene_adopt(scene, pair[0]);
	room.fd = scene->run.witness;
	if (!error)
		do
			fill(scene);
		while (poll(&room, 1, 5) == 1);
	return error;
}

static void describe_send_zero_copy(struct scene *scene)
{
	scene_pattern(scene->data, SCENE_PIECE, scene->run.sent);
	scene_lend(scene, SCENE_PIECE);
	duet_op_send_zero_copy(&scene->run.target, scene->run.handle, scene->data, SCENE_PIECE, 0);
}

/* Its result says it first, and its end again. */
static void take_result(struct scene *scene)
{
	if (scene->run.target.more)
		take_sent(scene);
}

/* The network brings them one after the other. */
static void drain_tcp(struct scene *scene)
{
	struct pollfd there = { .fd = scene->run.peer, .events = POLLIN };

	do
		account_drain(scene, scene->run.peer);
	while (scene->run.delivered + scene->run.readable < scene->run.sent &&
	       poll(&there, 1, 1000) == 1);
}

const struct subject SUBJECTS_STREAM[] = {
	{ .name = "recv", .kind = DUET_RECV, .what = "from a unix stream", .prepare = prepare_pair,
	  .describe = describe_recv, .block = block_with_recv, .satisfy = bring_some,
	  .take = take_bytes, .account = account_recv },
	{ .name = "recv-whole", .kind = DUET_RECV, .traits = SUBJECT_HALFWAY,
	  .what = "until 4096 bytes are there, of which some have come", .prepare = prepare_half,
	  .describe = describe_recv_whole, .satisfy = bring_rest, .take = take_bytes,
	  .account = account_recv },
	{ .name = "recv-pooled", .kind = DUET_RECV, .what = "into a buffer of a pool",
	  .prepare = prepare_pair, .describe = describe_recv_pooled, .block = block_with_recv,
	  .satisfy = bring_some, .take = take_buffer, .account = account_recv },
	{ .name = "recv-multishot", .kind = DUET_RECV, .what = "the same, until it is stopped",
	  .prepare = prepare_pair, .describe = describe_recv_multishot, .block = block_with_recv,
	  .satisfy = bring_twice, .take = take_buffer, .account = account_recv },
	{ .name = "recv-moved", .kind = DUET_RECV, .what = "into a buffer that was moved in",
	  .prepare = prepare_pair, .describe = describe_recv_moved, .block = block_with_recv,
	  .satisfy = bring_some, .take = take_moved, .account = account_recv },
	{ .name = "recv-copied", .kind = DUET_RECV, .what = "copied, and so free at the cancel",
	  .prepare = prepare_pair, .describe = describe_recv_copied, .block = block_with_recv,
	  .satisfy = bring_some, .take = take_copied, .account = account_recv },
	{ .name = "send", .kind = DUET_SEND, .what = "into a full unix stream",
	  .prepare = prepare_full, .describe = describe_send, .block = block_with_send,
	  .satisfy = drain_peer, .take = take_sent, .account = drain_peer },
	{ .name = "send-whole", .kind = DUET_SEND, .traits = SUBJECT_HALFWAY,
	  .what = "256 KiB into a stream that takes less at once", .prepare = prepare_pair,
	  .describe = describe_send_whole, .block = block_with_send, .satisfy = drain_peer,
	  .take = take_sent, .account = drain_peer },
	{ .name = "recvmsg", .kind = DUET_RECVMSG, .what = "with a descriptor, from a unix stream",
	  .prepare = prepare_pair, .describe = describe_recvmsg, .block = block_with_recv,
	  .satisfy = bring_descriptor, .take = take_message, .account = account_recv },
	{ .name = "sendmsg", .kind = DUET_SENDMSG, .what = "into a full unix stream",
	  .prepare = prepare_full, .describe = describe_sendmsg, .block = block_with_send,
	  .satisfy = drain_peer, .take = take_sent, .account = drain_peer },
	{ .name = "sendmsg-datagram", .kind = DUET_SENDMSG,
	  .what = "of a datagram, to a unix socket that is full",
	  .prepare = prepare_full_datagram, .describe = describe_sendmsg,
	  .block = block_with_send, .satisfy = drain_peer, .take = take_sent,
	  .account = drain_peer },
	{ .name = "send-zero-copy", .kind = DUET_SEND_ZERO_COPY,
	  .what = "into a full TCP stream, without a copy", .prepare = prepare_full_tcp,
	  .describe = describe_send_zero_copy, .block = block_with_send, .satisfy = drain_tcp,
	  .take = take_result, .account = drain_tcp },
	{ .name = "splice", .kind = DUET_SPLICE, .what = "from a unix stream into a pipe",
	  .prepare = prepare_splice, .describe = describe_splice, .block = block_with_recv,
	  .satisfy = bring_some, .take = take_spliced, .account = account_recv },
	{ .name = "splice-whole", .kind = DUET_SPLICE, .traits = SUBJECT_HALFWAY,
	  .what = "until 4096 bytes are moved, of which some have been",
	  .prepare = prepare_splice_half, .describe = describe_splice_whole, .satisfy = bring_rest,
	  .take = take_spliced, .account = account_recv },
	{ 0 },
};
