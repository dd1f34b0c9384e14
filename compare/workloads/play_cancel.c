/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/play_cancel.h"

#include <duet/loop.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare/loop.h"
#include "compare/measure/process.h"
#include "compare/models/cancel_callback.h"
#include "compare/models/crowd.h"
#include "compare/report/counters.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/workloads/cancel.h"
#include "compare/workloads/part.h"

/* Beside the crowd: the presence of each scope, and what the backend keeps for itself. */
enum { SPARE = 16 };

struct values {
	struct part_wishes part; /* first */
	const char *method;
	uint32_t operations, pending;
	bool storm, timed;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	PART_ROWS,
	{ "method", OPTION_TEXT, AT(method), 0, 0, "NAME", "how they are ended" },
	{ "operations", OPTION_NUMBER, AT(operations), 1, CROWD_MAX, "N", "by one request" },
	{ "pending", OPTION_NUMBER, AT(pending), 1, CROWD_MAX, "N", "at once" },
	{ "storm", OPTION_FLAG, AT(storm), 0, 0, "", "one of a hundred is answered" },
	{ "timed", OPTION_FLAG, AT(timed), 0, 0, "", "each has a deadline that doesn't come" },
	{ 0 },
};

static const struct option_set SET = {
	"play-cancel", "", "One slot of a comparison; compare starts this by itself.", ROWS,
};

struct player {
	const struct values *values;
	struct part part;
	struct crowd *crowd;
	struct crowd_result warmed, result;
	uint64_t begun_ns;
};

/* All of the crowd, a scope for each group of it, and a close for each handle besides. */
static int create_loop(struct player *player)
{
	const struct values *values = player->values;
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = 2 * values->pending + SPARE;
	options.handles_max = values->pending + SPARE;
	options.worker_threads = 0;
	return part_create_loop(&player->part, &options);
}

static int create_crowd(struct player *player)
{
	const struct values *values = player->values;
	const struct crowd_options options = {
		.engine = player->part.arm.kind == ARM_FLOOR
				  ? cancel_floor_find(player->part.arm.backend)
				  : &CANCEL_CALLBACK,
		.host = player->part.loop, .method = cancel_method_find(values->method),
		.pending = values->pending, .group = values->operations, .storm = values->storm,
		/* What that floor is there for. */
		.timed = values->timed || !strcmp(player->part.arm.backend, "floor-link"),
		.seed = values->part.seed,
	};
	int status = crowd_create(&player->crowd, &options);

	if (!status)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "%u receives: %s", values->pending, strerror(-status));
}

/* At least once, however short the time is. */
static int play_until(struct player *player, uint64_t until_ns, struct crowd_result *result)
{
	int status;

	do {
		status = crowd_play(player->crowd, result);
	} while (!status && window_now_ns() < until_ns);
	return status;
}

static int measure(struct player *player)
{
	struct part *part = &player->part;
	int status;

	part_hold(part, "ready");
	player->begun_ns = window_now_ns();
	status = play_until(player, player->begun_ns + player->values->part.warmup_ns, &player->warmed);
	part_open_window(part);
	if (!status)
		status = play_until(player, part->window.opened.at_ns + player->values->part.duration_ns,
				    &player->result);
	part_close_window(part);
	part_hold(part, "over");
	return status;
}

/* The processor time of the ends alone, in place of all that of the stretch. */
static json_t *slot_of(const struct player *player)
{
	const struct crowd_result *result = &player->result;
	struct slot slot = {
		.window = &player->part.window,
		.latency = &result->ended,
		.operations = result->operations,
		.operations_total = player->warmed.operations_total + result->operations_total,
		.lost_operations = player->warmed.wrong + result->wrong,
	};
	json_t *json = slot_json(&slot);

	json_object_set_new(json, "cpu_ns", json_integer((json_int_t)result->cpu_ns));
	json_object_set_new(json, "buffer", slot_histogram_json(&result->memory));
	json_object_set_new(json, "descriptor", slot_histogram_json(&result->closed));
	json_object_set_new(json, "counters", player->part.loop
				    ? counters_json(player->part.loop,
						    window_now_ns() - player->begun_ns)
				    : json_object());
	return json;
}

static int conclude(struct player *player, int status)
{
	json_t *json;
	uint64_t wrong = player->warmed.wrong + player->result.wrong;
	int code;

	if (status)
		return say_failure(SAY_UNMEASURED, "%s: %s", player->values->method,
				   strerror(-status));
	json = slot_of(player);
	code = store_write(json, "-");
	json_decref(json);
	if (wrong)
		return say_failure(SAY_WRONG_BYTE, "%" PRIu64 " operations didn't end as asked",
				   wrong);
	return code;
}

static int play(struct player *player)
{
	int code = SAY_OK;

	process_raise_files();
	if (player->part.arm.kind == ARM_BACKEND)
		code = create_loop(player);
	if (!code)
		code = create_crowd(player);
	if (!code)
		code = part_open_held(&player->part, player->values->part.held);
	if (!code)
		code = conclude(player, measure(player));
	/* Memory that is lent goes with the process, if the loop isn't to be had back. */
	if (loop_end(player->part.loop))
		return code;
	crowd_destroy(player->crowd);
	return code;
}

static int check(const struct values *values, struct player *player)
{
	char why[ARM_WHY_MAX];

	if (arm_read(values->part.backend, &player->part.arm, why, sizeof(why)) ||
	    player->part.arm.kind == ARM_EXTERNAL ||
	    (player->part.arm.kind == ARM_FLOOR && !cancel_floor_find(player->part.arm.backend)))
		return say_failure(SAY_USAGE, "play-cancel: which backend?");
	if (cancel_method_find(values->method) == CANCEL_METHODS ||
	    values->pending % values->operations)
		return say_failure(SAY_USAGE, "play-cancel: which method, how many?");
	return OPTIONS_READ;
}

int play_cancel_command(int argc, char **argv)
{
	struct values values = { .part = PART_WISHES, .method = "scope", .operations = 1,
				 .pending = 1 };
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
