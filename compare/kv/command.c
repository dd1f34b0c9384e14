/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/command.h"

#include <duet/loop.h>
#include <stddef.h>
#include <string.h>

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

static int create(struct service *service, const struct kv_options *kv)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = kv->connections_max + 16;
	options.handles_max = kv->connections_max + 16;
	options.worker_threads = 0;
	return service_create(service, &options);
}

static int run(struct service *service, const struct kv_options *options, struct kv_server **server)
{
	duet_handle listener;
	json_t *counts;
	int code = service_listen(service, BACKLOG, &listener), status, written;

	if (code)
		return code;
	status = kv_start(server, service->loop, listener, options);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't begin to accept: %s%s",
				   strerror(-status), say_advice(status));
	code = service_run(service);
	counts = kv_counts(*server);
	service_print(service, counts);
	written = service_write(service, "kv", counts);
	return code ? code : written;
}

static int serve(struct service *service, const struct kv_options *options)
{
	struct kv_server *server = NULL;
	int code = service_find_backend(service, false);

	if (!code)
		code = service_check_output(service);
	if (!code)
		code = create(service, options);
	if (code)
		return code;
	code = run(service, options, &server);
	if (service_end(service, &code))
		kv_finish(server);
	return code;
}

int serve_kv_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1",
				 .memory_bytes = MEMORY_BYTES,
				 .options = { .connections_max = CONNECTIONS,
					      .idle_ns = UINT64_C(300000000000),
					      .patience_ns = UINT64_C(60000000000) } };
	struct service service;
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind kv: it takes "
				   "options alone", argv[first]);
	process_raise_files();
	values.options.memory_bytes = values.memory_bytes;
	service = (struct service){ .backend = values.backend, .host = values.host,
				    .json = values.json, .port = values.port };
	return serve(&service, &values.options);
}
