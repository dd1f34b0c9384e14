/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/floors.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/floors/floor_epoll.h"
#include "bench/floors/floor_uring.h"
#include "compare/local.h"
#include "compare/measure/window.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* Descriptors that are no connections: standard streams, listener, epoll or ring. */
enum { BACKLOG = 4096, DESCRIPTORS_SPARE = 64 };

static const struct echo_engine *const FLOORS[] = { &floor_epoll_engine, &floor_uring_engine };

const struct echo_engine *floors_find(const char *name)
{
	for (size_t i = 0; i < sizeof(FLOORS) / sizeof(*FLOORS); i++) {
		if (!strcmp(FLOORS[i]->name, name))
			return FLOORS[i];
	}
	return NULL;
}

/* A floor sleeps for as long as nothing comes, and knows nothing of signals: the end of its listener
 * is an event that wakes it, also if the signal came just before the sleep. */
static int listener = -1;
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
	shutdown(listener, SHUT_RDWR);
}

/* What was ignored when we were started stays so, as under nohup. */
static void obey_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }, before;

	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < 2; i++) {
		int number = i ? SIGHUP : SIGINT;

		if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	}
}

static int refuse_address(const struct local *address, int error)
{
	char shown[LOCAL_SHOWN_MAX];

	return say_failure(SAY_UNMEASURED, "serve: can't listen on %s: %s%s",
			   local_show(address, shown), strerror(error), error == EADDRINUSE
				   ? "; choose another --port, or 0 for any free one" : "");
}

static int listen_on(const struct floors_options *options, struct local *address)
{
	struct sockaddr *storage = (struct sockaddr *)&address->storage;
	int yes = 1;

	if (local_read(options->host, options->port, address))
		return say_failure(SAY_USAGE, "serve: --host %s: give an address of IPv4 or IPv6, "
				   "not a name", options->host);
	listener = socket(storage->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(listener, storage, address->length) ||
	    listen(listener, BACKLOG) ||
	    getsockname(listener, storage, &address->length))
		return refuse_address(address, errno);
	return SAY_OK;
}

/* The few of the loop's counters that a floor has, too: it counts where it makes the calls. */
static json_t *counters(const struct echo_tally *tally, uint64_t life_ns)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "waits", (json_int_t)tally->waits,
			 "system_calls", (json_int_t)tally->calls, "wasted",
			 (json_int_t)tally->wasted, "registrations", (json_int_t)tally->controls,
			 "life_ns", (json_int_t)life_ns);
}

static int run(const struct echo_engine *floor, void *self, const struct floors_options *options)
{
	uint64_t begun_ns = window_now_ns();
	int status = 0, code;
	json_t *json;

	while (!stopped && status >= 0)
		status = floor->turn(self);
	if (status < 0 && !stopped)
		return say_failure(SAY_UNMEASURED, "serve: the loop failed: %s", strerror(-status));
	if (!options->json)
		return SAY_OK;
	json = counters(floor->tally(self), window_now_ns() - begun_ns);
	code = store_write(json, options->json);
	json_decref(json);
	return code;
}

static int serve(const struct echo_engine *floor, const struct floors_options *options,
		 const struct local *address)
{
	char shown[LOCAL_SHOWN_MAX];
	const struct echo_shape shape = {
		.connections_max = options->connections,
		.descriptors_max = options->connections + DESCRIPTORS_SPARE,
		.buffer_count = options->buffers,
		.buffer_bytes = options->buffer_bytes,
	};
	void *self = floor->create(&shape);
	int status, code;

	if (!self)
		return say_failure(SAY_UNMEASURED, "serve: can't use %s: %s", floor->name,
				   strerror(errno));
	obey_signals();
	status = floor->serve(self, listener);
	if (status < 0) {
		code = say_failure(SAY_UNMEASURED, "serve: can't begin to accept: %s",
				   strerror(-status));
	} else {
		printf("listening on %s backend=%s\n", local_show(address, shown), floor->name);
		code = fflush(stdout) ? say_failure(SAY_UNMEASURED, "serve: can't write to the "
						    "standard output: %s", strerror(errno))
				      : run(floor, self, options);
	}
	floor->destroy(self);
	return code;
}

int floors_serve(const struct echo_engine *floor, const struct floors_options *options)
{
	struct local address;
	int code = listen_on(options, &address);

	if (!code)
		code = serve(floor, options, &address);
	if (listener >= 0)
		close(listener);
	return code;
}
