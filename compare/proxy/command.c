/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/proxy/command.h"

#include <duet/loop.h>
#include <stddef.h>

#include "compare/load/address.h"
#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/proxy/server.h"
#include "compare/say.h"
#include "compare/service.h"

enum { BACKLOG = 4096, CONNECTIONS = 1024, BUFFERS = 1024, BUFFER_BYTES = 16 << 10 };

struct values {
	const char *to, *backend, *host, *json;
	uint32_t port;
	struct proxy_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "to", OPTION_TEXT, AT(to), 0, 0, "HOST:PORT",
	  "where connections lead to; PORT alone is on 127.0.0.1" },
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(options.connections_max), 1, 100000, "N",
	  "at once (1024)" },
	{ "buffers", OPTION_NUMBER, AT(options.buffers), 1, 32768, "N",
	  "for what is on its way, of all connections (1024)" },
	{ "buffer-size", OPTION_SIZE, AT(options.buffer_bytes), 64, 1 << 20, "BYTES",
	  "of each (16K)" },
	{ "idle", OPTION_SECONDS, AT(options.idle_ns), 0, UINT64_C(86400000000000), "SECONDS",
	  "in which nothing moves, then both sides are reset; 0: they never are (300)" },
	{ "patience", OPTION_SECONDS, AT(options.patience_ns), 1000000, UINT64_C(86400000000000),
	  "SECONDS", "to reach the target, and for bytes to be taken once no buffer is left (10)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve proxy", "",
	"Relays TCP connections to another server until SIGTERM, SIGHUP or Ctrl-C.", ROWS,
};

struct serving {
	const struct proxy_options *options;
	struct address to;
	struct proxy_server *server;
};

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle listener;
	int code = proxy_open(&serving->server, service->loop, &serving->to, serving->options);
	int status;

	if (!code)
		code = service_listen(service, BACKLOG, &listener);
	if (code)
		return code;
	status = proxy_start(serving->server, listener);
	return status ? service_refuse_start(status) : SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return proxy_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	proxy_finish(serving->server);
}

static const struct service_body BODY = { "proxy", start, counts, finish };

/* A connection has two handles, and an operation for each direction. Names are asked for on a thread. */
static int serve(const struct values *values, struct serving *serving)
{
	struct service service = { .backend = values->backend, .host = values->host,
				   .json = values->json, .port = values->port };
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 2 * values->options.connections_max + 16;
	options.handles_max = 2 * values->options.connections_max + 16;
	options.worker_threads = 0;
	options.work_threads = 1;
	return service_serve(&service, &options, &BODY, serving);
}

static int read_target(const char *text, struct address *to)
{
	if (!text)
		return say_failure(SAY_USAGE, "serve: proxy needs --to HOST:PORT: where its "
				   "connections lead to");
	if (address_read(text, to))
		return say_failure(SAY_USAGE, "serve: --to %s: give HOST:PORT, as localhost:8080 or "
				   "[::1]:8080", text);
	return SAY_OK;
}

int serve_proxy_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1",
				 .options = { .connections_max = CONNECTIONS, .buffers = BUFFERS,
					      .buffer_bytes = BUFFER_BYTES,
					      .idle_ns = UINT64_C(300000000000),
					      .patience_ns = UINT64_C(10000000000) } };
	struct serving serving = { .options = &values.options };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind proxy: it takes "
				   "options alone; the target is --to", argv[first]);
	code = read_target(values.to, &serving.to);
	if (code)
		return code;
	process_raise_files();
	return serve(&values, &serving);
}
