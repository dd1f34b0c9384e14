/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/load/account.h"
#include "compare/load/dialogue.h"
#include "compare/measure/process.h"
#include "compare/options.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/say.h"

struct values {
	uint32_t connections, size_bytes, depth, rate_per_s, read_bytes_per_s, subject, carrier;
	uint64_t warmup_ns, duration_ns;
	const char *json, *path;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "connections", OPTION_NUMBER, AT(connections), 1, 100000, "N", "connections (16)" },
	{ "size", OPTION_SIZE, AT(size_bytes), 1, 1 << 20, "BYTES",
	  "of a message (64, slow 16K), of a value (kv 64), of a file (copy 64K)" },
	{ "depth", OPTION_NUMBER, AT(depth), 1, 1024, "N",
	  "unanswered messages each (1, slow 512)" },
	{ "path", OPTION_TEXT, AT(path), 0, 0, "/PATH",
	  "http: of the file (/); with --size it has to be ours" },
	{ "rate", OPTION_NUMBER, AT(rate_per_s), 0, SCHEDULE_RATE_MAX, "N",
	  "echo: open loop, N messages a second in all (0: closed)" },
	{ "read-rate", OPTION_SIZE, AT(read_bytes_per_s), 1024, 1 << 30, "BYTES",
	  "slow: a connection reads so many a second (1M)" },
	{ "duration", OPTION_SECONDS, AT(duration_ns), 1000000, UINT64_C(86400000000000), "SECONDS",
	  "of the measured stretch (1)" },
	{ "warmup", OPTION_SECONDS, AT(warmup_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "played before it (0.1)" },
	{ "subject", OPTION_NUMBER, AT(subject), 1, INT32_MAX, "PID",
	  "of the server, if it runs here: its CPU time" },
	{ "carrier", OPTION_NUMBER, AT(carrier), 1, INT32_MAX, "PID",
	  "of what carries the packets, if it runs here: no other program" },
	{ "json", OPTION_TEXT, AT(json), 0, 0, "FILE", "write the result there; - is stdout" },
	{ 0 },
};

static const struct option_set SET = {
	"load", "echo|churn|slow|http|kv|udp|copy HOST:PORT",
	"Plays messages against any echo server and checks every byte that comes back. echo: over "
	"connections that stay; churn: a connection for each message; slow: read more slowly than "
	"they are written. Or requests against a server of HTTP/1.1 (http: a file is fetched) or of "
	"the Redis protocol (kv: a value is stored and fetched). udp: echo in datagrams; copy: a "
	"file that comes to each who connects.",
	ROWS,
};

static void print_text(const struct load_result *result)
{
	uint64_t cpu_ns = 0;

	if (result->window.closed.subject_cpu_ns)
		cpu_ns = result->window.closed.subject_cpu_ns -
			result->window.opened.subject_cpu_ns;

	account_print(result, stdout);
	if (cpu_ns && result->run.answered)
		printf("server   %.2f us of CPU time a message\n",
		       (double)cpu_ns / (double)result->run.answered / 1e3);
}

static int report(const struct values *values, const struct load_result *result)
{
	struct slot slot = {
		.window = &result->window,
		.latency = &result->run.latency,
		.operations = result->run.answered,
		.operations_total = result->run.answered_total,
		.wrong_bytes = result->run.wrong_bytes,
		.lost_operations =
			(result->lost_bytes + result->run.answer_bytes - 1) /
			result->run.answer_bytes,
	};
	json_t *json;
	int code = SAY_OK;

	process_pass_interrupt();
	if (values->json) {
		json = slot_json(&slot);
		json_object_set_new(json, "complete", json_boolean(!result->ended_early));
		account_add(result, json);
		code = store_write(json, values->json);
		json_decref(json);
	}
	if (result->run.wrong_bytes)
		return say_failure(SAY_WRONG_BYTE, "%" PRIu64 " byte%s came back wrong: the figures "
				   "are void", result->run.wrong_bytes,
				   say_plural(result->run.wrong_bytes));
	if (result->lost_bytes)
		return say_failure(SAY_WRONG_BYTE, "%" PRIu64 " byte%s never came back: the figures "
				   "are void", result->lost_bytes, say_plural(result->lost_bytes));
	if (!code)
		code = account_judge(result);
	if (!code && (!values->json || strcmp(values->json, "-") != 0))
		print_text(result);
	if (result->ended_early && !code)
		say_note("ended early: what was measured until then is kept");
	return code;
}

/* What can be seen to be impossible before the first connection. */
static int check(const struct values *values)
{
	uint64_t files_max = process_files_max();

	if (say_check_output("load: "))
		return SAY_UNMEASURED;
	if (values->json && store_check(values->json, "load"))
		return SAY_USAGE;
	if (values->subject && !process_is_here((pid_t)values->subject))
		return say_failure(SAY_USAGE, "load: --subject %u: there is no such process here",
				   values->subject);
	if (values->carrier && !process_is_here((pid_t)values->carrier))
		return say_failure(SAY_USAGE, "load: --carrier %u: there is no such process here",
				   values->carrier);
	if (values->connections + (uint64_t)LOAD_FILES > files_max)
		return say_failure(SAY_UNMEASURED, "load: --connections %u: that takes %u "
				   "descriptors, and the limit is %" PRIu64 ": raise it with ulimit "
				   "-n, or ask for fewer", values->connections,
				   values->connections + LOAD_FILES, files_max);
	return SAY_OK;
}

static int play(const struct values *values, const struct load_options *options)
{
	struct load_result *result = malloc(sizeof(*result));
	int code;

	if (!result)
		return say_failure(SAY_UNMEASURED, "out of memory");
	process_raise_files();
	process_catch_interrupts();
	if (load_play(options, result))
		code = say_failure(SAY_UNMEASURED, "%s", result->problem);
	else
		code = report(values, result);
	free(result);
	return code;
}

/* An option that the manner makes nothing of is a mistake. */
static int check_manner(const struct values *values, enum load_manner manner)
{
	const char *name = LOAD_NAMES[manner];

	if (values->rate_per_s && manner != LOAD_ECHO)
		return say_failure(SAY_USAGE, "load: --rate is an option of echo, not of %s", name);
	if (values->depth && (manner == LOAD_CHURN || manner == LOAD_COPY || manner == LOAD_UDP))
		return say_failure(SAY_USAGE, "load: --depth is not for %s: a connection carries "
				   "one message%s", name, manner == LOAD_UDP ? " at a time" : "");
	if (values->read_bytes_per_s && manner != LOAD_SLOW)
		return say_failure(SAY_USAGE, "load: --read-rate is an option of slow, not of %s",
				   name);
	if (manner == LOAD_UDP && !load_datagrams_fit(values->connections, values->size_bytes))
		return say_failure(SAY_USAGE, LOAD_DATAGRAMS_REFUSED, "load", values->size_bytes,
				   values->connections);
	if (values->path && manner != LOAD_HTTP)
		return say_failure(SAY_USAGE, "load: --path is an option of http, not of %s", name);
	if (values->path && (*values->path != '/' || strlen(values->path) > DIALOGUE_PATH_MAX ||
			     strpbrk(values->path, " \r\n")))
		return say_failure(SAY_USAGE, "load: --path %.80s: give a path of at most %d bytes that "
				   "begins with / and has no blank", values->path,
				   DIALOGUE_PATH_MAX);
	if (values->rate_per_s && values->depth)
		return say_failure(SAY_USAGE, "load: --depth is for a closed loop; with --rate no "
				   "message waits for an answer");
	return SAY_OK;
}

/* Of http nothing is the usual size: any file will do. */
static void fill(const struct values *values, struct load_options *options)
{
	const bool slow = options->manner == LOAD_SLOW;

	options->connections = values->connections;
	options->size_bytes = values->size_bytes;
	if (!values->size_bytes && options->manner != LOAD_HTTP)
		options->size_bytes = slow ? SLOW_SIZE : options->manner == LOAD_COPY ? COPY_SIZE : 64;
	options->path = values->path ? values->path : "/";
	options->depth = values->depth ? values->depth : slow ? SLOW_DEPTH : 1;
	options->read_bytes_per_s = values->read_bytes_per_s ? values->read_bytes_per_s : SLOW_READS;
	options->rate_per_s = values->rate_per_s;
	options->warmup_ns = values->warmup_ns;
	options->duration_ns = values->duration_ns;
	options->subject = (pid_t)values->subject;
	options->carrier = (pid_t)values->carrier;
}

int load_command(int argc, char **argv)
{
	struct values values = { .connections = 16, .warmup_ns = 100000000,
				 .duration_ns = 1000000000 };
	struct load_options options = {0};
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	while (argc - first == 2 && options.manner < LOAD_MANNERS &&
	       strcmp(argv[first], LOAD_NAMES[options.manner]) != 0)
		options.manner++;
	if (argc - first != 2 || options.manner == LOAD_MANNERS)
		return say_failure(SAY_USAGE, "load: write duet load echo HOST:PORT, or churn, slow, http, "
				   "kv, udp or copy in the place of echo");
	if (address_read(argv[first + 1], &options.address))
		return say_failure(SAY_USAGE, "load: '%s' is no HOST:PORT, with a port from 1 to 65535",
				   argv[first + 1]);
	code = check_manner(&values, options.manner);
	if (code)
		return code;
	fill(&values, &options);
	code = check(&values);
	return code ? code : play(&values, &options);
}
