/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Subjects that work on nothing, or on a socket's being and not on its bytes. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

enum { DUE_NS = 1000000 };

/* ---- Nop, timeout. ---- */

static void describe_nop(struct scene *scene)
{
	duet_op_nop(&scene->run.target);
}

static void describe_timeout(struct scene *scene)
{
	duet_op_timeout(&scene->run.target, account_clock_ns() + DUE_NS);
}

/* Its time comes, and is over before anybody looks. */
static void pass_time(struct scene *scene)
{
	(void)scene;
	nanosleep(&(struct timespec){ .tv_nsec = DUE_NS + DUE_NS / 10 }, NULL);
}

/* ---- Socket, bind, listen, shutdown, close. ---- */

static void describe_socket(struct scene *scene)
{
	duet_op_socket(&scene->run.target, AF_INET, SOCK_STREAM, 0);
}

static void take_made(struct scene *scene)
{
	if (scene->run.target.result == 0)
		scene->run.made = scene->run.target.made;
}

static int prepare_socket(struct scene *scene)
{
	return scene_adopt(scene, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void describe_bind(struct scene *scene)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	duet_op_bind(&scene->run.target, scene->run.handle, (struct sockaddr *)&address,
		     sizeof(address));
}

static void expect_effect(struct scene *scene, bool seen, const char *what)
{
	bool said = scene->run.disposition == DUET_COMPLETED;

	if (said != seen)
		scene_violation(scene, VIOLATION_EFFECT, "%s, but the socket is %s%s",
				duet_disposition_name(scene->run.disposition), seen ? "" : "not ",
				what);
}

static void account_bind(struct scene *scene)
{
	struct sockaddr_in address = { 0 };
	socklen_t length = sizeof(address);

	getsockname(scene->run.witness, (struct sockaddr *)&address, &length);
	expect_effect(scene, address.sin_port != 0, "bound");
}

static void describe_listen(struct scene *scene)
{
	duet_op_listen(&scene->run.target, scene->run.handle, 4);
}

static void account_listen(struct scene *scene)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	getsockopt(scene->run.witness, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
	expect_effect(scene, listens, "listening");
}

static int prepare_pair(struct scene *scene)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	scene->run.peer = pair[1];
	return scene_adopt(scene, pair[0]);
}

static void describe_shutdown(struct scene *scene)
{
	duet_op_shutdown(&scene->run.target, scene->run.handle, SHUT_WR);
}

/* More than goes in, so that it stays. */
static void block_with_send(struct scene *scene, struct duet_op *op)
{
	duet_op_send(op, scene->run.handle, scene->scratch, SCENE_BYTES_MAX, DUET_WHOLE);
}

static void account_shutdown(struct scene *scene)
{
	unsigned char *byte = scene->scratch;
	ssize_t n;

	do
		n = recv(scene->run.peer, byte, SCENE_BYTES_MAX, MSG_DONTWAIT);
	while (n > 0);
	expect_effect(scene, n == 0, "shut down");
}

static void describe_close(struct scene *scene)
{
	duet_op_close(&scene->run.target, scene->run.handle);
	scene->run.handle = DUET_HANDLE_NONE;
}

/* ---- Poll. ---- */

static void describe_poll(struct scene *scene)
{
	duet_op_poll(&scene->run.target, scene->run.handle, POLLIN);
}

static void send_byte(struct scene *scene)
{
	unsigned char byte;

	scene_pattern(&byte, 1, 0);
	scene->run.sent += write(scene->run.peer, &byte, 1) == 1;
}

static void account_poll(struct scene *scene)
{
	account_drain(scene, scene->run.witness);
}

const struct subject SUBJECTS_PLAIN[] = {
	{ .name = "nop", .kind = DUET_NOP, .traits = SUBJECT_BY_ITSELF, .what = "nothing to be done",
	  .describe = describe_nop },
	{ .name = "timeout", .kind = DUET_TIMEOUT, .what = "due in 1 ms",
	  .describe = describe_timeout, .satisfy = pass_time },
	{ .name = "poll", .kind = DUET_POLL, .what = "for input, on a stream that brings a byte",
	  .prepare = prepare_pair, .describe = describe_poll, .satisfy = send_byte,
	  .account = account_poll },
	{ .name = "socket", .kind = DUET_SOCKET, .traits = SUBJECT_BY_ITSELF | SUBJECT_MAKES,
	  .what = "a TCP socket", .describe = describe_socket, .take = take_made },
	{ .name = "bind", .kind = DUET_BIND, .traits = SUBJECT_BY_ITSELF, .what = "to loopback",
	  .prepare = prepare_socket, .describe = describe_bind, .account = account_bind },
	{ .name = "listen", .kind = DUET_LISTEN, .traits = SUBJECT_BY_ITSELF, .what = "on a TCP socket",
	  .prepare = prepare_socket, .describe = describe_listen, .account = account_listen },
	{ .name = "shutdown", .kind = DUET_SHUTDOWN, .traits = SUBJECT_BY_ITSELF,
	  .what = "of a stream's writing side; before: behind a send that waits",
	  .prepare = prepare_pair, .describe = describe_shutdown, .block = block_with_send,
	  .account = account_shutdown },
	{ .name = "close", .kind = DUET_CLOSE, .traits = SUBJECT_BY_ITSELF | SUBJECT_CLOSES,
	  .what = "of a stream", .prepare = prepare_pair, .describe = describe_close },
	{ 0 },
};
