/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/play_rockets.h"

#include <arpa/inet.h>
#include <duet/loop.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare/load/address.h"
#include "compare/loop.h"
#include "compare/measure/process.h"
#include "compare/models/model.h"
#include "compare/models/rockets_fetcher.h"
#include "compare/report/counters.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/rockets/catalogue.h"
#include "compare/say.h"
#include "compare/workloads/part.h"

/* Beyond the latency of all requests, one after the other, nothing takes a fetch so long. */
static const uint64_t PATIENCE_NS = 10000000000;
enum { SPARE = 16 };

struct values {
	struct part_wishes part; /* first */
	const char *model, *address;
	uint32_t connections, items, server;
	uint64_t latency_ns, deadline_ns;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	PART_ROWS,
	{ "model", OPTION_TEXT, AT(model), 0, 0, "NAME", "the arm's model" },
	{ "address", OPTION_TEXT, AT(address), 0, 0, "HOST:PORT", "of the server" },
	{ "server", OPTION_NUMBER, AT(server), 0, INT32_MAX, "PID", "of its process; 0: elsewhere" },
	{ "connections", OPTION_NUMBER, AT(connections), 1, 20000, "N", "at once" },
	{ "items", OPTION_NUMBER, AT(items), 1, CATALOGUE_MAX, "N", "in the list" },
	{ "latency", OPTION_SECONDS, AT(latency_ns), 0, UINT64_C(60000000000), "SECONDS",
	  "of the server" },
	{ "deadline", OPTION_SECONDS, AT(deadline_ns), 1, UINT64_C(86400000000000), "SECONDS",
	  "of a whole fetch; one that nothing is as late as" },
	{ 0 },
};

static const struct option_set SET = {
	"play-rockets", "", "One slot of a comparison; compare starts this by itself.", ROWS,
};

struct player {
	const struct values *values;
	struct part part;
	struct catalogue catalogue;
	struct fetcher_options options;
	struct fetcher *fetcher;
	struct fetcher_result result, kept;
	uint64_t begun_ns;
	uint64_t answered_before; /* in the warm-up */
};

/* ---- A slot. ---- */

static int turn_until(struct player *player, uint64_t until_ns)
{
	uint64_t now_ns = window_now_ns();
	int status = 0;

	while (status >= 0 && now_ns < until_ns && fetcher_go_on(player->fetcher)) {
		status = duet_loop_turn(player->part.loop, (int64_t)(until_ns - now_ns));
		now_ns = window_now_ns();
	}
	return status < 0 ? status : 0;
}

/* What is still under way at the end was not answered inside the window: it is asked to end. */
static int measure(struct player *player)
{
	struct part *part = &player->part;
	int status;

	part_hold(part, "ready");
	player->begun_ns = window_now_ns();
	status = turn_until(player, player->begun_ns + player->values->part.warmup_ns);
	player->answered_before = player->result.answered;
	histogram_clear(&player->result.latency);
	histogram_clear(&player->result.fetch);
	part_open_window(part);
	if (!status)
		status = turn_until(player, part->window.opened.at_ns + player->values->part.duration_ns);
	part_close_window(part);
	player->kept = player->result;
	fetcher_stop(player->fetcher);
	while (status >= 0 && fetcher_busy(player->fetcher))
		status = duet_loop_turn(part->loop, -1);
	part_hold(part, "over");
	return status < 0 ? status : 0;
}

/* ---- What it comes to. ---- */

static json_int_t growth(uint64_t from, uint64_t to)
{
	return to > from ? (json_int_t)(to - from) : 0;
}

/* The load is the server: what it used, and whether it was busy all the time. */
static void add_load(const struct window *window, json_t *json)
{
	const struct window_edge *from = &window->opened, *to = &window->closed;
	json_int_t cpu_ns = growth(from->carrier_cpu_ns, to->carrier_cpu_ns);
	json_t *noise = json_object_get(json, "noise");

	json_object_set_new(json, "load_cpu_ns", json_integer(cpu_ns));
	json_object_set_new(noise, "load_involuntary_switches",
			    json_integer(growth(from->carrier.involuntary, to->carrier.involuntary)));
	json_object_set_new(json, "load_limited",
			    json_boolean(100 * (uint64_t)cpu_ns >= 95 * window_elapsed_ns(window)));
}

static json_t *slot_of(const struct player *player)
{
	const struct fetcher_result *result = &player->result;
	const struct slot slot = {
		.window = &player->part.window,
		.latency = &player->kept.latency,
		.operations = player->kept.answered - player->answered_before,
		.operations_total = result->answered,
		.wrong_bytes = result->wrong_bytes,
		.lost_operations = result->lost,
	};
	struct model_counts counts;
	json_t *json = slot_json(&slot), *counters;

	add_load(&player->part.window, json);
	json_object_set_new(json, "fetch", slot_histogram_json(&player->kept.fetch));
	counters = counters_json(player->part.loop, window_now_ns() - player->begun_ns);
	fetcher_count(player->fetcher, &counts);
	if (player->options.model != &FETCHER_CALLBACK)
		counters_add_model(counters, &counts);
	json_object_set_new(json, "counters", counters);
	return json;
}

/* What the machine has run out of is no answer that is missing. */
static int refuse(int error, const char *words)
{
	if (error == -EADDRNOTAVAIL)
		return say_failure(SAY_UNMEASURED, "%s: the local ports have run out: each request "
				   "has a connection of its own, and they wait for a while before "
				   "they are used again; shorten --duration, or widen "
				   "net.ipv4.ip_local_port_range", words);
	return say_failure(SAY_UNMEASURED, "%s%s", words, say_advice(error));
}

static bool is_machines(int error)
{
	static const int ERRORS[] = { -EADDRNOTAVAIL, -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS };

	for (size_t i = 0; i < sizeof(ERRORS) / sizeof(*ERRORS); i++) {
		if (ERRORS[i] == error)
			return true;
	}
	return false;
}

static int conclude(struct player *player, int status)
{
	const struct fetcher_result *result = &player->result;
	bool wrong = result->lost || result->wrong_bytes;
	char words[192];
	json_t *json;

	fetcher_words(result, words, sizeof(words));
	if (status)
		return say_failure(SAY_UNMEASURED, "rockets: %s", strerror(-status));
	if (is_machines(result->error))
		return refuse(result->error, words);
	json = slot_of(player);
	if (wrong)
		json_object_set_new(json, "wrong", store_string(words));
	status = store_write(json, "-");
	json_decref(json);
	if (!wrong)
		return status;
	return say_failure(SAY_WRONG_BYTE, "%s; of this fetch %" PRIu64 " answer%s lost, and %" PRIu64
			   " bytes wrong", words, result->lost,
			   result->lost == 1 ? " was" : "s were", result->wrong_bytes);
}

/* ---- What it needs. ---- */

static int create_loop(struct player *player)
{
	struct duet_loop_options options;
	int code;

	duet_loop_options_init(&options);
	options.operations_max = 2 * player->values->connections + SPARE;
	options.handles_max = player->values->connections + SPARE;
	options.worker_threads = 0;
	code = part_create_loop(&player->part, &options);
	player->options.loop = player->part.loop;
	return code;
}

static int make_fetcher(struct player *player)
{
	struct fetcher_options *options = &player->options;
	const struct values *values = player->values;

	if (catalogue_make(&player->catalogue, values->items))
		return -ENOMEM;
	options->catalogue = &player->catalogue;
	options->lanes = values->connections;
	options->deadline_ns = values->deadline_ns ? values->deadline_ns
		: PATIENCE_NS + values->latency_ns * ((uint64_t)values->items + 1);
	player->fetcher = fetcher_create(options, &player->result);
	return player->fetcher ? 0 : -ENOMEM;
}

static int play(struct player *player)
{
	int code;

	process_raise_files();
	player->part.carrier = (pid_t)player->values->server;
	code = create_loop(player);
	if (!code && make_fetcher(player))
		code = say_failure(SAY_UNMEASURED, "out of memory; lower --connections or --items");
	if (!code)
		code = part_open_held(&player->part, player->values->part.held);
	if (!code)
		code = conclude(player, measure(player));
	if (loop_end(player->part.loop))
		return code; /* what is lent goes with the process */
	fetcher_destroy(player->fetcher);
	catalogue_free(&player->catalogue);
	return code;
}

static int read_address(const struct values *values, struct sockaddr_in *to)
{
	struct address address;

	if (!values->address || address_read(values->address, &address) ||
	    inet_pton(AF_INET, address.host, &to->sin_addr) != 1)
		return -EINVAL;
	to->sin_family = AF_INET;
	to->sin_port = htons((in_port_t)strtoul(address.port, NULL, 10));
	return 0;
}

static int check(const struct values *values, struct player *player)
{
	char why[ARM_WHY_MAX];

	if (arm_read(values->part.backend, &player->part.arm, why, sizeof(why)) ||
	    player->part.arm.kind != ARM_BACKEND)
		return say_failure(SAY_USAGE, "play-rockets: which backend?");
	player->options.model = fetcher_model_find(values->model);
	if (!player->options.model)
		return say_failure(SAY_USAGE, "play-rockets: which model?");
	if (read_address(values, &player->options.address))
		return say_failure(SAY_USAGE, "play-rockets: which server? give an IPv4 address and a "
				   "port");
	return OPTIONS_READ;
}

int play_rockets_command(int argc, char **argv)
{
	struct values values = { .part = PART_WISHES, .model = "callback", .connections = 1,
				 .items = catalogue_natural() };
	struct player *player = calloc(1, sizeof(*player));
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (!player)
		code = say_failure(SAY_UNMEASURED, "out of memory");
	else if (code == OPTIONS_READ)
		code = check(&values, player);
	if (code == OPTIONS_READ) {
		player->values = &values;
		code = play(player);
	}
	free(player);
	return code;
}
