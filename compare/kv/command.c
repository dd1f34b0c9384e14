/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/command.h"

#include <duet/loop.h>
#include <stddef.h>

#include "compare/kv/server.h"
#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/say.h"
#include "compare/service.h"

enum { BACKLOG = 4096, CONNECTIONS = 1024, MEMORY_BYTES = 256 << 20, MEMORY_MAX = 1 << 30 };

struct values {
	const char *backend, *host, *json;
	uint32_t port, memory_bytes;
	struct kv_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(options.connections_max), 1, 100000, "N",
	  "at once (1024)" },
	{ "memory", OPTION_SIZE, AT(memory_bytes), 64 << 10, MEMORY_MAX, "BYTES",
	  "for keys, values and long requests (256M)" },
	{ "idle", OPTION_SECONDS, AT(options.idle_ns), 0, UINT64_C(86400000000000), "SECONDS",
	  "between two requests, then the connection is closed; 0: none is (300)" },
	{ "patience", OPTION_SECONDS, AT(options.patience_ns), 1000000, UINT64_C(86400000000000),
	  "SECONDS", "for a request to be whole, and for answers to be taken (60)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve kv", "",
	"Serves a store of keys and values over the Redis protocol until SIGTERM, SIGHUP or Ctrl-C.",
	ROWS,
};

struct serving {
	const struct kv_options *options;
	struct kv_server *server;
};

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle listener;
	int code = service_listen(service, BACKLOG, &listener), status;

	if (code)
		return code;
	status = kv_start(&serving->server, service->loop, listener, serving->options);
	return status ? service_refuse_start(status) : SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return kv_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	kv_finish(serving->server);
}

static const struct service_body BODY = { "kv", start, counts, finish };

static int serve(const struct values *values)
{
	struct service service = { .backend = values->backend, .host = values->host,
				   .json = values->json, .port = values->port };
	struct serving serving = { .options = &values->options };
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = values->options.connections_max + 16;
	options.handles_max = values->options.connections_max + 16;
	options.worker_threads = 0;
	return service_serve(&service, &options, &BODY, &serving);
}

int serve_kv_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1",
				 .memory_bytes = MEMORY_BYTES,
				 .options = { .connections_max = CONNECTIONS,
					      .idle_ns = UINT64_C(300000000000),
					      .patience_ns = UINT64_C(60000000000) } };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind kv: it takes "
				   "options alone", argv[first]);
	process_raise_files();
	values.options.memory_bytes = values.memory_bytes;
	return serve(&values);
}
