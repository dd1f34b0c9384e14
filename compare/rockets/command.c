/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/rockets/command.h"

#include <duet/loop.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/rockets/catalogue.h"
#include "compare/rockets/server.h"
#include "compare/say.h"
#include "compare/service.h"

enum { BACKLOG = 4096, CONNECTIONS = 1024 };

struct values {
	const char *backend, *host, *json, *how;
	uint32_t port, items;
	struct rockets_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(options.connections_max), 1, 100000, "N",
	  "at once (1024)" },
	{ "items", OPTION_NUMBER, AT(items), 1, CATALOGUE_MAX, "N", "rockets in the list (48)" },
	{ "latency", OPTION_SECONDS, AT(options.latency_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "before each answer (0)" },
	{ "jitter", OPTION_SECONDS, AT(options.jitter_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "on top, at random up to this (0)" },
	{ "seed", OPTION_SEED, AT(options.seed), 0, UINT64_MAX, "N", "of all that is random (1)" },
	{ "fail-percent", OPTION_NUMBER, AT(options.fail_percent), 0, 100, "N",
	  "of the requests fail (0)" },
	{ "fail-request", OPTION_NUMBER, AT(options.fail_request), 0, UINT32_MAX, "N",
	  "the request of this number fails; 1 is the first (0: none)" },
	{ "fail-id", OPTION_TEXT, AT(options.fail_id), 0, 0, "ID", "requests for this rocket fail" },
	{ "fail-how", OPTION_TEXT, AT(how), 0, 0, "NAME",
	  "status: 500; cut: the connection ends half-way; stop: the body does; malformed: no "
	  "JSON (status)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve rockets", "",
	"Serves rockets as JSON over HTTP until SIGTERM, SIGHUP or Ctrl-C: GET /rockets, GET "
	"/rockets/ID.",
	ROWS,
};

struct serving {
	const struct values *values;
	struct catalogue catalogue;
	struct rockets_server *server;
};

static int find_how(struct values *values)
{
	int i = 0;

	while (i < ROCKETS_FAULTS && strcmp(values->how, ROCKETS_FAULT_NAMES[i]) != 0)
		i++;
	if (i == ROCKETS_FAULTS)
		return say_failure(SAY_USAGE, "serve: --fail-how %s: there is status, cut, stop and "
				   "malformed", values->how);
	values->options.fail_how = (enum rockets_fault)i;
	return SAY_OK;
}

static int make_catalogue(struct serving *serving)
{
	const struct values *values = serving->values;
	const char *id = values->options.fail_id;

	if (catalogue_make(&serving->catalogue, values->items))
		return say_failure(SAY_UNMEASURED, "serve: no memory for %u rockets; lower --items",
				   values->items);
	if (id && !catalogue_find(&serving->catalogue, id, strlen(id)))
		return say_failure(SAY_USAGE, "serve: --fail-id %s: no rocket is called so; GET "
				   "/rockets lists them", id);
	return SAY_OK;
}

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle listener;
	int code = service_listen(service, BACKLOG, &listener), status;

	if (code)
		return code;
	status = rockets_start(&serving->server, service->loop, listener, &serving->catalogue,
			       &serving->values->options);
	return status ? service_refuse_start(status) : SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return rockets_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	rockets_finish(serving->server);
}

static const struct service_body BODY = { "rockets", start, counts, finish };

static int serve(struct serving *serving)
{
	const struct values *values = serving->values;
	struct service service = { .backend = values->backend, .host = values->host,
				   .json = values->json, .port = values->port };
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 2 * values->options.connections_max + 16;
	options.handles_max = values->options.connections_max + 16;
	options.worker_threads = 0;
	return service_serve(&service, &options, &BODY, serving);
}

int serve_rockets_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1", .how = "status",
				 .items = catalogue_natural(),
				 .options = { .connections_max = CONNECTIONS, .seed = 1 } };
	struct serving serving = { .values = &values };
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind rockets: it takes "
				   "options alone", argv[first]);
	code = find_how(&values);
	if (code)
		return code;
	process_raise_files();
	code = make_catalogue(&serving);
	if (!code)
		code = serve(&serving);
	catalogue_free(&serving.catalogue);
	return code;
}
