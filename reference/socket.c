/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>

#include "reference/internal.h"

/* Sockets as Linux has them, TCP and unix, as far as an operation can tell. What keeps messages apart is
 * asked of datagram.c where it differs. */

static struct world_node *socket_peer(struct reference *world, const struct world_node *node)
{
	return node->peer == NODE_NONE ? NULL : &world->nodes[node->peer];
}

int world_socket(struct reference *world, int domain, int type)
{
	struct world_node *node;

	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return -EAFNOSUPPORT;
	type &= ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (type != SOCK_STREAM && type != SOCK_DGRAM &&
	    (type != SOCK_SEQPACKET || domain != AF_UNIX))
		return -ESOCKTNOSUPPORT;
	node = world_node_take(world, NODE_SOCKET);
	if (!node)
		return -EMFILE;
	node->family = (uint16_t)domain;
	node->type = (uint8_t)type;
	return world_descriptor(world, node);
}

/* ---- Addresses. ---- */

static uint16_t *address_port(unsigned char *address)
{
	/* sin_port and sin6_port stand at the same place. */
	return &((struct sockaddr_in *)(void *)address)->sin_port;
}

static uint16_t address_family(const unsigned char *address)
{
	sa_family_t family;

	memcpy(&family, address, sizeof(family));
	return family;
}

bool address_wild(const unsigned char *address)
{
	static const unsigned char zero[16];
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	if (address_family(address) == AF_INET)
		return four->sin_addr.s_addr == 0;
	return memcmp(&six->sin6_addr, zero, sizeof(zero)) == 0;
}

/* Do a connect and a listener meet; or two binds collide? */
bool address_meets(const struct world_node *bound, const unsigned char *address,
		   uint32_t length_bytes)
{
	const struct sockaddr_in *a = (const void *)bound->address;
	const struct sockaddr_in *b = (const void *)address;

	if (!bound->address_bytes || bound->family != address_family(address))
		return false;
	if (bound->family == AF_UNIX)
		return bound->address_bytes == length_bytes &&
		       memcmp(bound->address, address, length_bytes) == 0;
	if (a->sin_port != b->sin_port)
		return false;
	if (address_wild(bound->address) || address_wild(address))
		return true;
	if (bound->family == AF_INET)
		return a->sin_addr.s_addr == b->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)bound->address)->sin6_addr,
		       &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16) == 0;
}

struct world_node *address_owner(struct reference *world, const unsigned char *address,
				 uint32_t length_bytes, int type, bool listening)
{
	for (uint32_t i = 0; i < world->nodes_max; i++) {
		struct world_node *node = &world->nodes[i];

		if (node->kind == NODE_SOCKET && node->type == type && !node->named &&
		    (!listening || node->phase == SOCKET_LISTENING) &&
		    address_meets(node, address, length_bytes))
			return node;
	}
	return NULL;
}

bool address_valid(const struct world_node *node, const unsigned char *address,
		   uint32_t length_bytes)
{
	if (length_bytes < sizeof(sa_family_t) || length_bytes > DUET_ADDRESS_BYTES ||
	    address_family(address) != node->family)
		return false;
	if (node->family == AF_INET)
		return length_bytes >= sizeof(struct sockaddr_in);
	if (node->family == AF_INET6)
		return length_bytes >= sizeof(struct sockaddr_in6);
	return length_bytes <= sizeof(struct sockaddr_un);
}

/* Port 0 and a unix address without a path: the world chooses, and says what. */
static void address_choose(struct reference *world, struct world_node *node,
			   unsigned char *address, uint32_t *length_bytes)
{
	struct sockaddr_un *local = (void *)address;

	if (node->family != AF_UNIX) {
		if (*address_port(address) == 0)
			*address_port(address) = htons(world->next_port++);
		return;
	}
	if (*length_bytes > sizeof(sa_family_t))
		return;
	memset(local->sun_path, 0, 6);
	for (uint32_t i = 0, number = world->next_port++; i < 5; i++, number /= 10)
		local->sun_path[1 + i] = (char)('0' + number % 10);
	*length_bytes = (uint32_t)sizeof(sa_family_t) + 6;
}

int world_bind(struct reference *world, struct world_node *node, unsigned char *address,
	       uint32_t *length_bytes)
{
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->address_bytes || !address_valid(node, address, *length_bytes))
		return -EINVAL;
	address_choose(world, node, address, length_bytes);
	if (address_owner(world, address, *length_bytes, node->type, false))
		return -EADDRINUSE;
	memcpy(node->address, address, *length_bytes);
	node->address_bytes = *length_bytes;
	return 0;
}

/* ---- Connections. ---- */

int world_listen(struct reference *world, struct world_node *node, int backlog)
{
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (node->phase == SOCKET_CONNECTED || (!node->address_bytes && node->family == AF_UNIX))
		return -EINVAL;
	if (!node->address_bytes) {
		struct sockaddr_in6 any = { .sin6_family = node->family };

		memcpy(node->address, &any, sizeof(any));
		node->address_bytes = sizeof(any);
		*address_port(node->address) = htons(world->next_port++);
	}
	node->phase = SOCKET_LISTENING;
	node->backlog = backlog < 1 ? 1 : (uint32_t)backlog;
	return 0;
}

static void listener_push(struct reference *world, struct world_node *listener,
			  struct world_node *node)
{
	uint32_t index = (uint32_t)(node - world->nodes);

	node->next = NODE_NONE;
	listener->news++;
	if (listener->queued++)
		world->nodes[listener->queue_last].next = index;
	else
		listener->queue_first = index;
	listener->queue_last = index;
}

static struct world_node *listener_pop(struct reference *world, struct world_node *listener)
{
	struct world_node *node;

	if (!listener->queued)
		return NULL;
	node = &world->nodes[listener->queue_first];
	listener->queue_first = node->next;
	listener->queued--;
	return node;
}

void world_join(struct reference *world, struct world_node *near, struct world_node *far)
{
	near->phase = far->phase = SOCKET_CONNECTED;
	near->peer = (uint32_t)(far - world->nodes);
	far->peer = (uint32_t)(near - world->nodes);
	near->connection = far->connection = ++world->connections;
	near->news++;
}

/* The accepted end is where the connect went; that which connects has a port of its own. */
static void name_ends(struct reference *world, struct world_node *node, struct world_node *far,
		      const unsigned char *address, uint32_t length_bytes)
{
	memcpy(far->address, address, length_bytes);
	far->address_bytes = length_bytes;
	far->named = true;
	if (node->family == AF_UNIX || node->address_bytes)
		return;
	memcpy(node->address, address, length_bytes);
	*address_port(node->address) = htons(world->next_port++);
	node->address_bytes = length_bytes;
	node->named = true;
}

int world_connect(struct reference *world, struct world_node *node, const unsigned char *address,
		  uint32_t length_bytes)
{
	struct world_node *listener, *far;

	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->type == SOCK_DGRAM)
		return datagram_connect(world, node, address, length_bytes);
	if (node->phase == SOCKET_CONNECTED)
		return -EISCONN;
	if (node->phase != SOCKET_FRESH || !address_valid(node, address, length_bytes))
		return -EINVAL;
	listener = address_owner(world, address, length_bytes, node->type, true);
	if (!listener)
		return -ECONNREFUSED;
	/* Linux queues one more than the backlog says. */
	if (listener->queued > listener->backlog)
		return -EAGAIN;
	far = world_node_take(world, NODE_SOCKET);
	if (!far)
		return -EAGAIN;
	far->family = node->family;
	far->type = node->type;
	name_ends(world, node, far, address, length_bytes);
	world_join(world, node, far);
	listener_push(world, listener, far);
	return 0;
}

int world_accept(struct reference *world, struct world_node *node)
{
	struct world_node *far;

	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (node->phase != SOCKET_LISTENING)
		return -EINVAL;
	far = listener_pop(world, node);
	return far ? world_descriptor(world, far) : -EAGAIN;
}

/* What a socket that was not bound itself has: of a unix one its family and no name. */
static void nameless(const struct world_node *node, struct sockaddr_storage *address,
		     socklen_t *length)
{
	static const socklen_t lengths[] = { [AF_INET] = sizeof(struct sockaddr_in),
		[AF_INET6] = sizeof(struct sockaddr_in6), [AF_UNIX] = sizeof(sa_family_t) };

	memset(address, 0, sizeof(*address));
	address->ss_family = node->family;
	*length = lengths[node->family];
}

int socket_address(struct reference *world, const struct world_node *node, bool peer,
		   struct sockaddr_storage *address, socklen_t *length)
{
	const struct world_node *named = peer ? socket_peer(world, node) : node;
	const unsigned char *found = named ? named->address : node->target;

	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (!named && !node->target_bytes)
		return -ENOTCONN;
	*length = named ? named->address_bytes : node->target_bytes;
	if (*length)
		memcpy(address, found, *length);
	else
		nameless(node, address, length);
	return 0;
}

/* The other end goes: what it sent stays readable, then comes the end, or the reset. */
static void socket_lose_peer(struct world_node *node, int error)
{
	node->peer = NODE_NONE;
	node->ended = true;
	node->news++;
	if (error)
		node->error = error;
}

void world_reset(struct reference *world, struct world_node *node)
{
	struct world_node *peer;

	if (node->kind != NODE_SOCKET || node->phase != SOCKET_CONNECTED)
		return;
	peer = socket_peer(world, node);
	if (peer)
		socket_lose_peer(peer, -ECONNRESET);
	socket_lose_peer(node, 0);
	node->write_shut = true;
}

void socket_close(struct reference *world, struct world_node *node)
{
	struct world_node *peer = socket_peer(world, node), *queued;

	/* Closing with unread bytes is how a reset is made on Linux, of TCP and unix alike. */
	if (peer)
		socket_lose_peer(peer, node->used ? -ECONNRESET : 0);
	while ((queued = listener_pop(world, node))) {
		peer = socket_peer(world, queued);
		if (peer)
			socket_lose_peer(peer, -ECONNRESET);
		world_node_give(world, queued);
	}
}

int world_shutdown(struct reference *world, struct world_node *node, int how)
{
	struct world_node *peer;

	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (node->phase == SOCKET_LISTENING) {
		node->phase = SOCKET_DEAD;
		node->news++;
		return 0;
	}
	if (node->phase != SOCKET_CONNECTED && !node->target_bytes &&
	    (node->type != SOCK_DGRAM || node->family != AF_UNIX))
		return -ENOTCONN;
	peer = socket_peer(world, node);
	node->news++;
	if (how != SHUT_WR)
		node->read_shut = true;
	if (how == SHUT_RD)
		return 0;
	node->write_shut = true;
	if (peer) {
		peer->ended = true;
		peer->news++;
	}
	return 0;
}

/* ---- Bytes. ---- */

int world_readable(const struct world_node *node)
{
	if (node->kind == NODE_FILE)
		return world_file_readable(node);
	if (node->kind == NODE_PIPE)
		return pipe_readable(node);
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->type == SOCK_DGRAM)
		return datagram_readable(node);
	if (node->phase != SOCKET_CONNECTED)
		return node->family == AF_UNIX ? -EINVAL : -ENOTCONN;
	if (node->used)
		return 1;
	if (node->error)
		return node->error;
	return node->ended || node->read_shut ? 0 : -EAGAIN;
}

uint32_t world_portion(struct reference *world, uint32_t bytes)
{
	if (bytes < 2 || !reference_draw(world, KNOB_SHORT))
		return bytes;
	return 1 + random_below(&world->random, bytes - 1);
}

static uint32_t pieces_bytes(const struct iovec *pieces, uint32_t count, uint32_t max)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += pieces[i].iov_len;
	return bytes < max ? (uint32_t)bytes : max;
}

void socket_take(struct world_node *node, unsigned char *data, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = node->data[(node->first + i) % WORLD_SOCKET_BYTES];
	node->first = (node->first + bytes) % WORLD_SOCKET_BYTES;
	node->used -= bytes;
	node->received += bytes;
}

void socket_put(struct world_node *node, const unsigned char *data, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		node->data[(node->first + node->used + i) % WORLD_SOCKET_BYTES] = data[i];
	node->used += bytes;
	node->news++;
}

/* There is room again for whoever found none. */
void socket_tell_of_room(struct reference *world, const struct world_node *node)
{
	struct world_node *peer = socket_peer(world, node);

	if (peer && node->used == WORLD_SOCKET_BYTES)
		peer->news++;
}

int world_recv(struct reference *world, struct world_node *node, const struct iovec *pieces,
	       uint32_t count)
{
	int found = world_readable(node);
	uint32_t bytes, left;

	if (node->kind == NODE_FILE)
		return world_file_recv(node, pieces, count);
	if (node->kind == NODE_SOCKET && node->type != SOCK_STREAM)
		return datagram_recv(world, node, pieces, count, NULL);
	if (found < 0 && found == node->error)
		node->error = 0;
	if (found <= 0)
		return found;
	socket_tell_of_room(world, node);
	bytes = left = world_portion(world, pieces_bytes(pieces, count, node->used));
	for (uint32_t i = 0; left; i++) {
		uint32_t part = pieces_bytes(&pieces[i], 1, left);
		bool lifted = duet_core_guard_lift(pieces[i].iov_base, pieces[i].iov_len);

		socket_take(node, pieces[i].iov_base, part);
		duet_core_guard_lower(pieces[i].iov_base, pieces[i].iov_len, lifted);
		left -= part;
	}
	return (int)bytes;
}

/* A send that has nobody to go to. */
static int send_to_nobody(struct world_node *node, const struct iovec *pieces, uint32_t count)
{
	/* TCP hears of it only by the answer to the first send. */
	if (node->family != AF_UNIX && !node->write_shut) {
		node->write_shut = true;
		return (int)pieces_bytes(pieces, count, WORLD_SOCKET_BYTES);
	}
	return -EPIPE;
}

int socket_send_refusal(struct world_node *node)
{
	int error = node->error;

	if (node->kind == NODE_PIPE)
		return pipe_refusal(node);
	if (node->kind != NODE_SOCKET)
		return -ENOTSOCK;
	if (node->phase != SOCKET_CONNECTED)
		return node->family == AF_UNIX ? -ENOTCONN : -EPIPE;
	if (node->write_shut)
		return -EPIPE;
	node->error = 0;
	if (error)
		node->write_shut = true;
	return error;
}

bool world_writable(struct reference *world, const struct world_node *node)
{
	const struct world_node *peer = socket_peer(world, node);

	if (node->kind == NODE_PIPE)
		return pipe_writable(world, node);
	if (node->kind == NODE_SOCKET && node->type != SOCK_STREAM)
		return datagram_writable(world, node);
	return node->kind != NODE_SOCKET || node->phase != SOCKET_CONNECTED || node->write_shut ||
	       node->error || !peer || peer->read_shut || peer->used < WORLD_SOCKET_BYTES;
}

static int send_bytes(struct reference *world, struct world_node *node,
		      const struct iovec *pieces, uint32_t count)
{
	int refusal = socket_send_refusal(node);
	struct world_node *peer = socket_peer(world, node);
	uint32_t bytes, left;

	if (node->kind == NODE_FILE)
		return world_file_send(node, pieces, count);
	if (refusal)
		return refusal;
	if (!peer || peer->read_shut)
		return send_to_nobody(node, pieces, count);
	bytes = pieces_bytes(pieces, count, WORLD_SOCKET_BYTES - peer->used);
	if (!bytes && pieces_bytes(pieces, count, 1))
		return -EAGAIN;
	bytes = left = world_portion(world, bytes);
	for (uint32_t i = 0; left; i++) {
		uint32_t part = pieces_bytes(&pieces[i], 1, left);

		socket_put(peer, pieces[i].iov_base, part);
		left -= part;
	}
	return (int)bytes;
}

int world_send(struct reference *world, struct world_node *node, const struct iovec *pieces,
	       uint32_t count)
{
	if (node->kind == NODE_SOCKET && node->type != SOCK_STREAM)
		return datagram_send(world, node, pieces, count);
	return send_bytes(world, node, pieces, count);
}

static uint32_t datagram_events(struct reference *world, const struct world_node *node)
{
	uint32_t events = world_readable(node) != -EAGAIN ? POLLIN : 0;

	if (node->error)
		events |= POLLERR;
	if (datagram_writable(world, node))
		events |= POLLOUT;
	return events;
}

uint32_t world_events(struct reference *world, const struct world_node *node)
{
	const struct world_node *peer = socket_peer(world, node);
	uint32_t events = 0;

	if (node->kind == NODE_FILE)
		return POLLIN | POLLOUT;
	if (node->kind == NODE_PIPE)
		return pipe_events(world, node);
	if (node->kind == NODE_OUTSIDE)
		return outside_events(node);
	if (node->type == SOCK_DGRAM)
		return datagram_events(world, node);
	if (node->phase == SOCKET_LISTENING)
		return node->queued ? POLLIN : 0;
	if (node->phase != SOCKET_CONNECTED)
		return POLLOUT | POLLHUP;
	if (world_readable(node) != -EAGAIN)
		events |= POLLIN;
	if (node->error)
		events |= POLLERR;
	if (node->ended)
		events |= POLLRDHUP;
	if (!peer || world_writable(world, node))
		events |= POLLOUT;
	if (node->ended && (node->write_shut || (node->family == AF_UNIX && !peer)))
		events |= POLLHUP;
	return events;
}
