/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/copy/command.h"

#include <duet/loop.h>
#include <stddef.h>

#include "compare/copy/ahead.h"
#include "compare/copy/file.h"
#include "compare/copy/server.h"
#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/say.h"
#include "compare/service.h"

enum { BACKLOG = 4096, CONNECTIONS = 64, DEPTH = 4, BLOCK_BYTES = 64 << 10, WORKERS = 2 };

struct values {
	const char *backend, *host, *json;
	uint32_t port, workers;
	struct copy_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "from", OPTION_TEXT, AT(options.from), 0, 0, "FILE", "that is copied" },
	{ "to", OPTION_TEXT, AT(options.to), 0, 0, "FILE",
	  "that it is copied to, once; without it, who connects gets it" },
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "block", OPTION_SIZE, AT(options.block_bytes), 512, 16 << 20, "BYTES",
	  "read and written at a time (64K)" },
	{ "depth", OPTION_NUMBER, AT(options.depth), 1, AHEAD_DEPTH_MAX, "N",
	  "blocks under way at once, of each copy (4)" },
	{ "direct", OPTION_FLAG, AT(options.direct), 0, 0, "", "past the page cache (O_DIRECT)" },
	{ "fsync", OPTION_FLAG, AT(options.fsync), 0, 0, "",
	  "with --to: the copy is on the disk at its end" },
	{ "workers", OPTION_NUMBER, AT(workers), 1, 64, "N",
	  "threads for files, where polling copies (2)" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(options.connections_max), 1, 10000, "N",
	  "at once (64)" },
	{ "patience", OPTION_SECONDS, AT(options.patience_ns), 1000000, UINT64_C(86400000000000),
	  "SECONDS", "for a block to be taken by who connects (20)" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve copy", "--from FILE",
	"Copies a file into another with --to; or sends it to whoever connects, until SIGTERM, "
	"SIGHUP or Ctrl-C.",
	ROWS,
};

static const struct values DEFAULTS = {
	.backend = "auto", .host = "127.0.0.1", .workers = WORKERS,
	.options = { .block_bytes = BLOCK_BYTES, .depth = DEPTH, .connections_max = CONNECTIONS,
		     .patience_ns = UINT64_C(20000000000) },
};

struct serving {
	const struct copy_options *options;
	struct source source;
	struct duet_op op;
	struct copy_server *server;
};

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle listener;
	int code = source_open(&serving->source, service->loop, &serving->op), status;

	if (!code)
		code = service_listen(service, BACKLOG, &listener);
	if (code)
		return code;
	status = copy_server_start(&serving->server, service->loop, listener, &serving->source,
				   serving->options);
	return status ? service_refuse_start(status) : SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return copy_server_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	copy_server_finish(serving->server);
}

static const struct service_body BODY = { "copy", start, counts, finish };

/* A connection has its own operation, and one for each block. */
static int serve(struct service *service, struct duet_loop_options *options,
		 const struct copy_options *copy)
{
	struct serving serving = { .options = copy,
				   .source = { .path = copy->from, .direct = copy->direct } };

	duet_op_init(&serving.op, NULL, NULL);
	options->operations_max = copy->connections_max * (copy->depth + 1) + 16;
	options->handles_max = copy->connections_max + 16;
	process_raise_files();
	return service_serve(service, options, &BODY, &serving);
}

static int copy_once(struct service *service, struct duet_loop_options *options,
		     const struct copy_options *copy)
{
	int code = service_find_backend(service, false);

	service->word = "copied";
	if (!code)
		code = service_check_output(service);
	if (!code)
		code = service_create(service, options);
	return code ? code : copy_to_file(service, copy);
}

/* The one half of the options is for a file as the target, the other for who connects. */
static int check(const struct values *values)
{
	static const char *const OF_FILES[] = { "from", "to", "backend", "block", "depth", "direct",
						"fsync", "workers", "json", NULL };
	const char *given = values->options.to ? options_given(&SET, values, &DEFAULTS, OF_FILES)
					       : NULL;

	if (!values->options.from)
		return say_failure(SAY_USAGE, "serve: give --from FILE: what is copied");
	if (given)
		return say_failure(SAY_USAGE, "serve: --%s and --to: nobody connects to a "
				   "copy into a file; leave out one of them", given);
	if (values->options.fsync && !values->options.to)
		return say_failure(SAY_USAGE, "serve: --fsync is for a copy into a file: give "
				   "--to FILE");
	if (values->options.direct && values->options.block_bytes % AHEAD_ALIGNMENT)
		return say_failure(SAY_USAGE, "serve: --direct --block %u: give a multiple of "
				   "%d", values->options.block_bytes, AHEAD_ALIGNMENT);
	return SAY_OK;
}

int serve_copy_command(int argc, char **argv)
{
	struct values values = DEFAULTS;
	struct duet_loop_options options;
	struct service service;
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind copy: it takes "
				   "options alone", argv[first]);
	code = check(&values);
	if (code)
		return code;
	service = (struct service){ .backend = values.backend, .host = values.host,
				    .json = values.json, .port = values.port };
	duet_loop_options_init(&options);
	options.worker_threads = values.workers;
	return values.options.to ? copy_once(&service, &options, &values.options)
				 : serve(&service, &options, &values.options);
}
