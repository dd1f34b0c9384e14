/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo over TCP on loopback: a server process plays the arm, and the load generator, a process of
 * its own that is the same for every arm, checks what comes back. Churn and slow are the same server under
 * another load: a connection for each message, and a reader that is slower than its writer. The others
 * are servers of their own: http, a file is fetched; kv, a value is stored and fetched; proxy, an echo is
 * relayed; udp, echo in datagrams; copy, a file comes to each who connects. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "compare/kernel/view.h"
#include "compare/load/load.h"
#include "compare/measure/process.h"
#include "compare/say.h"
#include "compare/workloads/arguments.h"
#include "compare/workloads/external.h"
#include "compare/workloads/folder.h"
#include "compare/workloads/listening.h"
#include "compare/workloads/workload.h"

/* The load gives up by itself where nothing moves any more; the last timeout is for a load that is
 * stuck. */
enum { LOAD_TIMEOUT_MS = 120000, SPARE_CONNECTIONS = 8 };

/* Descriptors that a server or a load has beside its connections, at most. */
enum { SPARE_FILES = 16 };

struct pair {
	const struct stage *stage;
	const struct cell *cell;
	const struct arm *arm;
	struct process server, load;
	struct process target; /* proxy: where the arm leads to; the same for every arm */
	char address[64], target_address[64];
};

static bool has_depth(const struct cell *cell)
{
	return cell->workload != &WORKLOAD_CHURN && cell->workload != &WORKLOAD_UDP &&
	       cell->workload != &WORKLOAD_COPY;
}

static void write_transport(const struct cell *cell, char *text, size_t size)
{
	if (cell->delay_ns)
		snprintf(text, size, "TCP over a wire of %g ms each way",
			 (double)cell->delay_ns / 1e6);
	else
		snprintf(text, size, "%s", cell->workload == &WORKLOAD_UDP ? "UDP on loopback"
			 : cell->workload == &WORKLOAD_PROXY ? "TCP on loopback, twice"
			 : "TCP on loopback");
}

static json_t *load_json(const struct cell *cell)
{
	if (cell->rate_per_s)
		return json_sprintf("open loop at %u a second", cell->rate_per_s);
	return json_string(cell->workload == &WORKLOAD_CHURN  ? "a connection a message"
			   : cell->workload == &WORKLOAD_COPY ? "a connection a file"
							      : "closed loop");
}

static json_t *parameters(const struct cell *cell)
{
	char transport[64];
	json_t *json;

	write_transport(cell, transport, sizeof(transport));
	json = json_pack("{s:s, s:o, s:i, s:i}", "transport", transport, "load", load_json(cell),
			 "connections", (int)cell->connections, "size_bytes",
			 (int)cell->size_bytes);
	if (cell->rate_per_s)
		json_object_set_new(json, "rate_per_s", json_integer(cell->rate_per_s));
	else if (has_depth(cell))
		json_object_set_new(json, "depth", json_integer(cell->depth));
	if (cell->workload == &WORKLOAD_SLOW)
		json_object_set_new(json, "read_bytes_per_s", json_integer(cell->read_bytes_per_s));
	if (cell->delay_ns)
		json_object_set_new(json, "delay_ns", json_integer((json_int_t)cell->delay_ns));
	return json;
}

/* A request for a file has the file open, and for a moment the folder; what is relayed has two ends. */
static uint32_t files_of_connection(const struct cell *cell)
{
	return cell->workload == &WORKLOAD_HTTP ? 3 : cell->workload == &WORKLOAD_PROXY ? 2 : 1;
}

static int check(const struct cell *cell)
{
	const char *name = cell->workload->name;
	uint32_t each = files_of_connection(cell);
	int code = cell->delay_ns ? SAY_OK : listening_check_loopback(name);

	if (!code && cell->workload == &WORKLOAD_UDP &&
	    !load_datagrams_fit(cell->connections, cell->size_bytes))
		return say_failure(SAY_USAGE, LOAD_DATAGRAMS_REFUSED, "compare", cell->size_bytes,
				   cell->connections);
	return code ? code : listening_check_files(name, cell->connections,
						   each * cell->connections + SPARE_FILES);
}

/* Their servers have one model, and a floor echoes. */
static int check_service_arm(const struct cell *cell, const struct arm *arm)
{
	const char *name = cell->workload->name;

	if (arm->kind == ARM_EXTERNAL && cell->workload == &WORKLOAD_KV)
		return SAY_OK;
	if (arm->kind != ARM_BACKEND || !strcmp(arm->backend, "null"))
		return say_failure(SAY_USAGE, "arm %s: the workload %s is played by completion and "
				   "polling%s", arm->name, name, cell->workload == &WORKLOAD_KV
				   ? ", and by other programs that speak the protocol of Redis" : "");
	return strcmp(arm->model, "callback")
		? say_failure(SAY_USAGE, "arm %s: the workload %s has no model '%s'; it has callback",
			      arm->name, name, arm->model)
		: SAY_OK;
}

static int prepare(struct stage *stage, const struct cell *cell)
{
	return cell->delay_ns ? wire_open(&stage->wire, cell->delay_ns, stage->load_cpu) : SAY_OK;
}

static void tidy(struct stage *stage)
{
	wire_close(&stage->wire);
}

static int prepare_folder(struct stage *stage, const struct cell *cell)
{
	int status = folder_make(stage->folder, sizeof(stage->folder), cell->size_bytes);

	return status ? say_failure(SAY_UNMEASURED, "%s: can't make a folder with a file of %u "
				    "bytes in it: %s%s", cell->workload->name, cell->size_bytes, strerror(-status),
				    say_advice(status)) : SAY_OK;
}

static void tidy_folder(struct stage *stage)
{
	folder_remove(stage->folder);
}

/* Where the server is to listen. */
static const char *host_of(const struct stage *stage)
{
	return stage->wire.server >= 0 ? WIRE_SERVER_HOST : "127.0.0.1";
}

/* A part that failed: says which, and what it said itself or how it ended. */
static int complain(struct pair *pair, struct process *part, const char *name, int code)
{
	char line[256];

	process_complaint(part, line, sizeof(line));
	if (code == -EINTR || process_interrupted())
		return WORKLOAD_INTERRUPTED;
	if (wire_is_cut(&pair->stage->wire))
		return say_failure(SAY_UNMEASURED, "arm %s: the process that carries the packets of "
				   "--delay has ended: somebody killed it, or there was no memory",
				   pair->arm->name);
	if (*line)
		return say_failure(code == SAY_USAGE ? SAY_USAGE : SAY_UNMEASURED, "arm %s: %s",
				   pair->arm->name, line);
	if (code > 128)
		return say_failure(SAY_UNMEASURED, "arm %s: the %s died of signal %d (%s)",
				   pair->arm->name, name, code - 128, strsignal(code - 128));
	return say_failure(SAY_UNMEASURED, "arm %s: the %s ended with exit code %d and said nothing",
			   pair->arm->name, name, code);
}

/* A pool that no burst can empty, of buffers that hold more than one connection may have sent: a
 * receive that fills its buffer has to ask again whether there is more. */
static void add_buffers(struct arguments *arguments, const struct cell *cell)
{
	uint64_t bytes = (uint64_t)cell->size_bytes * cell->depth * 2;
	uint32_t size = bytes < 16384 ? 16384 : bytes > 1 << 20 ? 1 << 20 : (uint32_t)bytes;
	uint32_t count = 2 * cell->connections < 64 ? 64 : 2 * cell->connections;

	while (count > 64 && (uint64_t)count * size > UINT64_C(64) << 20)
		count /= 2;
	arguments_add(arguments, "--buffers");
	arguments_add(arguments, "%u", count > 32768 ? 32768 : count);
	arguments_add(arguments, "--buffer-size");
	arguments_add(arguments, "%u", size);
}

/* Before anybody listened: a program that puts itself into the background ends so, too. */
static int complain_early(struct pair *pair)
{
	int code = process_end(&pair->server, 0);
	char line[256];

	process_complaint(&pair->server, line, sizeof(line));
	if (code || *line || process_interrupted())
		return complain(pair, &pair->server, "server", code);
	return say_failure(SAY_UNMEASURED, "arm %s: the server ended with exit code 0 before anybody "
			   "listened on %s; it has to stay in the foreground", pair->arm->name,
			   pair->address);
}

static int start_external(struct pair *pair)
{
	const struct process_where where = { .cpu = pair->stage->subject_cpu,
					     .space = pair->stage->wire.server,
					     .with_offspring = true };
	int status = external_start(pair->arm, &pair->server, &where, host_of(pair->stage),
				    pair->address, sizeof(pair->address));

	switch (status) {
	case 0:
		return SAY_OK;
	case -EINTR:
		return WORKLOAD_INTERRUPTED;
	case -ESRCH:
		return complain_early(pair);
	case -ETIMEDOUT:
		return say_failure(SAY_UNMEASURED, "arm %s: it runs, but nobody listens on %s: does "
				   "the program take its port from where {port} stands%s?",
				   pair->arm->name, pair->address, pair->cell->delay_ns
					   ? ", and does it listen on that address or on all of "
					     "them, as with {host} in the command" : "");
	default:
		return say_failure(SAY_UNMEASURED, "arm %s: can't start it: %s", pair->arm->name,
				   strerror(-status));
	}
}

/* What is echoed has a model, and knows under how many connections. */
static bool is_echo(const struct cell *cell)
{
	return cell->workload == &WORKLOAD_ECHO || cell->workload == &WORKLOAD_CHURN ||
	       cell->workload == &WORKLOAD_SLOW;
}

static void add_service(struct arguments *arguments, const struct pair *pair)
{
	const struct workload *workload = pair->cell->workload;

	if (workload == &WORKLOAD_HTTP) {
		arguments_add(arguments, "--root");
		arguments_add(arguments, "%s", pair->stage->folder);
	} else if (workload == &WORKLOAD_COPY) {
		arguments_add(arguments, "--from");
		arguments_add(arguments, "%s/" FOLDER_FILE, pair->stage->folder);
	} else if (workload == &WORKLOAD_PROXY) {
		arguments_add(arguments, "--to");
		arguments_add(arguments, "%s", pair->target_address);
	} else if (is_echo(pair->cell)) {
		arguments_add(arguments, "--model");
		arguments_add(arguments, "%s", pair->arm->model);
	}
	if (is_echo(pair->cell) || workload == &WORKLOAD_PROXY)
		add_buffers(arguments, pair->cell);
}

/* A server that was to be started: what became of it. */
static int judge_start(struct pair *pair, struct process *part, const char *name, int status,
		       int code)
{
	if (status == -EINTR)
		return WORKLOAD_INTERRUPTED;
	if (status == -ECHILD)
		return complain(pair, part, name, code);
	return status ? say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(-status))
		      : SAY_OK;
}

/* On the load's processor: it is the same for every arm. */
static int start_target(struct pair *pair)
{
	const struct process_where where = { .cpu = pair->stage->load_cpu, .space = -1 };
	struct arguments arguments;
	int status, code = SAY_OK;

	arguments_begin(&arguments);
	arguments_add(&arguments, "serve");
	arguments_add(&arguments, "echo");
	arguments_add(&arguments, "--backend=polling");
	arguments_add(&arguments, "--connections=%u", pair->cell->connections + SPARE_CONNECTIONS);
	add_buffers(&arguments, pair->cell);
	status = listening_start(&pair->target, &arguments, &where, pair->target_address,
				 sizeof(pair->target_address), &code);
	return judge_start(pair, &pair->target, "server behind it", status, code);
}

static int start_own(struct pair *pair)
{
	const struct process_where where = { .cpu = pair->stage->subject_cpu,
					     .space = pair->stage->wire.server };
	struct arguments arguments;
	int status, code;

	arguments_begin(&arguments);
	arguments_add(&arguments, "serve");
	arguments_add(&arguments, "%s", is_echo(pair->cell) ? "echo" : pair->cell->workload->name);
	arguments_add(&arguments, "--backend");
	arguments_add(&arguments, "%s%s%s", pair->arm->backend, *pair->arm->keys ? ":" : "",
		      pair->arm->keys);
	if (pair->cell->workload != &WORKLOAD_UDP) {
		arguments_add(&arguments, "--connections");
		arguments_add(&arguments, "%u", pair->cell->connections + SPARE_CONNECTIONS);
	}
	add_service(&arguments, pair);
	arguments_add(&arguments, "--json");
	arguments_add(&arguments, "-");
	arguments_add(&arguments, "--host");
	arguments_add(&arguments, "%s", host_of(pair->stage));
	status = listening_start(&pair->server, &arguments, &where, pair->address,
				 sizeof(pair->address), &code);
	return judge_start(pair, &pair->server, "server", status, code);
}

static int start_server(struct pair *pair)
{
	int code = pair->cell->workload == &WORKLOAD_PROXY ? start_target(pair) : SAY_OK;

	if (code)
		return code;
	return pair->arm->kind == ARM_EXTERNAL ? start_external(pair) : start_own(pair);
}

static int start_load(struct pair *pair)
{
	const struct process_where where = { .cpu = pair->stage->load_cpu,
					     .space = pair->stage->wire.load };
	const struct cell *cell = pair->cell;
	struct arguments arguments;
	int status;

	arguments_begin(&arguments);
	arguments_add(&arguments, "load");
	arguments_add(&arguments, "%s",
		      cell->workload == &WORKLOAD_PROXY ? "echo" : cell->workload->name);
	arguments_add(&arguments, "%s", pair->address);
	arguments_add(&arguments, "--connections=%u", cell->connections);
	arguments_add(&arguments, "--size=%u", cell->size_bytes);
	if (cell->workload == &WORKLOAD_SLOW)
		arguments_add(&arguments, "--read-rate=%u", cell->read_bytes_per_s);
	if (cell->workload == &WORKLOAD_HTTP)
		arguments_add(&arguments, "--path=/%s", FOLDER_FILE);
	if (cell->rate_per_s)
		arguments_add(&arguments, "--rate=%u", cell->rate_per_s);
	else if (has_depth(cell))
		arguments_add(&arguments, "--depth=%u", cell->depth);
	arguments_add(&arguments, "--warmup=%.9f", (double)cell->warmup_ns / 1e9);
	arguments_add(&arguments, "--duration=%.9f", (double)cell->duration_ns / 1e9);
	arguments_add(&arguments, "--subject=%d", (int)pair->server.pid);
	if (pair->stage->wire.carrier.pid)
		arguments_add(&arguments, "--carrier=%d", (int)pair->stage->wire.carrier.pid);
	arguments_add(&arguments, "--json=-");
	status = process_start_in(&pair->load, arguments.list, &where);
	if (status)
		return say_failure(SAY_UNMEASURED, "can't start a process: %s", strerror(-status));
	return SAY_OK;
}

/* Bytes that are missing because the server is gone are its death's, and no loss of the arm's. */
static bool died_with_bytes(const struct pair *pair, const json_t *slot)
{
	return json_integer_value(json_object_get(slot, "lost_operations")) &&
		!json_integer_value(json_object_get(slot, "wrong_bytes")) &&
		process_is_over(&pair->server, 100);
}

static int await_load(struct pair *pair, json_t **slot)
{
	const struct cell *cell = pair->cell;
	int timeout_ms = (int)((cell->warmup_ns + cell->duration_ns) / 1000000) + LOAD_TIMEOUT_MS;
	int status = process_rest(&pair->load, timeout_ms);
	int code = process_end(&pair->load, status ? SIGKILL : 0);

	if (status == -EINTR)
		return WORKLOAD_INTERRUPTED;
	/* A slot whose rate wasn't kept is a result, too, only without a latency. */
	if (!code || code == SAY_WRONG_BYTE || code == SAY_UNMEASURED)
		*slot = json_loads(pair->load.text ? pair->load.text : "", 0, NULL);
	if (*slot && json_is_false(json_object_get(*slot, "complete")))
		return say_failure(SAY_UNMEASURED, "arm %s: somebody ended the load generator",
				   pair->arm->name);
	json_object_del(*slot, "complete");
	if (*slot && !died_with_bytes(pair, *slot))
		return code == SAY_UNMEASURED ? SAY_OK : code;
	json_decref(*slot);
	*slot = NULL;
	if (process_is_over(&pair->server, 100))
		return complain(pair, &pair->server, "server", process_end(&pair->server, 0));
	return complain(pair, &pair->load, "load generator", code);
}

static int await_server(struct pair *pair, json_t *slot)
{
	int status, code;
	json_t *counters;

	/* Somebody else's program ends as it likes, and counts nothing for us. */
	if (pair->arm->kind == ARM_EXTERNAL) {
		if (process_is_over(&pair->server, 0))
			return complain(pair, &pair->server, "server",
					process_end(&pair->server, 0));
		process_end(&pair->server, SIGTERM);
		json_object_set_new(slot, "counters", json_object());
		return SAY_OK;
	}
	kill(pair->server.pid, SIGTERM);
	status = process_rest(&pair->server, LISTENING_TIMEOUT_MS);
	code = process_end(&pair->server, status ? SIGKILL : 0);
	if (status == -EINTR)
		return WORKLOAD_INTERRUPTED;
	if (code)
		return complain(pair, &pair->server, "server", code);
	counters = json_loads(pair->server.text + pair->server.consumed, 0, NULL);
	json_object_set_new(slot, "counters", counters ? counters : json_object());
	return SAY_OK;
}

static int play(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		json_t **slot)
{
	struct pair pair = { .stage = stage, .cell = cell, .arm = arm };
	int code = start_server(&pair), ended = SAY_OK;

	*slot = NULL;
	view_begin(stage->view, pair.server.pid);
	if (!code)
		code = start_load(&pair);
	if (!code)
		code = await_load(&pair, slot);
	view_end(stage->view);
	if (*slot)
		ended = await_server(&pair, *slot);
	if (pair.target.pid)
		process_end(&pair.target, SIGTERM);
	process_forget(&pair.load);
	process_forget(&pair.server);
	process_forget(&pair.target);
	if (ended && *slot) {
		json_decref(*slot);
		*slot = NULL;
	}
	return ended ? ended : code;
}

const struct workload WORKLOAD_ECHO = {
	.name = "echo", .served = true, .parameters = parameters, .check = check,
	.prepare = prepare, .play = play, .tidy = tidy,
};

const struct workload WORKLOAD_CHURN = {
	.name = "churn", .served = true, .parameters = parameters, .check = check, .play = play,
};

const struct workload WORKLOAD_SLOW = {
	.name = "slow", .served = true, .parameters = parameters, .check = check, .play = play,
};

const struct workload WORKLOAD_HTTP = {
	.name = "http", .served = true, .parameters = parameters, .check = check,
	.check_arm = check_service_arm, .prepare = prepare_folder, .play = play,
	.tidy = tidy_folder,
};

const struct workload WORKLOAD_KV = {
	.name = "kv", .served = true, .parameters = parameters, .check = check,
	.check_arm = check_service_arm, .play = play,
};

const struct workload WORKLOAD_PROXY = {
	.name = "proxy", .served = true, .parameters = parameters, .check = check,
	.check_arm = check_service_arm, .play = play,
};

const struct workload WORKLOAD_UDP = {
	.name = "udp", .served = true, .parameters = parameters, .check = check,
	.check_arm = check_service_arm, .play = play,
};

const struct workload WORKLOAD_COPY = {
	.name = "copy", .served = true, .parameters = parameters, .check = check,
	.check_arm = check_service_arm, .prepare = prepare_folder, .play = play,
	.tidy = tidy_folder,
};
