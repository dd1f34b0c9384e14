/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/load.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/churn.h"
#include "compare/load/learn.h"
#include "compare/load/pace.h"
#include "compare/load/pattern.h"
#include "compare/load/reach.h"
#include "compare/measure/process.h"

/* An open loop takes fewer answers at once: what is due meanwhile has to wait for them. No wait is
 * longer than WAIT_MAX_MS: a signal that came just before it is seen soon after. */
enum { EVENTS_MAX = 256, OPEN_EVENTS_MAX = 32, WAIT_MAX_MS = 100, SLOW_TICK_NS = 1000000 };
const char *const LOAD_NAMES[LOAD_MANNERS] = { "echo", "churn", "slow", "http", "kv", "udp", "copy" };

/* What a slow reader's socket takes in for it: the rest is the server's to keep. */
static const int SLOW_WINDOW = 65536;

static const uint64_t SECOND_NS = UINT64_C(1000000000);

struct load {
	const struct load_options *options;
	struct load_result *result;
	struct connection *connections;
	uint64_t *stamps_ns; /* connections * depth of them */
	struct dialogue *dialogues; /* kv: one a connection; http: one for all; NULL: an echo */
	uint32_t dialogue_count;
	struct pace pace;
	uint64_t next; /* message of the schedule: all before it were begun or are held */
	int epoll;
	uint32_t open; /* connections whose peer hasn't ended */
	bool leaving;  /* we said goodbye: now the peer may, too */
	bool slow;     /* reads no faster than its rate, whatever has come */
	bool datagrams;
	uint64_t read_ns; /* slow: when it last read */
};

static int fail(struct load *load, int error, const char *what, uint32_t connection)
{
	return reach_fail(load->options, load->result, error, what, connection);
}

static int open_connection(struct load *load, uint32_t index, const struct addrinfo *to)
{
	struct connection *connection = &load->connections[index];
	struct epoll_event event = { .events = load->slow ? 0 : EPOLLIN, .data.u32 = index };
	int status;

	connection->fd = reach_socket(to, load->datagrams ? SOCK_DGRAM : SOCK_STREAM);
	if (connection->fd < 0)
		return fail(load, connection->fd, connection->fd == -EMFILE ? REACH_NO_DESCRIPTOR
									    : "socket", index);
	connection->stream = index;
	if (load->dialogues)
		connection->dialogue = &load->dialogues[index % load->dialogue_count];
	connection->rationed = load->slow;
	if (load->slow)
		setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &SLOW_WINDOW, sizeof(SLOW_WINDOW));
	connection->stamps_ns = load->stamps_ns + (size_t)index * load->result->run.depth;
	status = reach_in_time(connection->fd, to);
	if (process_interrupted())
		return reach_interrupted(load->result);
	if (status)
		return fail(load, status, "connect", index);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event))
		return fail(load, -errno, "epoll_ctl", index);
	load->open++;
	return 0;
}

static int open_all(struct load *load)
{
	struct addrinfo *found = NULL;
	int status = reach_resolve(load->options, load->result, &found);

	if (!status && load->dialogues)
		status = learn_dialogues(load->options, load->result, found, load->dialogues);
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
	struct epoll_event event = { .events = load->slow ? 0 : EPOLLIN, .data.u32 = index };

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
	const uint64_t owed = connection_owed_bytes(connection, &load->result->run);

	epoll_ctl(load->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	load->open--;
	if (owed > connection->received_bytes)
		load->result->lost_bytes += owed - connection->received_bytes;
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

static int serve_events(struct load *load, const struct epoll_event *events, int count)
{
	int status = 0;

	for (int i = 0; !status && i < count; i++)
		status = serve_event(load, &events[i]);
	return status;
}

/* One wait, of a millisecond at most towards the end so that a window ends when it should. */
static int take_turn(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_ns = window_now_ns();
	uint64_t wait_ms = until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0;
	int count = epoll_wait(load->epoll, events, EVENTS_MAX,
			       wait_ms < WAIT_MAX_MS ? (int)wait_ms : WAIT_MAX_MS);

	if (count < 0)
		return errno == EINTR ? 0 : fail(load, -errno, "epoll_wait", 0);
	return serve_events(load, events, count);
}

/* A connection whose socket is full sends when it has room again: an attempt would be in vain. */
static int send_due(struct load *load)
{
	struct connection_run *run = &load->result->run;
	uint64_t now_ns = window_now_ns();
	int status = 0;

	for (int i = 0; !status && i < OPEN_EVENTS_MAX; i++) {
		uint32_t index = schedule_connection(&run->schedule, load->next);

		if (schedule_due_ns(&run->schedule, load->next) > now_ns)
			break;
		load->next++;
		if (load->connections[index].blocked)
			connection_begin(&load->connections[index], run, now_ns);
		else
			status = send_on(load, index, now_ns);
		now_ns = window_now_ns();
	}
	return status;
}

static int take_open_turn(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[OPEN_EVENTS_MAX];
	int status = send_due(load), count;
	uint64_t next_ns = schedule_due_ns(&load->result->run.schedule, load->next);
	uint64_t awake_ns = window_now_ns() + WAIT_MAX_MS * UINT64_C(1000000);

	if (status)
		return status;
	until_ns = next_ns < until_ns ? next_ns : until_ns;
	count = pace_wait(&load->pace, load->epoll, events, OPEN_EVENTS_MAX,
			  awake_ns < until_ns ? awake_ns : until_ns);
	if (count < 0)
		return count == -EINTR ? 0 : fail(load, count, "epoll_pwait2 (since Linux 5.11)",
							 0);
	return serve_events(load, events, count);
}

/* ---- A reader that is slower than its writer. ---- */

/* So much has become due since the last time. A connection that broke is heard out. */
static int read_slowly(struct load *load)
{
	uint64_t now_ns = window_now_ns(), passed_ns = now_ns - load->read_ns;
	uint64_t due_bytes = load->options->read_bytes_per_s * passed_ns / SECOND_NS;
	int status = 0;

	load->read_ns = now_ns;
	for (uint32_t i = 0; !status && i < load->options->connections; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		load->connections[i].allowed_bytes += due_bytes;
		status = serve_event(load, &event);
	}
	return status;
}

/* A millisecond, or a little less. */
static int take_slow_turn(struct load *load)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(load->epoll, events, EVENTS_MAX, 1), status = 0;

	if (count < 0)
		return errno == EINTR ? 0 : fail(load, -errno, "epoll_wait", 0);
	for (int i = 0; !status && i < count; i++) {
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			load->connections[events[i].data.u32].rationed = false;
		status = serve_event(load, &events[i]);
	}
	return status || window_now_ns() - load->read_ns < SLOW_TICK_NS ? status
									: read_slowly(load);
}

static int play_until(struct load *load, uint64_t until_ns)
{
	bool open = load->options->rate_per_s;
	int status = 0;

	while (!status && window_now_ns() < until_ns && !process_interrupted())
		status = load->slow ? take_slow_turn(load)
			: open ? take_open_turn(load, until_ns) : take_turn(load, until_ns);
	return status;
}

static uint64_t sent_bytes(const struct load *load)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < load->options->connections; i++)
		sum += load->connections[i].sent_bytes;
	return sum;
}

/* Until the writers get no further ahead: all that can be kept for the readers is kept somewhere. */
static int play_until_full(struct load *load)
{
	const uint64_t until_ns = window_now_ns() + LOAD_SILENCE_S * SECOND_NS;
	uint64_t read_a_stretch = load->options->connections * load->options->read_bytes_per_s / 50;
	uint64_t before = 0, sent = sent_bytes(load);
	int status = 0;

	while (!status && sent - before > 2 * read_a_stretch && window_now_ns() < until_ns &&
	       !process_interrupted()) {
		before = sent;
		status = play_until(load, window_now_ns() + SECOND_NS / 50);
		sent = sent_bytes(load);
	}
	return status;
}

/* What is left is read as fast as it comes. */
static void hurry(struct load *load)
{
	load->slow = false;
	for (uint32_t i = 0; i < load->options->connections; i++) {
		load->connections[i].rationed = false;
		watch(load, i, !load->connections[i].blocked);
	}
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
		 "%s: no answer for %d s on %u of %u connections: the server hangs, or %s",
		 load->options->address.shown, LOAD_SILENCE_S, unanswered,
		 load->options->connections, load->datagrams ? "a datagram was lost"
		 : "takes fewer connections at once");
	return -ETIMEDOUT;
}

/* A closed loop has nothing more to send, nor has an open one whose rate was too much. But of a
 * rate that was kept everything that was due is sent: what is left of it may be the slowest. */
static int send_rest(struct load *load)
{
	struct connection_run *run = &load->result->run;
	int status = 0;

	run->sending = run->schedule.rate_per_s && load_rate_kept(load->result);
	for (uint32_t i = 0; !status && i < load->options->connections; i++) {
		if (run->sending)
			status = send_on(load, i, window_now_ns());
		else
			connection_stop(&load->connections[i], run);
	}
	return status;
}

/* Waits for the answers that are still out, then says goodbye and looks whether more bytes come
 * than were sent. After silence the goodbye tells a server that lost something, and ends the
 * connection without it, from one that may yet answer. */
static int drain(struct load *load)
{
	int status = send_rest(load), parted;
	uint32_t unanswered;

	if (load->slow)
		hurry(load);
	if (!status)
		status = turn_while(load, unanswered_connections, LOAD_SILENCE_S * SECOND_NS);
	if (status && status != -ETIMEDOUT)
		return status;
	unanswered = unanswered_connections(load);
	if (load->datagrams)
		return status && !process_interrupted() ? fail_silent(load, unanswered) : 0;
	say_goodbye(load);
	parted = turn_while(load, open_connections, 2 * SECOND_NS);
	if (status && !load->result->lost_bytes && !process_interrupted())
		return fail_silent(load, unanswered);
	return parted == -ETIMEDOUT ? 0 : parted;
}

static int begin(struct load *load)
{
	struct connection_run *run = &load->result->run;
	int status = 0;

	run->sending = true;
	run->schedule.start_ns = window_now_ns();
	for (uint32_t i = 0; !status && i < load->options->connections; i++)
		status = send_on(load, i, run->schedule.start_ns);
	return status;
}

static int play(struct load *load)
{
	struct connection_run *run = &load->result->run;
	struct window *window = &load->result->window;
	int status;

	load->read_ns = window_now_ns();
	status = begin(load);
	if (!status)
		status = play_until(load, run->schedule.start_ns + load->options->warmup_ns);
	if (!status && load->slow)
		status = play_until_full(load);
	window_open(window, load->options->subject, load->options->carrier);
	run->from_ns = window->opened.at_ns;
	if (!status)
		status = play_until(load, run->from_ns + load->options->duration_ns);
	window_close(window);
	run->until_ns = window->closed.at_ns;
	if (!status && process_interrupted() && !run->answered)
		return reach_interrupted(load->result);
	if (run->schedule.rate_per_s)
		load->result->due = schedule_count(&run->schedule, run->until_ns) -
			schedule_count(&run->schedule, run->from_ns);
	return status ? status : drain(load);
}

bool load_datagrams_fit(uint32_t connections, uint32_t size_bytes)
{
	return size_bytes <= UDP_SIZE_MAX &&
		(uint64_t)connections * (size_bytes + UDP_WAITING_EACH) <= UDP_WAITING_MAX;
}

bool load_rate_kept(const struct load_result *result)
{
	const struct connection_run *run = &result->run;
	uint64_t second = run->schedule.rate_per_s, due = result->due;
	uint64_t missing = due > run->answered ? due - run->answered : 0;
	bool few = 50 * missing <= due || (50 * missing <= second && 10 * missing <= due);

	return !run->held && (missing <= 1 || few);
}

bool load_limited(const struct load_result *result)
{
	const struct connection_run *run = &result->run;
	const struct window *window = &result->window;
	double late_ns = histogram_quantile(&run->late, 0.99);

	if (run->schedule.rate_per_s)
		return late_ns > LOAD_LATE_NS &&
			late_ns > histogram_quantile(&run->latency, 0.99) / 4;
	return 100 * (window->closed.own_cpu_ns - window->opened.own_cpu_ns) >=
		95 * window_elapsed_ns(window);
}

static void close_all(struct load *load)
{
	for (uint32_t i = 0; load->connections && i < load->options->connections; i++) {
		if (load->connections[i].fd >= 0)
			close(load->connections[i].fd);
	}
	if (load->epoll >= 0)
		close(load->epoll);
	for (uint32_t i = 0; load->dialogues && i < load->dialogue_count; i++)
		dialogue_end(&load->dialogues[i]);
	free(load->dialogues);
	free(load->connections);
	free(load->stamps_ns);
}

static uint32_t stamps_of(const struct load_options *options)
{
	uint32_t second = (options->rate_per_s + options->connections - 1) / options->connections;

	if (!options->rate_per_s)
		return options->depth;
	return second < LOAD_STAMPS_MIN ? LOAD_STAMPS_MIN : second;
}

static void prepare_run(const struct load_options *options, struct connection_run *run)
{
	run->schedule.rate_per_s = options->rate_per_s;
	run->schedule.connections = options->connections;
	run->size_bytes = run->answer_bytes = options->size_bytes;
	run->depth = stamps_of(options);
	run->from_ns = run->until_ns = UINT64_MAX;
}

int load_play(const struct load_options *options, struct load_result *result)
{
	struct load load = { .options = options, .result = result,
			     .slow = options->manner == LOAD_SLOW,
			     .datagrams = options->manner == LOAD_UDP };
	int status;

	memset(result, 0, sizeof(*result));
	prepare_run(options, &result->run);
	pattern_make();
	if (options->manner == LOAD_CHURN || options->manner == LOAD_COPY) {
		status = churn_play(options, result);
		result->ended_early = process_interrupted();
		return result->lost_bytes ? 0 : status;
	}
	load.connections = calloc(options->connections, sizeof(*load.connections));
	load.stamps_ns = calloc((size_t)options->connections * result->run.depth,
				sizeof(*load.stamps_ns));
	load.dialogue_count = learn_count(options);
	if (load.dialogue_count)
		load.dialogues = calloc(load.dialogue_count, sizeof(*load.dialogues));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load.connections || !load.stamps_ns || load.epoll < 0 ||
	    !load.dialogues != !load.dialogue_count) {
		status = fail(&load, -ENOMEM, "start", 0);
	} else {
		for (uint32_t i = 0; i < options->connections; i++)
			load.connections[i].fd = -1;
		status = open_all(&load);
	}
	if (options->rate_per_s)
		pace_prepare(&load.pace, options->subject);
	if (!status)
		status = play(&load);
	close_all(&load);
	result->ended_early = process_interrupted();
	return result->lost_bytes ? 0 : status; /* what was seen to be lost stays so */
}
