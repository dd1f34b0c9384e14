/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/udp/command.h"

#include <duet/loop.h>
#include <stddef.h>
#include <string.h>

#include "compare/options.h"
#include "compare/say.h"
#include "compare/service.h"
#include "compare/udp/server.h"

enum { RECEIVES = 64, SIZE_BYTES = 65535 };

struct values {
	const char *backend, *host, *json;
	uint32_t port;
	struct udp_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "receives", OPTION_NUMBER, AT(options.receives), 1, 4096, "N",
	  "datagrams at once, each from its receive to its answer (64)" },
	{ "size", OPTION_SIZE, AT(options.size_bytes), 1, SIZE_BYTES, "BYTES",
	  "of the longest datagram that is answered (65535)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve udp", "",
	"Sends datagrams back to where they came from until SIGTERM, SIGHUP or Ctrl-C.", ROWS,
};

struct serving {
	const struct udp_options *options;
	struct udp_server *server;
};

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle socket;
	int code = service_bind(service, &socket), status;

	if (code)
		return code;
	status = udp_start(&serving->server, service->loop, socket, serving->options);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't begin to receive: %s%s",
				   strerror(-status), say_advice(status));
	return SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return udp_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	udp_finish(serving->server);
}

static const struct service_body BODY = { "udp", start, counts, finish };

static int serve(const struct values *values)
{
	struct service service = { .backend = values->backend, .host = values->host,
				   .json = values->json, .port = values->port };
	struct serving serving = { .options = &values->options };
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = values->options.receives + 16;
	options.handles_max = 16;
	options.worker_threads = 0;
	return service_serve(&service, &options, &BODY, &serving);
}

int serve_udp_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1",
				 .options = { RECEIVES, SIZE_BYTES } };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind udp: it takes "
				   "options alone", argv[first]);
	return serve(&values);
}
