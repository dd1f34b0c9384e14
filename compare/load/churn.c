/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/churn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/pattern.h"
#include "compare/load/reach.h"
#include "compare/measure/process.h"

enum { EVENTS_MAX = 256, WAIT_MAX_MS = 100 };
static const uint64_t SECOND_NS = UINT64_C(1000000000);

/* The life of a connection: one after the other, and from the last to the first. */
enum phase {
	CONNECTING, /* until it is writable */
	ASKING,     /* until all of the message is out, and back */
	PARTING,    /* we have ended our side: until the server ends its own */
	GONE,       /* closed, and no other was opened: the time is over */
};

struct caller {
	int fd;
	enum phase phase;
	uint32_t stream; /* another one for each connection: see pattern.h */
	uint32_t sent_bytes, received_bytes;
	uint64_t opened_ns;
};

struct churn {
	const struct load_options *options;
	struct load_result *result;
	const struct addrinfo *to;
	struct caller *callers;
	uint32_t open;
	uint32_t streams; /* so many connections were opened so far */
	int epoll;
};

static int fail(const struct churn *churn, int error, const char *what, const struct caller *caller)
{
	return reach_fail(churn->options, churn->result, error, what,
			  (uint32_t)(caller - churn->callers));
}

/* The ports of one address are used up in seconds, and rest for a minute when they are closed. Loopback
 * has 2^24 addresses: each connection is from the next of a few. */
static int choose_source(const struct churn *churn, int fd)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int later = 1;

	if (churn->to->ai_family != AF_INET)
		return 0;
	memcpy(&from.sin_addr, &((const struct sockaddr_in *)(const void *)churn->to->ai_addr)->sin_addr,
	       sizeof(from.sin_addr));
	if (ntohl(from.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return 0;
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + churn->streams % 200);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof(later));
	return bind(fd, (const void *)&from, sizeof(from)) ? -errno : 0;
}

static int watch(const struct churn *churn, struct caller *caller, int how, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = caller };

	return epoll_ctl(churn->epoll, how, caller->fd, &event)
		? fail(churn, -errno, "epoll_ctl", caller) : 0;
}

static int open_caller(struct churn *churn, struct caller *caller)
{
	int fd = reach_socket(churn->to, SOCK_STREAM), status;

	if (fd < 0)
		return fail(churn, fd, fd == -EMFILE ? REACH_NO_DESCRIPTOR : "socket", caller);
	*caller = (struct caller){ .fd = fd, .stream = churn->streams++,
				   .opened_ns = window_now_ns() };
	if (churn->options->manner == LOAD_COPY) {
		caller->stream = 0; /* the file is the same for all, and nothing is sent */
		caller->sent_bytes = churn->result->run.size_bytes;
	}
	churn->open++;
	status = choose_source(churn, fd);
	if (status)
		return fail(churn, status, "bind", caller);
	if (connect(fd, churn->to->ai_addr, churn->to->ai_addrlen) && errno != EINPROGRESS)
		return fail(churn, -errno, "connect", caller);
	return watch(churn, caller, EPOLL_CTL_ADD, EPOLLOUT);
}

static void close_caller(struct churn *churn, struct caller *caller)
{
	close(caller->fd);
	caller->fd = -1;
	caller->phase = GONE;
	churn->open--;
}

/* The server has ended its side: of a whole message that is an operation. */
static int part(struct churn *churn, struct caller *caller)
{
	struct connection_run *run = &churn->result->run;
	uint64_t now_ns = window_now_ns();

	if (caller->received_bytes < run->size_bytes) {
		churn->result->lost_bytes += run->size_bytes - caller->received_bytes;
		return fail(churn, 0, "the server closed it before everything was answered",
			    caller);
	}
	run->answered_total++;
	if (now_ns > run->from_ns && now_ns <= run->until_ns) {
		run->answered++;
		histogram_record(&run->latency, now_ns - caller->opened_ns);
	}
	close_caller(churn, caller);
	return run->sending ? open_caller(churn, caller) : 0;
}

static int connected(struct churn *churn, struct caller *caller)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(caller->fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
		return fail(churn, -(error ? error : errno), "connect", caller);
	caller->phase = ASKING;
	return 0;
}

static int send_message(struct churn *churn, struct caller *caller)
{
	const uint32_t size_bytes = churn->result->run.size_bytes;

	while (caller->sent_bytes < size_bytes) {
		size_t piece, left = size_bytes - caller->sent_bytes;
		const unsigned char *data = pattern_at(caller->stream, caller->sent_bytes, &piece);
		ssize_t moved = send(caller->fd, data, piece < left ? piece : left,
				     MSG_DONTWAIT | MSG_NOSIGNAL);

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved < 0 && errno == EAGAIN)
			return watch(churn, caller, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		if (moved < 0)
			return fail(churn, -errno, "send", caller);
		caller->sent_bytes += (uint32_t)moved;
		churn->result->run.moved_bytes += (uint64_t)moved;
	}
	return watch(churn, caller, EPOLL_CTL_MOD, EPOLLIN);
}

/* What comes beyond the message is wrong, whatever it is. */
static void take(struct churn *churn, struct caller *caller, const unsigned char *data,
		 size_t length)
{
	struct connection_run *run = &churn->result->run;
	size_t left = run->size_bytes - caller->received_bytes;
	size_t ours = length < left ? length : left;

	run->wrong_bytes += length - ours;
	run->wrong_bytes += pattern_wrong(caller->stream, caller->received_bytes, data, ours);
	run->moved_bytes += length;
	caller->received_bytes += (uint32_t)ours;
	if (caller->received_bytes == run->size_bytes && caller->phase == ASKING) {
		shutdown(caller->fd, SHUT_WR);
		caller->phase = PARTING;
	}
}

static int receive(struct churn *churn, struct caller *caller)
{
	unsigned char data[65536];
	ssize_t moved;

	do {
		moved = recv(caller->fd, data, sizeof(data), MSG_DONTWAIT);
		if (moved > 0)
			take(churn, caller, data, (size_t)moved);
	} while (moved == (ssize_t)sizeof(data) || (moved < 0 && errno == EINTR));
	if (!moved)
		return part(churn, caller);
	return moved < 0 && errno != EAGAIN ? fail(churn, -errno, "receive", caller) : 0;
}

static int serve_event(struct churn *churn, const struct epoll_event *event)
{
	struct caller *caller = event->data.ptr;
	int status = caller->phase == CONNECTING ? connected(churn, caller) : 0;

	if (!status && event->events & EPOLLOUT)
		status = send_message(churn, caller);
	if (!status && event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		status = receive(churn, caller);
	return status;
}

static int take_turn(struct churn *churn, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_ns = window_now_ns();
	uint64_t wait_ms = until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0;
	int count = epoll_wait(churn->epoll, events, EVENTS_MAX,
			       wait_ms < WAIT_MAX_MS ? (int)wait_ms : WAIT_MAX_MS);
	int status = 0;

	if (count < 0)
		return errno == EINTR ? 0 : fail(churn, -errno, "epoll_wait", churn->callers);
	for (int i = 0; !status && i < count; i++)
		status = serve_event(churn, &events[i]);
	return status;
}

static int play_until(struct churn *churn, uint64_t until_ns)
{
	int status = 0;

	while (!status && window_now_ns() < until_ns && !process_interrupted())
		status = take_turn(churn, until_ns);
	return status;
}

/* Waits for those that are open, as long as bytes move; no others are opened. */
static int drain(struct churn *churn)
{
	struct connection_run *run = &churn->result->run;
	uint64_t moved_bytes = run->moved_bytes, moved_ns = window_now_ns();
	int status = 0;

	run->sending = false;
	while (!status && churn->open) {
		uint64_t patience_ns = (process_interrupted() ? 1 : LOAD_SILENCE_S) * SECOND_NS;

		status = take_turn(churn, moved_ns + patience_ns);
		if (moved_bytes != run->moved_bytes)
			moved_ns = window_now_ns();
		moved_bytes = run->moved_bytes;
		if (window_now_ns() >= moved_ns + patience_ns)
			break;
	}
	if (status || !churn->open || process_interrupted())
		return status;
	return fail(churn, -ETIMEDOUT, "no answer", churn->callers);
}

static int play(struct churn *churn)
{
	const struct load_options *options = churn->options;
	struct load_result *result = churn->result;
	struct window *window = &result->window;
	int status = 0;

	result->run.sending = true;
	for (uint32_t i = 0; !status && i < options->connections; i++)
		status = open_caller(churn, &churn->callers[i]);
	if (!status)
		status = play_until(churn, window_now_ns() + options->warmup_ns);
	window_open(window, options->subject, options->carrier);
	result->run.from_ns = window->opened.at_ns;
	if (!status)
		status = play_until(churn, result->run.from_ns + options->duration_ns);
	window_close(window);
	result->run.until_ns = window->closed.at_ns;
	if (!status && process_interrupted() && !result->run.answered)
		return reach_interrupted(result);
	return status ? status : drain(churn);
}

static void close_all(struct churn *churn)
{
	for (uint32_t i = 0; churn->callers && i < churn->options->connections; i++) {
		if (churn->callers[i].fd >= 0)
			close(churn->callers[i].fd);
	}
	if (churn->epoll >= 0)
		close(churn->epoll);
	free(churn->callers);
}

int churn_play(const struct load_options *options, struct load_result *result)
{
	struct churn churn = { .options = options, .result = result };
	struct addrinfo *found = NULL;
	int status;

	churn.callers = calloc(options->connections, sizeof(*churn.callers));
	churn.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; churn.callers && i < options->connections; i++)
		churn.callers[i].fd = -1;
	if (!churn.callers || churn.epoll < 0)
		status = reach_fail(options, result, -ENOMEM, "start", 0);
	else
		status = reach_resolve(options, result, &found);
	churn.to = found;
	if (!status)
		status = play(&churn);
	close_all(&churn);
	if (found)
		freeaddrinfo(found);
	return status;
}
