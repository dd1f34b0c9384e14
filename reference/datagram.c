/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/msghdr.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "reference/internal.h"

/*
 * Sockets that keep messages apart, as far as an operation can tell: UDP, which loses what doesn't fit, and
 * the two kinds of the unix family. A message stands in the ring of its receiver as a record: how long
 * it is, from where, and its bytes. There is no control data here, no urgent data, and no queue of errors.
 */

struct record {
	uint16_t bytes;
	uint16_t address_bytes;
};

#define RECORD_BYTES_MAX 8000u

_Static_assert(sizeof(struct record) + DUET_ADDRESS_BYTES + RECORD_BYTES_MAX < WORLD_SOCKET_BYTES,
	       "the longest message has a place in an empty ring");

static void pieces_move(struct world_node *node, const struct iovec *pieces, uint32_t count,
			uint32_t bytes, void (*move)(struct world_node *node, unsigned char *data,
						     uint32_t bytes))
{
	for (uint32_t i = 0; i < count && bytes; i++) {
		uint32_t part = pieces[i].iov_len < bytes ? (uint32_t)pieces[i].iov_len : bytes;

		move(node, pieces[i].iov_base, part);
		bytes -= part;
	}
}

static uint32_t pieces_length(const struct iovec *pieces, uint32_t count)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += pieces[i].iov_len;
	return bytes <= RECORD_BYTES_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* ---- Where to. ---- */

/* Of a connected one only its own peer is heard. */
static bool hears(const struct world_node *node, const struct world_node *from)
{
	return !node->target_bytes ||
	       address_meets(from, node->target, node->target_bytes);
}

static struct world_node *receiver(struct reference *world, const struct world_node *from,
				   const unsigned char *address, uint32_t address_bytes)
{
	struct world_node *node =
		address_owner(world, address, address_bytes, SOCK_DGRAM, false);

	return node && hears(node, from) ? node : NULL;
}

/* Who has room or not for what is sent without an address. */
static struct world_node *receiver_of(struct reference *world, const struct world_node *node)
{
	if (node->type == SOCK_SEQPACKET)
		return node->peer == NODE_NONE ? NULL : &world->nodes[node->peer];
	if (node->type == SOCK_DGRAM && node->family == AF_UNIX && node->target_bytes)
		return receiver(world, node, node->target, node->target_bytes);
	return NULL;
}

/* ---- Receive. ---- */

static void put_bytes(struct world_node *node, unsigned char *data, uint32_t bytes)
{
	socket_put(node, data, bytes);
}

static void skip_bytes(struct world_node *node, uint32_t bytes)
{
	node->first = (node->first + bytes) % WORLD_SOCKET_BYTES;
	node->used -= bytes;
	node->received += bytes;
}

static void say_header(struct duet_msghdr *header, const unsigned char *address,
		       const struct record *record, bool cut)
{
	if (!header)
		return;
	memcpy(&header->address, address, record->address_bytes);
	header->message.msg_namelen = record->address_bytes;
	header->message.msg_controllen = 0;
	header->message.msg_flags = cut ? MSG_TRUNC : 0;
}

static int take_record(struct world_node *node, const struct iovec *pieces, uint32_t count,
		       struct duet_msghdr *header)
{
	unsigned char address[DUET_ADDRESS_BYTES];
	struct record record;
	unsigned lifted;
	uint32_t bytes;

	socket_take(node, (unsigned char *)&record, sizeof(record));
	socket_take(node, address, record.address_bytes);
	bytes = pieces_length(pieces, count);
	if (bytes > record.bytes)
		bytes = record.bytes;
	lifted = duet_core_guard_lift_pieces(pieces, count);
	pieces_move(node, pieces, count, bytes, socket_take);
	duet_core_guard_lower_pieces(pieces, count, lifted);
	skip_bytes(node, record.bytes - bytes);
	say_header(header, address, &record, bytes < record.bytes);
	return (int)bytes;
}

int datagram_readable(const struct world_node *node)
{
	if (node->error)
		return node->error;
	if (node->used)
		return 1;
	return node->read_shut ? 0 : -EAGAIN;
}

static bool crowded(const struct world_node *node)
{
	return node->used >= WORLD_SOCKET_BYTES / 2;
}

/* There is room again, for any number of senders. */
static void tell_of_room(struct reference *world, const struct world_node *node)
{
	for (uint32_t i = 0; i < world->nodes_max; i++) {
		struct world_node *from = &world->nodes[i];

		if (from->kind == NODE_SOCKET && receiver_of(world, from) == node)
			from->news++;
	}
}

int datagram_recv(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, struct duet_msghdr *header)
{
	int found = world_readable(node);
	bool full = crowded(node);

	if (found < 0 && found == node->error)
		node->error = 0;
	if (found <= 0)
		return found;
	found = take_record(node, pieces, count, header);
	if (full && !crowded(node))
		tell_of_room(world, node);
	return found;
}

static void nothing_said(struct duet_msghdr *header)
{
	header->message.msg_namelen = 0;
	header->message.msg_controllen = 0;
	header->message.msg_flags = 0;
}

/* The bytes, or the error, are still there afterwards. */
static int peek(struct reference *world, struct world_node *node, const struct iovec *pieces,
		uint32_t count, struct duet_msghdr *header)
{
	uint32_t first = node->first, used = node->used;
	uint64_t received = node->received;
	int error = node->error;
	int n = world_recvmsg(world, node, pieces, count, header, 0);

	node->first = first;
	node->used = used;
	node->received = received;
	node->error = error;
	return n;
}

int world_recvmsg(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, struct duet_msghdr *header, int flags)
{
	nothing_said(header);
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (flags & MSG_ERRQUEUE)
		return world_events(world, node) & (POLLERR | POLLHUP | POLLRDHUP) ? WORLD_IN_VAIN : -EAGAIN;
	if (flags & MSG_OOB)
		return node->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
	if (flags & MSG_PEEK)
		return peek(world, node, pieces, count, header);
	if (node->type != SOCK_STREAM)
		return datagram_recv(world, node, pieces, count, header);
	return world_recv(world, node, pieces, count);
}

/* ---- Connect. ---- */

/* UDP has a port from the first time that it needs one. */
static void settle(struct reference *world, struct world_node *node)
{
	struct sockaddr_in6 any = { .sin6_family = node->family };
	uint32_t bytes = node->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(any);

	if (node->family != AF_UNIX && !node->address_bytes)
		world_bind(world, node, (unsigned char *)&any, &bytes);
}

int datagram_connect(struct reference *world, struct world_node *node,
		     const unsigned char *address, uint32_t address_bytes)
{
	if (!address_valid(node, address, address_bytes))
		return -EINVAL;
	settle(world, node);
	if (node->family == AF_UNIX && !receiver(world, node, address, address_bytes))
		return -ECONNREFUSED;
	memcpy(node->target, address, address_bytes);
	node->target_bytes = address_bytes;
	return 0;
}

/* ---- Send. ---- */

/* What the receiver is told: of a socket that is bound to any address, the one that it sends from. */
static uint32_t source(const struct world_node *node, unsigned char *address)
{
	struct sockaddr_in6 *six = (void *)address;
	struct sockaddr_in *four = (void *)address;

	memcpy(address, node->address, node->address_bytes);
	if (node->family != AF_UNIX && address_wild(address)) {
		if (node->family == AF_INET)
			four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		else
			six->sin6_addr = in6addr_loopback;
	}
	return node->address_bytes;
}

/* False: there is no place for it. */
static bool put_record(const struct world_node *from, struct world_node *node,
		       const struct iovec *pieces, uint32_t count)
{
	unsigned char address[DUET_ADDRESS_BYTES] = { 0 };
	struct record record = { (uint16_t)pieces_length(pieces, count), 0 };

	if (from->type == SOCK_DGRAM)
		record.address_bytes = (uint16_t)source(from, address);
	if (node->used + sizeof(record) + record.address_bytes + record.bytes > WORLD_SOCKET_BYTES)
		return false;
	socket_put(node, (unsigned char *)&record, sizeof(record));
	socket_put(node, address, record.address_bytes);
	pieces_move(node, pieces, count, record.bytes, put_bytes);
	return true;
}

/* Nobody is there. Over UDP who is connected hears of it by the next call. */
static int refused(struct world_node *node, uint32_t bytes)
{
	if (node->family == AF_UNIX)
		return -ECONNREFUSED;
	if (node->target_bytes) {
		node->error = -ECONNREFUSED;
		node->news++;
	}
	return (int)bytes;
}

static int deliver(struct reference *world, struct world_node *node, const struct iovec *pieces,
		   uint32_t count, const unsigned char *address, uint32_t address_bytes)
{
	bool addressed = address != node->target;
	struct world_node *there = receiver(world, node, address, address_bytes);
	uint32_t bytes = pieces_length(pieces, count);

	if (!there)
		return refused(node, bytes);
	if (there->read_shut)
		return node->family == AF_UNIX ? -EPIPE : (int)bytes;
	if (put_record(node, there, pieces, count) || node->family != AF_UNIX)
		return (int)bytes;
	return addressed ? WORLD_IN_VAIN : -EAGAIN;
}

static int send_anywhere(struct reference *world, struct world_node *node,
			 const struct iovec *pieces, uint32_t count, const unsigned char *address,
			 uint32_t address_bytes)
{
	int error = node->error;

	node->error = 0;
	if (error)
		return error;
	if (node->write_shut)
		return -EPIPE;
	if (!address_bytes)
		return node->family == AF_UNIX ? -ENOTCONN : -EDESTADDRREQ;
	if (!address_valid(node, address, address_bytes))
		return -EINVAL;
	if (pieces_length(pieces, count) == UINT32_MAX)
		return -EMSGSIZE;
	settle(world, node);
	return deliver(world, node, pieces, count, address, address_bytes);
}

/* Over a connection that keeps them apart. */
static int send_apart(struct reference *world, struct world_node *node,
		      const struct iovec *pieces, uint32_t count)
{
	uint32_t bytes = pieces_length(pieces, count);
	struct world_node *peer;
	int refusal = socket_send_refusal(node);

	if (refusal)
		return refusal;
	peer = node->peer == NODE_NONE ? NULL : &world->nodes[node->peer];
	if (!peer || peer->read_shut)
		return -EPIPE;
	if (bytes == UINT32_MAX)
		return -EMSGSIZE;
	return put_record(node, peer, pieces, count) ? (int)bytes : -EAGAIN;
}

int datagram_send(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count)
{
	if (node->type == SOCK_SEQPACKET)
		return send_apart(world, node, pieces, count);
	return send_anywhere(world, node, pieces, count, node->target, node->target_bytes);
}

int world_sendmsg(struct reference *world, struct world_node *node, const struct iovec *pieces,
		  uint32_t count, const struct duet_msghdr *header, int flags)
{
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (header->control_bytes || flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (node->type != SOCK_DGRAM && header->address_bytes && node->family == AF_UNIX)
		return node->phase == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (node->type == SOCK_DGRAM && header->address_bytes)
		return send_anywhere(world, node, pieces, count,
				     (const unsigned char *)&header->address,
				     header->address_bytes);
	return world_send(world, node, pieces, count);
}

/* Is there a place for more than a few? */
bool datagram_writable(struct reference *world, const struct world_node *node)
{
	const struct world_node *there = receiver_of(world, node);

	return !there || node->write_shut || node->error || there->read_shut || !crowded(there);
}
