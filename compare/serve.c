/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/serve.h"

#include <arpa/inet.h>
#include <duet/buffer.h>
#include <duet/loop.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/arm.h"
#include "compare/backends.h"
#include "compare/floors.h"
#include "compare/measure/process.h"
#include "compare/measure/window.h"
#include "compare/models/model.h"
#include "compare/options.h"
#include "compare/report/counters.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* As many as wait for us at most: with multishot accepts a burst of that size may be delivered at
 * once, whatever place there is. */
enum { BACKLOG = 4096 };

struct values {
	const char *backend, *model, *host, *json;
	uint32_t port, connections, buffers, buffer_bytes;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto), floor-epoll, floor-uring; NAME:KEY=VALUE" },
	{ "model", OPTION_TEXT, AT(model), 0, 0, "NAME",
	  "callback, coroutine, future or native (callback)" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(connections), 1, 100000, "N", "at once (1024)" },
	{ "buffers", OPTION_NUMBER, AT(buffers), 1, 32768, "N", "to receive into (1024)" },
	{ "buffer-size", OPTION_SIZE, AT(buffer_bytes), 64, 1 << 20, "BYTES", "of each (16K)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve", "echo",
	"Serves echo over TCP until SIGTERM, SIGHUP or Ctrl-C.",
	ROWS,
};

struct server {
	const struct values *values;
	struct arm arm;
	struct duet_loop *loop;
	struct duet_probe probe; /* of a backend that was refused */
	const struct model *model;
	struct model_host host;
	void *state;
	bool stopped; /* by a signal */
};

/* The loop that a signal ends. A handler can be given nothing else. */
static struct duet_loop *signalled_loop;

static void on_signal(int number)
{
	(void)number;
	duet_loop_wake(signalled_loop);
}

static void on_woken(struct duet_loop *loop, void *context)
{
	struct server *server = context;

	(void)loop;
	server->stopped = true;
}

/* What was ignored when we were started stays so, as under nohup. */
static void obey_signals(struct duet_loop *loop)
{
	struct sigaction action = { .sa_handler = loop ? on_signal : SIG_DFL }, before;

	signalled_loop = loop;
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < 2; i++) {
		int number = i ? SIGHUP : SIGINT;

		if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	}
}

/* Of what an arm can be, a server is a backend with its keys: the model has an option of its own,
 * and nobody would read a name. */
static bool is_more_than_backend(const char *text)
{
	char mark = text[strcspn(text, "/=:")];

	return mark == '/' || mark == '=';
}

static int find_floor(const struct server *server)
{
	if (!floors_find(server->arm.backend))
		return say_failure(SAY_USAGE, "serve: --backend %s: there is " FLOORS_NAMES,
				   server->values->backend);
	if (strcmp(server->values->model, "callback") != 0)
		return say_failure(SAY_USAGE, "serve: --model %s: %s is written by hand and has no "
				   "models", server->values->model, server->arm.backend);
	return SAY_OK;
}

static int find_parts(struct server *server)
{
	const struct values *values = server->values;
	char why[ARM_WHY_MAX];

	if (arm_read(values->backend, &server->arm, why, sizeof(why)))
		return say_failure(SAY_USAGE, "serve: --backend: %s", why);
	if (server->arm.kind == ARM_EXTERNAL)
		return say_failure(SAY_USAGE, "serve: --backend %s: another program serves by "
				   "itself", values->backend);
	if (is_more_than_backend(values->backend))
		return say_failure(SAY_USAGE, "serve: --backend %s: give BACKEND[:KEY=VALUE], and the "
				   "model with --model", values->backend);
	if (server->arm.kind == ARM_FLOOR)
		return find_floor(server);
	if (!strcmp(server->arm.backend, "null"))
		return say_failure(SAY_USAGE, "serve: --backend null: it carries nothing out, so "
				   "there is nothing to connect to");
	if (strcmp(server->arm.backend, "auto") != 0 && !backends_find(server->arm.backend))
		return say_failure(SAY_USAGE, "serve: --backend %s: there is completion, polling, "
				   "auto, " FLOORS_NAMES, server->arm.backend);
	server->model = model_find(values->model);
	if (!server->model)
		return say_failure(SAY_USAGE, "serve: --model %s: there is " MODEL_NAMES,
				   values->model);
	if (server->model->only_on && strcmp(server->model->only_on, server->arm.backend) != 0)
		return say_failure(SAY_USAGE, "serve: --model %s is a dialect of --backend %s only",
				   server->model->name, server->model->only_on);
	return SAY_OK;
}

/* auto falls back only where the first choice isn't there or not permitted, and says so. */
static int create_first(struct server *server, const struct duet_loop_options *options)
{
	const struct duet_backend *all[BACKENDS_COUNT];
	int status;

	for (size_t i = 0; i < BACKENDS_COUNT; i++)
		all[i] = backends_at(i);
	status = duet_loop_create_first(&server->loop, all, BACKENDS_COUNT, options,
					&server->probe);
	if (!status && server->probe.error)
		say_note("%s is not available here, serving with %s: %s",
			 duet_backend_name(all[0]),
			 duet_backend_name(duet_loop_backend(server->loop)), server->probe.reason);
	return status;
}

static int create_loop(struct server *server)
{
	const struct values *values = server->values;
	const struct duet_backend *backend = backends_find(server->arm.backend); /* or auto */
	struct duet_loop_options options;
	int status;

	duet_loop_options_init(&options);
	options.operations_max = 3 * values->connections + 2 * values->buffers + 64;
	options.handles_max = values->connections + BACKLOG + 16;
	options.worker_threads = 0;
	arm_tune(&server->arm, &options);
	options.woken = on_woken;
	options.woken_context = server;
	status = backend ? duet_loop_create(&server->loop, backend, &options)
			 : create_first(server, &options);
	if (!status)
		return SAY_OK;
	if (!server->probe.error)
		duet_backend_probe(backend ? backend : backends_at(0), options.tuning,
				   &server->probe);
	return say_failure(server->probe.error == -EINVAL ? SAY_USAGE : SAY_UNMEASURED,
			   "serve: can't use %s: %s%s", server->arm.text,
			   server->probe.error ? server->probe.reason : strerror(-status),
			   server->probe.error ? "" : say_advice(status));
}

static const char *listen_advice(int status)
{
	if (status == -EADDRINUSE)
		return "; choose another --port, or 0 for any free one";
	if (status == -EACCES)
		return "; low ports are for root or CAP_NET_BIND_SERVICE: choose a --port from 1024 "
		       "on, or 0 for any free one";
	if (status == -EADDRNOTAVAIL)
		return "; give a --host that this machine has, as 127.0.0.1, or 0.0.0.0 for all";
	return say_advice(status);
}

static int listen_on(struct server *server)
{
	const struct values *values = server->values;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)values->port) };
	int status;

	if (inet_pton(AF_INET, values->host, &address.sin_addr) != 1)
		return say_failure(SAY_USAGE, "serve: --host %s: give an IPv4 address", values->host);
	status = duet_handle_listen(server->loop, (struct sockaddr *)&address, sizeof(address),
				    BACKLOG, &server->host.listener);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't listen on %s:%u: %s%s",
				   values->host, values->port, strerror(-status),
				   listen_advice(status));
	printf("listening on %s:%u backend=%s\n", values->host, ntohs(address.sin_port),
	       duet_backend_name(duet_loop_backend(server->loop)));
	status = say_flush();
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't write to the standard output: %s",
				   strerror(-status));
	return SAY_OK;
}

static uint32_t power_of_two(uint32_t count)
{
	uint32_t power = 1;

	while (power < count)
		power *= 2;
	return power;
}

static int prepare(struct server *server)
{
	const struct values *values = server->values;
	struct model_host *host = &server->host;
	int status;

	host->loop = server->loop;
	host->connections_max = values->connections;
	host->parked_max = BACKLOG;
	host->buffers = power_of_two(values->buffers);
	status = duet_pool_create(server->loop, host->buffers, values->buffer_bytes, &host->pool);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't have %u buffers of %u bytes: %s%s",
				   host->buffers, values->buffer_bytes, strerror(-status),
				   say_advice(status));
	obey_signals(server->loop);
	return listen_on(server);
}

static int write_counters(const struct server *server, uint64_t life_ns)
{
	struct model_counts counts;
	json_t *json;
	int code;

	if (!server->values->json)
		return SAY_OK;
	json = counters_json(server->loop, life_ns);
	if (server->model->count) {
		server->model->count(server->state, &counts);
		counters_add_model(json, &counts);
	}
	code = store_write(json, server->values->json);
	json_decref(json);
	return code;
}

static int run(struct server *server)
{
	uint64_t begun_ns = window_now_ns();
	int status = server->model->start(&server->host, &server->state), code;

	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't begin to accept: %s",
				   strerror(-status));
	/* Turn by turn: the waits of a native dialect are no operations, and a loop that has none
	 * pending thinks that it is done. */
	while (!server->stopped && status >= 0)
		status = duet_loop_turn(server->loop, -1);
	code = write_counters(server, window_now_ns() - begun_ns);
	if (status < 0)
		return say_failure(SAY_UNMEASURED, "serve: the loop failed: %s", strerror(-status));
	return code;
}

static void dump_line(void *context, const char *text)
{
	(void)context;
	say_note("serve: still pending: %s", text);
}

static int end(struct server *server, int code)
{
	obey_signals(NULL);
	duet_loop_shutdown(server->loop, window_now_ns() + UINT64_C(2000000000));
	if (duet_loop_destroy(server->loop)) {
		duet_loop_dump(server->loop, dump_line, NULL);
		return code ? code : SAY_UNMEASURED;
	}
	if (server->state)
		server->model->finish(server->state);
	return code;
}

static int serve_floor(const struct server *server)
{
	const struct values *values = server->values;
	const struct floors_options options = {
		.host = values->host,
		.json = values->json,
		.port = values->port,
		.connections = values->connections,
		.buffers = power_of_two(values->buffers),
		.buffer_bytes = values->buffer_bytes,
	};

	return floors_serve(floors_find(server->arm.backend), &options);
}

int serve_command(int argc, char **argv)
{
	struct values values = { "auto", "callback", "127.0.0.1", NULL, 0, 1024, 1024, 16384 };
	struct server server = { .values = &values };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc - first != 1 || strcmp(argv[first], "echo") != 0)
		return say_failure(SAY_USAGE, "serve: the one thing to serve is echo: duet serve echo");
	process_raise_files();
	code = find_parts(&server);
	if (!code)
		code = say_check_output("serve: ");
	if (!code && values.json)
		code = store_check(values.json, "serve");
	if (!code && server.arm.kind == ARM_FLOOR)
		return serve_floor(&server);
	if (!code)
		code = create_loop(&server);
	if (code)
		return code;
	code = prepare(&server);
	if (!code)
		code = run(&server);
	return end(&server, code);
}
