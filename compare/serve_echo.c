/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/serve.h"

#include <duet/buffer.h>
#include <duet/loop.h>
#include <stddef.h>
#include <string.h>

#include "compare/floors.h"
#include "compare/measure/process.h"
#include "compare/models/model.h"
#include "compare/options.h"
#include "compare/report/counters.h"
#include "compare/say.h"
#include "compare/service.h"

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
	"serve echo", "", "Serves echo over TCP until SIGTERM, SIGHUP or Ctrl-C.",
	ROWS,
};

struct server {
	const struct values *values;
	struct service service;
	const struct model *model;
	struct model_host host;
	void *state;
};

static int find_parts(struct server *server)
{
	const struct values *values = server->values;
	const struct arm *arm = &server->service.arm;
	int code = service_find_backend(&server->service, true);

	if (code)
		return code;
	if (arm->kind == ARM_FLOOR && strcmp(values->model, "callback") != 0)
		return say_failure(SAY_USAGE, "serve: --model %s: %s is written by hand and has no "
				   "models", values->model, arm->backend);
	server->model = model_find(values->model);
	if (!server->model)
		return say_failure(SAY_USAGE, "serve: --model %s: there is " MODEL_NAMES,
				   values->model);
	if (server->model->only_on && strcmp(server->model->only_on, arm->backend) != 0)
		return say_failure(SAY_USAGE, "serve: --model %s is a dialect of --backend %s only",
				   server->model->name, server->model->only_on);
	return SAY_OK;
}

static int create_loop(struct server *server)
{
	const struct values *values = server->values;
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 3 * values->connections + 2 * values->buffers + 64;
	options.handles_max = values->connections + BACKLOG + 16;
	options.worker_threads = 0;
	return service_create(&server->service, &options);
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
	struct duet_loop *loop = server->service.loop;
	struct model_host *host = &server->host;
	int status;

	host->loop = loop;
	host->connections_max = values->connections;
	host->parked_max = BACKLOG;
	host->buffers = power_of_two(values->buffers);
	status = duet_pool_create(loop, host->buffers, values->buffer_bytes, &host->pool);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't have %u buffers of %u bytes: %s%s",
				   host->buffers, values->buffer_bytes, strerror(-status),
				   say_advice(status));
	return service_listen(&server->service, BACKLOG, &host->listener);
}

/* NULL where the model has no tasks to count. */
static json_t *counts_json(const struct server *server)
{
	struct model_counts counts;
	json_t *json;

	if (!server->model->count)
		return NULL;
	json = json_object();
	server->model->count(server->state, &counts);
	counters_add_model(json, &counts);
	return json;
}

static int run(struct server *server)
{
	int status = server->model->start(&server->host, &server->state), code, written;

	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't begin to accept: %s",
				   strerror(-status));
	code = service_run(&server->service);
	written = service_write(&server->service, NULL, counts_json(server));
	return code ? code : written;
}

static int end(struct server *server, int code)
{
	if (service_end(&server->service, &code) && server->state)
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

	return floors_serve(floors_find(server->service.arm.backend), &options);
}

int serve_echo_command(int argc, char **argv)
{
	struct values values = { "auto", "callback", "127.0.0.1", NULL, 0, 1024, 1024, 16384 };
	struct server server = { .values = &values };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind echo: it takes "
				   "options alone", argv[first]);
	process_raise_files();
	server.service = (struct service){ .backend = values.backend, .host = values.host,
					   .json = values.json, .port = values.port };
	code = find_parts(&server);
	if (!code)
		code = service_check_output(&server.service);
	if (!code && server.service.arm.kind == ARM_FLOOR)
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
