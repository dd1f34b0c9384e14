/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/twins/player.h"

/* ---- Setting the stage. ---- */

static int domain_of(uint8_t family)
{
	return family == FAMILY_TCP ? AF_INET : AF_UNIX;
}

static int make_socket(struct player *player, uint8_t family, struct prop *prop)
{
	struct chore chore;
	int result;

	chore_init(&chore);
	duet_op_socket(&chore.op, domain_of(family), SOCK_STREAM, 0);
	result = chore_run(player, &chore);
	if (result < 0)
		return player_fail(player, "make a socket", result);
	*prop = (struct prop){ .handle = chore.op.made, .live = true };
	return 0;
}

void place_anywhere(uint8_t family, struct place *place)
{
	memset(place, 0, sizeof(*place));
	place->any.sa_family = (sa_family_t)domain_of(family);
	place->length = sizeof(sa_family_t);
	if (family == FAMILY_TCP) {
		place->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		place->length = sizeof(place->in);
	}
}

static int bind_anywhere(struct player *player, uint8_t family, const struct prop *prop,
			 struct place *place)
{
	struct chore chore;
	int result;

	place_anywhere(family, place);
	chore_init(&chore);
	duet_op_bind(&chore.op, prop->handle, &place->any, place->length);
	result = chore_run(player, &chore);
	if (result < 0)
		return player_fail(player, "bind a socket", result);
	memcpy(&place->any, duet_op_address(&chore.op, &place->length), sizeof(place->local));
	return 0;
}

static int make_listener(struct player *player, uint8_t family, struct prop *prop,
			 struct place *place)
{
	struct chore chore;
	int result = make_socket(player, family, prop);

	if (!result)
		result = bind_anywhere(player, family, prop, place);
	if (result)
		return result;
	chore_init(&chore);
	duet_op_listen(&chore.op, prop->handle, 16);
	result = chore_run(player, &chore);
	return result < 0 ? player_fail(player, "listen", result) : 0;
}

/* It is tried as the script says, small segments go out at once, and a small socket is full soon. */
static void adjust_end(struct player *player, unsigned end)
{
	static const unsigned flags[TRY_COUNT] = { [TRY_NEVER] = DUET_HANDLE_TRY_NEVER,
		[TRY_ALWAYS] = DUET_HANDLE_TRY_ALWAYS };
	duet_handle handle = player->ends[end].handle;
	int fd = duet_handle_fd(player->loop, handle), on = 1, bytes = 2048;

	if (player->script->tries[end / 2])
		duet_handle_set_flags(player->loop, handle, flags[player->script->tries[end / 2]]);
	if (!player->arm->kernel)
		return;
	if (player->script->connections[end / 2] == FAMILY_TCP)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* Only what is sent: a TCP receiver with less than a segment of room drops, and its sender
	 * tries again ever later. */
	if (player->script->small[end / 2])
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int make_connection(struct player *player, unsigned index)
{
	uint8_t family = player->script->connections[index];
	struct prop *a = &player->ends[index * 2], *b = a + 1;
	struct place *place = &player->porter_places[family];
	struct chore accept, connect;
	int result = make_socket(player, family, a);

	if (result)
		return result;
	chore_init(&accept);
	chore_init(&connect);
	duet_op_accept(&accept.op, player->porters[family].handle, 0);
	duet_op_connect(&connect.op, a->handle, &place->any, place->length);
	chore_start(player, &accept);
	result = chore_run(player, &connect);
	if (result < 0)
		return player_fail(player, "connect", result);
	result = chore_await(player, &accept);
	if (result < 0)
		return player_fail(player, "accept", result);
	*b = (struct prop){ .handle = accept.op.made, .live = true };
	adjust_end(player, index * 2);
	adjust_end(player, index * 2 + 1);
	return 0;
}

/* Sockets of the stage that serve one family. */
static int make_family(struct player *player, uint8_t family)
{
	int result = make_listener(player, family, &player->porters[family],
		&player->porter_places[family]);

	if (!result)
		result = make_socket(player, family, &player->deaf[family]);
	if (!result)
		result = bind_anywhere(player, family, &player->deaf[family],
			&player->deaf_places[family]);
	return result;
}

static int make_connections(struct player *player)
{
	const struct script *script = player->script;
	bool wanted[3] = { false, false, false };
	int result = 0;

	for (unsigned i = 0; i < SCRIPT_CONNECTIONS; i++)
		wanted[script->connections[i]] = true;
	for (unsigned i = 0; i < SCRIPT_DIALERS; i++)
		wanted[script->dialers[i]] = true;
	for (uint8_t i = FAMILY_UNIX; i <= FAMILY_TCP && !result; i++)
		result = wanted[i] ? make_family(player, i) : 0;
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS && !result; i++) {
		if (script->connections[i])
			result = make_connection(player, i);
	}
	for (unsigned i = 0; i < SCRIPT_LISTENERS && !result; i++) {
		if (script->listeners[i])
			result = make_listener(player, script->listeners[i], &player->listeners[i],
				&player->listener_places[i]);
	}
	for (unsigned i = 0; i < SCRIPT_DIALERS && !result; i++) {
		if (script->dialers[i])
			result = make_socket(player, script->dialers[i], &player->dialers[i]);
	}
	return result;
}

static int fill_file(struct player *player, unsigned index)
{
	uint32_t bytes = player->script->file_bytes[index];
	unsigned char *data = malloc(bytes);
	struct chore chore;
	int result;

	if (!data)
		return player_fail(player, "make a file", -ENOMEM);
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = pattern_file((uint8_t)index, i);
	chore_init(&chore);
	duet_op_write(&chore.op, player->files[index].handle, data, bytes, 0);
	result = chore_run(player, &chore);
	if (!player->stuck)
		free(data);
	return result == (int)bytes ? 0 : player_fail(player, "fill a file", result);
}

static int make_files(struct player *player)
{
	/* Where a sync costs nothing, if there is such a place. */
	const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	int result = 0;

	snprintf(player->nowhere, sizeof(player->nowhere), "%s/duet-twins-%d-none", folder,
		(int)getpid());
	for (unsigned i = 0; i < SCRIPT_NAMES; i++)
		snprintf(player->names[i], sizeof(player->names[i]), "%s/duet-twins-%d-n%u", folder,
			(int)getpid(), i);
	for (unsigned i = 0; i < SCRIPT_FILES && !result; i++) {
		struct chore chore;

		if (!player->script->file_bytes[i])
			continue;
		snprintf(player->paths[i], sizeof(player->paths[i]), "%s/duet-twins-%d-%u", folder,
			(int)getpid(), i);
		chore_init(&chore);
		duet_op_open(&chore.op, AT_FDCWD, player->paths[i], O_CREAT | O_TRUNC | O_RDWR, 0600);
		result = chore_run(player, &chore);
		if (result < 0)
			return player_fail(player, "make a file", result);
		player->files[i] = (struct prop){ .handle = chore.op.made, .live = true };
		result = fill_file(player, i);
	}
	return result;
}

static int make_pool(struct player *player, unsigned index)
{
	struct duet_pool_options options;
	int result;

	duet_pool_options_init(&options);
	options.count = player->script->pool_count[index];
	options.size_bytes = player->script->pool_bytes[index];
	options.regime = (enum duet_regime)player->script->pool_regimes[index];
	result = duet_pool_create_with(player->loop, &options, &player->pools[index]);
	return result ? player_fail(player, "make a pool", result) : 0;
}

int stage_set(struct player *player)
{
	int result = make_connections(player);

	if (!result)
		result = make_files(player);
	for (unsigned i = 0; i < SCRIPT_POOLS && !result; i++) {
		if (!player->script->pool_count[i])
			continue;
		result = make_pool(player, i);
	}
	return result;
}

struct prop *stage_prop(struct player *player, struct object object)
{
	switch (object.kind) {
	case OBJECT_END:
		return &player->ends[object.index];
	case OBJECT_LISTENER:
		return &player->listeners[object.index];
	case OBJECT_DIALER:
		return &player->dialers[object.index];
	case OBJECT_FILE:
		return &player->files[object.index];
	default:
		return NULL;
	}
}

/* ---- Striking it. ---- */

static void silence_ends(struct player *player)
{
	for (unsigned i = 0; i < SCRIPT_CONNECTIONS * 2 && !player->stuck; i++) {
		struct chore chore;

		if (!player->ends[i].live)
			continue;
		chore_init(&chore);
		duet_op_shutdown(&chore.op, player->ends[i].handle, SHUT_WR);
		chore_run(player, &chore);
	}
}

/* Nobody sends any more: what is left ends by itself. */
static void drain_end(struct player *player, uint8_t index)
{
	static unsigned char data[8192];
	struct event *event;
	uint64_t hash = HASH_BEGIN;
	uint32_t moved = 0;
	int result;

	do {
		struct chore chore;

		chore_init(&chore);
		duet_op_recv(&chore.op, player->ends[index].handle, data, sizeof(data), 0);
		result = chore_run(player, &chore);
		for (int i = 0; i < result; i++)
			hash = hash_byte(hash, data[i]);
		moved += result > 0 ? (uint32_t)result : 0;
	} while (result > 0);
	event = trace_add(player->trace, EVENT_DRAINED);
	event->object = (struct object){ OBJECT_END, index };
	event->moved = moved;
	event->hash = moved ? hash : 0;
}

/* A connection that is known to be made may still be on its way to the queue. */
#define DRAIN_PATIENCE_NS 5000000

static void drain_listener(struct player *player, uint8_t index)
{
	struct event *event;
	uint32_t waiting = 0;
	int result;

	do {
		struct chore chore;

		chore_init(&chore);
		duet_op_accept(&chore.op, player->listeners[index].handle, 0);
		duet_op_deadline(&chore.op, duet_loop_now_ns(player->loop) + DRAIN_PATIENCE_NS);
		result = chore_run(player, &chore);
		if (result == 0 && player->made_count < PLAYER_MADE) {
			player->made[player->made_count++] = chore.op.made;
			waiting++;
		}
	} while (result == 0);
	event = trace_add(player->trace, EVENT_WAITING);
	event->object = (struct object){ OBJECT_LISTENER, index };
	event->moved = waiting;
}

static void close_handle(struct player *player, duet_handle handle)
{
	struct chore chore;

	if (player->stuck)
		return;
	chore_init(&chore);
	duet_op_close(&chore.op, handle);
	chore_run(player, &chore);
}

static void close_props(struct player *player, const struct prop *props, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (props[i].live)
			close_handle(player, props[i].handle);
	}
}

void stage_strike(struct player *player)
{
	silence_ends(player);
	for (uint8_t i = 0; i < SCRIPT_CONNECTIONS * 2 && !player->stuck; i++) {
		if (player->ends[i].live)
			drain_end(player, i);
	}
	for (uint8_t i = 0; i < SCRIPT_LISTENERS && !player->stuck; i++) {
		if (player->listeners[i].live)
			drain_listener(player, i);
	}
	close_props(player, player->ends, SCRIPT_CONNECTIONS * 2);
	close_props(player, player->listeners, SCRIPT_LISTENERS);
	close_props(player, player->dialers, SCRIPT_DIALERS);
	close_props(player, player->files, SCRIPT_FILES);
	close_props(player, player->porters, 3);
	close_props(player, player->deaf, 3);
	for (uint32_t i = 0; i < player->made_count; i++)
		close_handle(player, player->made[i]);
	for (unsigned i = 0; i < SCRIPT_FILES; i++) {
		if (*player->paths[i])
			unlink(player->paths[i]);
	}
	for (unsigned i = 0; i < SCRIPT_NAMES; i++)
		remove(player->names[i]);
}
