/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/specimens/raw.h"

/*
 * The program on top of it, and the account. A receive is asked to end in one of its moments; then the rest
 * of the message is received. All of it is one thread, and what it has to wait for is bounded in turns.
 */

enum { TURNS = 6, ATTEMPTS = 3, PART = 3, FILLING = 32768, FIRST = 0, SECOND = 1 };

const struct raw_mechanism RAW_ON[RAW_MECHANISMS] = {
	{"ring/deferred", &RAW_RING, false},
	{"ring/plain", &RAW_RING, true},
	{"reactor", &RAW_REACTOR, false},
	{"reactor/eager", &RAW_REACTOR, true},
};

/* ---- The other ends. ---- */

static void send_until(struct raw_connection *connection, uint32_t bytes)
{
	while (connection->sent < bytes) {
		unsigned char byte = raw_byte(connection, connection->sent);

		/* It may be closed, and is meant to be then. */
		if (send(connection->peer, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
			return;
		connection->sent++;
	}
}

/* Who didn't read does: what is there to the end, and that has to be what was sent. */
static void read_all(struct raw *raw)
{
	struct raw_connection *first = &raw->connections[FIRST];
	unsigned char byte;
	uint32_t have = 0;

	/* Waits for what is under way, and no longer: our own end says that there is no more. */
	shutdown(first->fd, SHUT_WR);
	for (; recv(first->peer, &byte, 1, 0) == 1; have++) {
		if (have >= FILLING && byte != raw_byte(first, have - FILLING))
			raw_violation(raw, RAW_SENT_LATER);
	}
	/* And says so: else its acknowledgement comes with a timer. */
	close(first->peer);
	first->peer = -1;
}

static void act(struct raw *raw, bool in_part)
{
	unsigned char piece[RAW_MESSAGE];
	struct raw_connection *connection = &raw->connections[FIRST];
	uint32_t bytes = in_part ? PART : RAW_MESSAGE;

	if (raw->scene == RAW_ZERO_COPY) {
		if (connection->peer >= 0)
			read_all(raw);
		return;
	}
	if (connection->sent)
		return;
	for (uint32_t i = 0; i < bytes; i++)
		piece[i] = raw_byte(connection, i);
	/* In one piece: a receive that waits is not given the first byte alone. */
	if (send(connection->peer, piece, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes)
		connection->sent = bytes;
	if (raw->scene == RAW_CHAINED)
		(void)!write(raw->gate[1], "", 1);
}

/* ---- Turns. ---- */

static void turn(struct raw *raw)
{
	raw->on->driver->submit(raw);
	raw->on->driver->fetch(raw);
	raw->on->driver->look(raw);
	raw_tell(raw);
}

static bool settle(struct raw *raw, const struct raw_op *op)
{
	int turns = 0;

	do
		turn(raw);
	while (!op->over && ++turns < TURNS);
	return op->over;
}

static struct raw_op *begin(struct raw *raw, uint32_t connection, uint32_t bytes)
{
	struct raw_op *op = raw_op_new(raw, connection, bytes);

	raw->on->driver->start(raw, op);
	return op;
}

static void approach(struct raw *raw, enum duet_lab_phase phase)
{
	const struct raw_driver *driver = raw->on->driver;

	if (phase == DUET_LAB_SAME_BATCH)
		return;
	driver->submit(raw);
	if (phase == DUET_LAB_IN_FLIGHT)
		return;
	if (raw->scene != RAW_ZERO_COPY)
		act(raw, raw->scene == RAW_WHOLE && phase != DUET_LAB_DISPATCHED);
	if (phase == DUET_LAB_SATISFIED)
		return;
	driver->fetch(raw);
	/* First what it stands behind, and then itself. */
	if (raw->scene == RAW_CHAINED)
		driver->fetch(raw);
	if (phase == DUET_LAB_DISPATCHED)
		driver->look(raw);
}

/* ---- The request. ---- */

static void replace(struct raw *raw)
{
	struct raw_connection *first = &raw->connections[FIRST];
	struct raw_connection *second = &raw->connections[SECOND];
	int number = first->fd;

	/* What was handed over by number must have found its file. */
	raw->on->driver->submit(raw);
	close(first->fd);
	first->fd = -1;
	dup2(second->fd, number);
	close(second->fd);
	second->fd = number;
}

static void request(struct raw *raw, struct raw_op *op)
{
	struct raw_connection *first = &raw->connections[FIRST];

	op->asked = true;
	if (raw->mistake == RAW_CLOSE_IS_BARRIER) {
		close(first->fd);
		first->fd = -1;
		raw_take_back(op);
		return;
	}
	if (raw->scene == RAW_CROWDED)
		raw->on->driver->crowd(raw);
	raw->on->driver->cancel(raw, op);
	if (raw->scene == RAW_REPLACED)
		replace(raw);
	if (raw->mistake == RAW_BARE_POINTER)
		op->freed = true;
	if (raw->mistake == RAW_NO_GENERATION)
		raw_slot_leave(raw, op);
}

/* What stands in a chain can't be stopped there, and comes to its end with the chain; and memory that the
 * other end hasn't read is free when it has. */
static void wait_for_end(struct raw *raw, const struct raw_op *op)
{
	bool alone = raw->scene != RAW_CHAINED && raw->scene != RAW_ZERO_COPY;
	bool ended = settle(raw, op);

	if (ended && alone)
		return;
	if (!ended && alone)
		raw_violation(raw, RAW_GOES_ON);
	act(raw, false);
	/* What it stands behind ends, and a turn later it begins, whoever has forgotten it. */
	for (int i = 0; i < TURNS; i++)
		turn(raw);
	if (!op->over)
		raw_violation(raw, RAW_NEVER_ENDS);
}

/* ---- What comes after it. ---- */

static void receive_on(struct raw *raw, uint32_t number, struct raw_op *op)
{
	turn(raw);
	send_until(&raw->connections[number], RAW_MESSAGE);
	if (!settle(raw, op))
		raw_violation(raw, RAW_NEVER_RECEIVED);
}

static void receive_rest(struct raw *raw)
{
	const struct raw_connection *first = &raw->connections[FIRST];

	for (int i = 0; i < ATTEMPTS && first->delivered < RAW_MESSAGE; i++)
		receive_on(raw, FIRST, begin(raw, FIRST, RAW_MESSAGE - first->delivered));
}

static void close_first(struct raw *raw)
{
	struct raw_connection *first = &raw->connections[FIRST];
	char byte;

	if (first->fd >= 0)
		raw->on->driver->close(raw, first->fd);
	/* Who leaves the loop takes no further turn. */
	if (raw->mistake != RAW_CLOSE_QUEUED_NOT_RUN) {
		act(raw, false);
		turn(raw);
	}
	if (recv(first->peer, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		raw_violation(raw, RAW_STAYS_OPEN);
	if (raw->mistake == RAW_CLOSE_QUEUED_NOT_RUN && first->fd >= 0)
		close(first->fd);
	first->fd = -1;
}

static void play(struct raw *raw, enum duet_lab_phase phase)
{
	bool succeeded = raw->scene == RAW_SUCCEEDED || raw->scene == RAW_REPLACED;
	struct raw_op *op = begin(raw, FIRST, RAW_MESSAGE);
	struct raw_op *next = NULL;

	for (uint32_t i = 0; op->sends && i < RAW_MESSAGE; i++)
		op->memory[i] = raw_byte(op->connection, i);
	approach(raw, phase);
	request(raw, op);
	if (succeeded)
		next = begin(raw, SECOND, RAW_MESSAGE);
	if (phase == DUET_LAB_DISPATCHED)
		raw_tell(raw);
	if (next)
		receive_on(raw, SECOND, next);
	wait_for_end(raw, op);
	if (raw->scene == RAW_CLOSING)
		close_first(raw);
	else if (raw->connections[FIRST].fd >= 0 && !op->sends)
		receive_rest(raw);
}

/* ---- The account. ---- */

static void judge_memory(struct raw *raw)
{
	for (uint32_t i = 0; i < raw->op_count; i++) {
		const struct raw_op *op = &raw->ops[i];
		struct raw_op fresh = {0};

		raw_take_back(&fresh);
		for (int j = 0; op->taken && j < RAW_MESSAGE; j++)
			if (op->memory[j] != fresh.memory[j])
				raw_violation(raw, RAW_WRITTEN_LATE);
	}
}

static void judge_bytes(struct raw *raw)
{
	for (int i = FIRST; i <= SECOND; i++) {
		const struct raw_connection *connection = &raw->connections[i];
		int there = 0;

		if (connection->fd < 0 || ioctl(connection->fd, FIONREAD, &there) < 0)
			continue;
		if (connection->delivered + (uint32_t)there != connection->sent)
			raw_violation(raw, RAW_LOST);
	}
}

/* ---- Before and after. ---- */

/* A TCP connection whose other end has no room, and ours has. */
static int make_full(struct raw_connection *connection)
{
	static const unsigned char filling[FILLING];
	const int small = 4096, large = 1 << 20;
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *address = (struct sockaddr *)(void *)&name;
	socklen_t bytes = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	if (bind(listener, address, bytes) || listen(listener, 1) ||
	    getsockname(listener, address, &bytes) || connect(connection->fd, address, bytes))
		error = -errno;
	if (!error)
		connection->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (!error && send(connection->fd, filling, FILLING, MSG_DONTWAIT) != FILLING)
		error = -EAGAIN;
	close(listener);
	return error;
}

static int set_up(struct raw *raw)
{
	if (raw->scene == RAW_ZERO_COPY) {
		int error = make_full(&raw->connections[FIRST]);

		return error ? error : raw->on->driver->open(raw);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct raw_connection *connection = &raw->connections[i];
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return -errno;
		*connection = (struct raw_connection){.fd = fds[0], .peer = fds[1], .number = i};
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw->gate) < 0)
		return -errno;
	return raw->on->driver->open(raw);
}

static void tear_down(struct raw *raw)
{
	for (int i = FIRST; i <= SECOND; i++) {
		if (raw->connections[i].peer >= 0)
			close(raw->connections[i].peer);
		if (raw->connections[i].fd >= 0)
			close(raw->connections[i].fd);
	}
	if (raw->gate[1] >= 0)
		close(raw->gate[1]);
	if (raw->driver)
		raw->on->driver->end(raw);
	if (raw->gate[0] >= 0)
		close(raw->gate[0]);
}

bool raw_has(enum raw_scene scene, enum duet_lab_phase phase)
{
	/* When a worker begins and ends is its own matter; and a send that finds room is through when it
	 * is handed over. */
	if ((scene == RAW_PICKED && (phase == DUET_LAB_SAME_BATCH || phase == DUET_LAB_SATISFIED)) ||
	    (scene == RAW_ZERO_COPY && (phase == DUET_LAB_IN_FLIGHT || phase == DUET_LAB_SATISFIED)))
		return false;
	return phase == DUET_LAB_SAME_BATCH || phase == DUET_LAB_IN_FLIGHT ||
	       phase == DUET_LAB_SATISFIED || phase == DUET_LAB_POSTED || phase == DUET_LAB_DISPATCHED;
}

int raw_trial(const struct raw_mechanism *on, enum raw_scene scene, enum raw_mistake mistake,
	      enum duet_lab_phase phase, unsigned int *violations)
{
	static const struct raw_connection none = {.fd = -1, .peer = -1};
	struct raw *raw = calloc(1, sizeof(*raw));
	int error;

	if (!raw)
		return -ENOMEM;
	*raw = (struct raw){.on = on, .scene = scene, .mistake = mistake,
			    .connections = {none, none}, .gate = {-1, -1}};
	error = set_up(raw);
	if (!error) {
		play(raw, phase);
		judge_memory(raw);
		judge_bytes(raw);
	}
	*violations = raw->violations;
	tear_down(raw);
	free(raw);
	return error;
}
