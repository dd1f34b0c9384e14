/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that make connections. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

enum { BACKLOG = 8 };

/* ---- Accept: from a unix listener, where a connection is there when connect(2) returns. ---- */

static int listen_unix(void)
{
	struct sockaddr family = { .sa_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* An address of the kernel's own choice. */
	if (fd >= 0 && (bind(fd, &family, sizeof(family.sa_family)) || listen(fd, BACKLOG))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int prepare_listener(struct scene *scene)
{
	return scene_adopt(scene, listen_unix());
}

static void describe_accept(struct scene *scene)
{
	duet_op_accept(&scene->run.target, scene->run.handle, 0);
}

static void describe_accept_multishot(struct scene *scene)
{
	duet_op_accept(&scene->run.target, scene->run.handle, DUET_MULTISHOT);
}

static void block_with_accept(struct scene *scene, struct duet_op *op)
{
	duet_op_accept(op, scene->run.handle, 0);
}

static void connect_client(struct scene *scene, int *client)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (getsockname(scene->run.witness, (struct sockaddr *)&address, &length) ||
	    connect(*client, (struct sockaddr *)&address, length))
		return;
	scene->run.connections++;
}

static void bring_one(struct scene *scene)
{
	connect_client(scene, &scene->run.clients[0]);
}

static void bring_several(struct scene *scene)
{
	for (uint32_t i = 1 + scene_random(scene, SCENE_CLIENTS_MAX - 1); i-- > 0;)
		connect_client(scene, &scene->run.clients[i]);
}

/* Each one is closed at once; a number that stays is seen in the account of descriptors. */
static void take_connection(struct scene *scene)
{
	const struct duet_op *op = &scene->run.target;
	int fd;

	if (op->result < 0 || !op->made.generation)
		return;
	scene->run.accepted++;
	fd = duet_handle_release(scene->loop, op->made);
	if (fd < 0)
		scene_violation(scene, VIOLATION_CONNECTIONS, "the accepted handle is none: %s",
				duet_error_name(fd));
	else
		close(fd);
}

/* ---- Connect: TCP, as only that has a handshake to wait for. ---- */

static int connect_to(struct scene *scene, int backlog)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int error = scene_adopt(scene, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (error)
		return error;
	scene->run.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (scene->run.peer < 0 ||
	    bind(scene->run.peer, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(scene->run.peer, backlog))
		return -errno;
	return 0;
}

static int prepare_open_listener(struct scene *scene)
{
	return connect_to(scene, BACKLOG);
}

static void listener_address(const struct scene *scene, struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	getsockname(scene->run.peer, (struct sockaddr *)address, &length);
}

/* A backlog of 0 holds one; the kernel passes over the second's handshake. */
static int prepare_full_listener(struct scene *scene)
{
	struct sockaddr_in address;
	int error = connect_to(scene, 0);

	if (error)
		return error;
	listener_address(scene, &address);
	scene->run.held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(scene->run.held, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

static void describe_connect(struct scene *scene)
{
	struct sockaddr_in address;

	listener_address(scene, &address);
	duet_op_connect(&scene->run.target, scene->run.handle, (struct sockaddr *)&address,
			sizeof(address));
}

/* Whom a connect completed for must be there. Of one that was stopped nobody knows: it is tainted. */
static void account_connect(struct scene *scene)
{
	int listener = scene->run.peer;
	uint32_t there;

	scene->run.peer = scene->run.witness;
	scene->run.witness = listener;
	account_backlog(scene);
	there = scene->run.waiting;
	scene->run.waiting = 0;
	if (scene->run.disposition == DUET_COMPLETED && !there)
		scene_violation(scene, VIOLATION_EFFECT, "connected, but the listener has nobody");
	if (scene->run.disposition == DUET_UNTOUCHED && there)
		scene_violation(scene, VIOLATION_EFFECT, "untouched, but the listener has somebody");
}

static const char LATE[] = "a place in the backlog is noticed with the next SYN, a second later";

const struct subject SUBJECTS_SOCKET[] = {
	{ .name = "accept", .kind = DUET_ACCEPT, .what = "from a unix listener",
	  .prepare = prepare_listener, .describe = describe_accept, .block = block_with_accept,
	  .satisfy = bring_one, .take = take_connection, .account = account_backlog },
	{ .name = "accept-multishot", .kind = DUET_ACCEPT, .what = "the same, of 1 to 3 connections",
	  .prepare = prepare_listener, .describe = describe_accept_multishot,
	  .block = block_with_accept, .satisfy = bring_several, .take = take_connection,
	  .account = account_backlog },
	{ .name = "connect", .kind = DUET_CONNECT, .traits = SUBJECT_BY_ITSELF,
	  .what = "over TCP, to a listener with room", .prepare = prepare_open_listener,
	  .describe = describe_connect, .account = account_connect },
	{ .name = "connect-full", .kind = DUET_CONNECT, .what = "over TCP, to a full backlog",
	  .unmet = LATE, .prepare = prepare_full_listener, .describe = describe_connect },
	{ 0 },
};
