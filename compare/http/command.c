/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/command.h"

#include <duet/loop.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "compare/http/server.h"
#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/say.h"
#include "compare/service.h"

enum { BACKLOG = 4096, CONNECTIONS = 1024, WORKERS = 2 };

struct values {
	const char *backend, *host, *json, *root;
	uint32_t port, workers;
	struct http_options options;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "root", OPTION_TEXT, AT(root), 0, 0, "FOLDER", "that is served (.)" },
	{ "backend", OPTION_TEXT, AT(backend), 0, 0, "NAME",
	  "completion, polling, auto (auto); NAME:KEY=VALUE" },
	{ "host", OPTION_TEXT, AT(host), 0, 0, "ADDRESS", "to listen on (127.0.0.1)" },
	{ "port", OPTION_NUMBER, AT(port), 0, 65535, "N", "to listen on (0: any free one)" },
	{ "connections", OPTION_NUMBER, AT(options.connections_max), 1, 100000, "N",
	  "at once (1024)" },
	{ "workers", OPTION_NUMBER, AT(workers), 1, 64, "N",
	  "threads for files, where polling serves (2)" },
	{ "idle", OPTION_SECONDS, AT(options.idle_ns), 1000000, UINT64_C(86400000000000), "SECONDS",
	  "between two requests, then the connection is closed (60)" },
	{ "patience", OPTION_SECONDS, AT(options.patience_ns), 1000000, UINT64_C(86400000000000),
	  "SECONDS", "for a request to be whole, and for each 16K of an answer to be taken (20)" },
	{ "log", OPTION_FLAG, AT(options.log), 0, 0, "", "a line a request on stderr" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE",
	  "write the counters there at the end; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"serve http", "",
	"Serves the files of a folder over HTTP/1.1 until SIGTERM, SIGHUP or Ctrl-C.", ROWS,
};

static int open_root(const char *path, int *root)
{
	int error;

	*root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*root < 0)
		return say_failure(SAY_USAGE, "serve: --root %s: %s%s", path, strerror(errno),
				   errno == ENOTDIR ? "; give a folder" : "");
	/* By the rights that its files are opened with: as they are in effect. */
	if (!faccessat(*root, ".", X_OK, AT_EACCESS))
		return SAY_OK;
	error = errno;
	close(*root);
	return say_failure(SAY_USAGE, "serve: --root %s: %s; give a folder that user %d may search",
			   path, strerror(error), (int)geteuid());
}

struct serving {
	const struct http_options *options;
	int root;
	struct http_server *server;
};

static int start(struct service *service, void *context)
{
	struct serving *serving = context;
	duet_handle listener;
	int code = service_listen(service, BACKLOG, &listener), status;

	if (code)
		return code;
	status = http_start(&serving->server, service->loop, listener, serving->root,
			    serving->options);
	return status ? service_refuse_start(status) : SAY_OK;
}

static json_t *counts(const void *context)
{
	const struct serving *serving = context;

	return http_counts(serving->server);
}

static void finish(void *context)
{
	struct serving *serving = context;

	http_finish(serving->server);
}

static const struct service_body BODY = { "http", start, counts, finish };

/* A connection has two operations at once, and a folder and a file open beside itself. */
static int serve(const struct values *values, int root)
{
	struct service service = { .backend = values->backend, .host = values->host,
				   .json = values->json, .port = values->port };
	struct serving serving = { .options = &values->options, .root = root };
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 2 * values->options.connections_max + 16;
	options.handles_max = 3 * values->options.connections_max + 16;
	options.worker_threads = values->workers;
	return service_serve(&service, &options, &BODY, &serving);
}

int serve_http_command(int argc, char **argv)
{
	struct values values = { .backend = "auto", .host = "127.0.0.1", .root = ".",
				 .workers = WORKERS,
				 .options = { .connections_max = CONNECTIONS,
					      .idle_ns = UINT64_C(60000000000),
					      .patience_ns = UINT64_C(20000000000) } };
	int first, code = options_read(&SET, argc, argv, &values, &first), root;

	if (code != OPTIONS_READ)
		return code;
	if (argc != first)
		return say_failure(SAY_USAGE, "serve: '%s' makes no sense behind http: it takes "
				   "options alone; the folder is --root", argv[first]);
	code = open_root(values.root, &root);
	if (code)
		return code;
	process_raise_files();
	code = serve(&values, root);
	close(root);
	return code;
}
