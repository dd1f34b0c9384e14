/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/pattern.h"
#include "compare/measure/process.h"

/* No wait is longer than WAIT_MAX_MS: a signal that came just before it is seen soon after. */
enum { EVENTS_MAX = 256, CONNECT_TIMEOUT_MS = 5000, WAIT_MAX_MS = 100 };
static const uint64_t SECOND_NS = UINT64_C(1000000000);

struct load {
	const struct load_options *options;
	struct load_result *result;
	struct connection *connections;
	uint64_t *stamps; /* connections * depth of them */
	int epoll;
	uint32_t open; /* connections whose peer hasn't ended */
	bool leaving;  /* we said goodbye: now the peer may, too */
};

static int fail(struct load *load, int error, const char *what, uint32_t connection)
{
	snprintf(load->result->problem, sizeof(load->result->problem),
		 "%s: connection %u of %u: %s%s%s", load->options->address.shown, connection + 1,
		 load->options->connections, what, error ? ": " : "",
		 error ? strerror(-error) : "");
	return error ? error : -ECONNRESET;
}

static int fail_interrupted(struct load *load)
{
	snprintf(load->result->problem, sizeof(load->result->problem),
		 "ended before anything was measured");
	return -EINTR;
}

static int resolve(struct load *load, struct addrinfo **found)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct address *address = &load->options->address;
	int status = getaddrinfo(address->host, address->port, &hints, found);

	if (!status)
		return 0;
	snprintf(load->result->problem, sizeof(load->result->problem), "%s: %s", address->shown,
		 gai_strerror(status));
	return -EADDRNOTAVAIL;
}

static int connect_in_time(int fd, const struct addrinfo *to)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (!connect(fd, to->ai_addr, to->ai_addrlen))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&ready, 1, CONNECT_TIMEOUT_MS) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return -errno;
	return -error;
}

static int open_connection(struct load *load, uint32_t index, const struct addrinfo *to)
{
	struct connection *connection = &load->connections[index];
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
	int yes = 1, status;

	connection->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return fail(load, -errno, errno == EMFILE
			? "no descriptor left (raise the limit with ulimit -n)" : "socket", index);
	connection->stream = index;
	connection->begun_ns = load->stamps + (size_t)index * load->options->depth;
	status = connect_in_time(connection->fd, to);
	if (process_interrupted())
		return fail_interrupted(load);
	if (status)
		return fail(load, status, "connect", index);
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event))
		return fail(load, -errno, "epoll_ctl", index);
	load->open++;
	return 0;
}

static int open_all(struct load *load)
{
	struct addrinfo *found = NULL;
	int status = resolve(load, &found);

	for (uint32_t i = 0; !status && i < load->options->connections; i++)
		status = open_connection(load, i, found);
	if (found)
		freeaddrinfo(found);
	return status;
}

/* Asks for room only while there is something to send and none. */
static void watch(struct load *load, uint32_t index, bool was_blocked)
{
	const struct connection *connection = &load->connections[index];
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };

	if (connection->blocked == was_blocked)
		return;
	if (connection->blocked)
		event.events |= EPOLLOUT;
	epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static int send_on(struct load *load, uint32_t index, uint64_t now_ns)
{
	struct connection *connection = &load->connections[index];
	bool was_blocked = connection->blocked;
	int status = connection_send(connection, &load->result->run, now_ns);

	watch(load, index, was_blocked);
	return status ? fail(load, status, "send", index) : 0;
}

static int end_connection(struct load *load, uint32_t index)
{
	struct connection *connection = &load->connections[index];

	epoll_ctl(load->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	load->open--;
	if (connection->sent_bytes > connection->received_bytes)
		load->result->lost_bytes += connection->sent_bytes - connection->received_bytes;
	else if (connection_open_messages(connection, &load->result->run) || !load->leaving)
		return fail(load, 0, "the server closed it before everything was answered", index);
	return load->leaving ? 0 : -ENODATA; /* nothing is left to be measured */
}

static int serve_event(struct load *load, const struct epoll_event *event)
{
	struct connection *connection = &load->connections[event->data.u32];
	int status = connection_receive(connection, &load->result->run);

	if (status)
		return fail(load, status, "receive", event->data.u32);
	if (connection->ended)
		return end_connection(load, event->data.u32);
	return send_on(load, event->data.u32, window_now_ns());
}

/* One wait, of a millisecond at most towards the end so that a window ends when it should. */
static int take_turn(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_ns = window_now_ns();
	uint64_t wait_ms = until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0;
	int count = epoll_wait(load->epoll, events, EVENTS_MAX,
			       wait_ms < WAIT_MAX_MS ? (int)wait_ms : WAIT_MAX_MS), status = 0;

	if (count < 0)
		return errno == EINTR ? 0 : fail(load, -errno, "epoll_wait", 0);
	for (int i = 0; !status && i < count; i++)
		status = serve_event(load, &events[i]);
	return status;
}

static int play_until(struct load *load, uint64_t until_ns)
{
	int status = 0;

	while (!status && window_now_ns() < until_ns && !process_interrupted())
		status = take_turn(load, until_ns);
	return status;
}

static uint32_t unanswered_connections(const struct load *load)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < load->options->connections; i++)
		count += connection_open_messages(&load->connections[i], &load->result->run) > 0;
	return count;
}

static uint32_t open_connections(const struct load *load)
{
	return load->open;
}

/* However slow a server is, it is waited for as long as bytes move, and not so long by somebody who
 * has pressed Ctrl-C. -ETIMEDOUT: none did. */
static int turn_while(struct load *load, uint32_t (*some)(const struct load *),
		      uint64_t patience_ns)
{
	uint64_t moved_bytes = load->result->run.moved_bytes, now_ns = window_now_ns();
	uint64_t moved_ns = now_ns, until_ns;
	int status = 0;

	while (!status && some(load)) {
		if (moved_bytes != load->result->run.moved_bytes)
			moved_ns = now_ns;
		until_ns = moved_ns + (process_interrupted() ? SECOND_NS : patience_ns);
		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		moved_bytes = load->result->run.moved_bytes;
		status = take_turn(load, until_ns);
		now_ns = window_now_ns();
	}
	return status;
}

static void say_goodbye(struct load *load)
{
	load->leaving = true;
	for (uint32_t i = 0; i < load->options->connections; i++)
		shutdown(load->connections[i].fd, SHUT_WR);
}

static int fail_silent(struct load *load, uint32_t unanswered)
{
	snprintf(load->result->problem, sizeof(load->result->problem),
		 "%s: no answer for %d s on %u of %u connections: the server hangs, or takes fewer "
		 "connections at once", load->options->address.shown, LOAD_SILENCE_S, unanswered,
		 load->options->connections);
	return -ETIMEDOUT;
}

/* Waits for the answers that are still out, then says goodbye and looks whether more bytes come
 * than were sent. After silence the goodbye tells a server that lost something, and ends the
 * connection without it, from one that may yet answer. */
static int drain(struct load *load)
{
	uint32_t unanswered;
	int status, parted;

	load->result->run.sending = false;
	for (uint32_t i = 0; i < load->options->connections; i++)
		connection_stop(&load->connections[i], &load->result->run);
	status = turn_while(load, unanswered_connections, LOAD_SILENCE_S * SECOND_NS);
	if (status && status != -ETIMEDOUT)
		return status;
	unanswered = unanswered_connections(load);
	say_goodbye(load);
	parted = turn_while(load, open_connections, 2 * SECOND_NS);
	if (status && !load->result->lost_bytes && !process_interrupted())
		return fail_silent(load, unanswered);
	return parted == -ETIMEDOUT ? 0 : parted;
}

static int play(struct load *load)
{
	struct connection_run *run = &load->result->run;
	uint64_t now_ns, before;
	int status = 0;

	run->sending = true;
	now_ns = window_now_ns();
	for (uint32_t i = 0; !status && i < load->options->connections; i++)
		status = send_on(load, i, now_ns);
	if (!status)
		status = play_until(load, now_ns + load->options->warmup_ns);
	before = run->answered;
	run->answered = 0;
	histogram_clear(&run->latency);
	window_open(&load->result->window, load->options->subject);
	if (!status)
		status = play_until(load, load->result->window.opened.at_ns +
					  load->options->duration_ns);
	window_close(&load->result->window);
	load->result->answered_total = before + run->answered;
	if (!status && process_interrupted() && !run->answered)
		return fail_interrupted(load);
	return status;
}

/* The window's own figures are set aside while the rest is drained. */
static int play_and_drain(struct load *load)
{
	struct connection_run *run = &load->result->run;
	struct histogram *kept = malloc(sizeof(*kept));
	uint64_t answered;
	int status = kept ? play(load) : -ENOMEM;

	if (!status) {
		answered = run->answered;
		*kept = run->latency;
		status = drain(load);
		load->result->answered_total += run->answered - answered;
		run->answered = answered;
		run->latency = *kept;
	}
	free(kept);
	return status;
}

static void close_all(struct load *load)
{
	for (uint32_t i = 0; load->connections && i < load->options->connections; i++) {
		if (load->connections[i].fd >= 0)
			close(load->connections[i].fd);
	}
	if (load->epoll >= 0)
		close(load->epoll);
	free(load->connections);
	free(load->stamps);
}

int load_play(const struct load_options *options, struct load_result *result)
{
	struct load load = { .options = options, .result = result };
	int status;

	memset(result, 0, sizeof(*result));
	result->run.size_bytes = options->size_bytes;
	result->run.depth = options->depth;
	pattern_make();
	load.connections = calloc(options->connections, sizeof(*load.connections));
	load.stamps = calloc((size_t)options->connections * options->depth, sizeof(*load.stamps));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load.connections || !load.stamps || load.epoll < 0) {
		status = fail(&load, -ENOMEM, "start", 0);
	} else {
		for (uint32_t i = 0; i < options->connections; i++)
			load.connections[i].fd = -1;
		status = open_all(&load);
	}
	if (!status)
		status = play_and_drain(&load);
	close_all(&load);
	result->ended_early = process_interrupted();
	return result->lost_bytes ? 0 : status; /* what was seen to be lost stays so */
}
