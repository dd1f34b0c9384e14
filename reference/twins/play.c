/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/twins/play.h"

#include <duet/reference.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/twins/player.h"

static bool needs_workers(const struct script *script)
{
	for (uint32_t i = 0; i < script->step_count; i++) {
		if (script->steps[i].what == STEP_START && script_on_names(script->steps[i].kind))
			return true;
	}
	return script->file_bytes[0] || script->file_bytes[1];
}

static int make_loop(struct player *player, const char *tuning)
{
	struct duet_loop_options options;
	char text[ARM_TUNING_BYTES];
	int error;

	arm_tuning(player->arm, player->script, tuning, text);
	duet_loop_options_init(&options);
	options.operations_max = 256;
	options.handles_max = 256;
	options.worker_threads = needs_workers(player->script);
	options.burst_max = 4;
	options.owned_max = SCRIPT_IDS;
	options.owned_bytes = SCRIPT_OWNED_BYTES;
	/* Whether it is tried before it is waited for may make no difference. */
	options.try_first = (uint32_t)(player->script->seed / 2 % 3);
	options.tuning = text;
	error = duet_loop_create(&player->loop, player->arm->backend(), &options);
	return error ? player_fail(player, "make a loop", error) : 0;
}

/* Not yet: the loop must refuse, and go on as if nothing had been asked. */
static void play_destroy(struct player *player)
{
	uint32_t pending = duet_loop_pending(player->loop);
	struct event *event;

	if (!pending)
		return;
	event = trace_add(player->trace, EVENT_BUSY);
	event->moved = pending;
	event->result = duet_loop_destroy(player->loop);
	player->stuck = event->result == 0;
}

static void play_turns(struct player *player, const struct step *step)
{
	if (step->what == STEP_SETTLE)
		parts_settle(player);
	else if (step->what == STEP_WAIT)
		duet_loop_turn(player->loop, (int64_t)step->value * 1000);
	for (uint32_t i = 0; i < step->value && step->what == STEP_TURN; i++)
		duet_loop_turn(player->loop, 0);
	trace_add(player->trace, EVENT_TURN)->at_ns = duet_loop_now_ns(player->loop);
}

static void note_run(struct duet_message *message)
{
	struct note *note = (struct note *)(void *)message;

	trace_add(note->player->trace, EVENT_MESSAGE)->id = note->number;
	note->player->notes_run++;
}

static void play_post(struct player *player)
{
	struct note *note = &player->notes[player->note_count];

	*note = (struct note){ .message.fn = note_run, .player = player,
		.number = (uint16_t)player->note_count++ };
	duet_loop_post(player->loop, &note->message);
}

static void play_step(struct player *player, const struct step *step)
{
	switch (step->what) {
	case STEP_START:
		if (step->cleanup)
			act_defer(player, step);
		else
			part_start(player, step);
		break;
	case STEP_CANCEL:
		part_cancel(player, step->id);
		break;
	case STEP_ABANDON:
		part_abandon(player, step->id);
		break;
	case STEP_SCOPE:
		act_open(player, step);
		break;
	case STEP_ASK:
		act_ask(player, step->object.index);
		break;
	case STEP_DUE:
		act_due(player, step);
		break;
	case STEP_JOIN:
		act_join(player, step->object.index);
		break;
	case STEP_RETURN:
		parts_return(player, step->pool, step->value, step->flags & SCRIPT_TWICE);
		break;
	case STEP_DESTROY:
		play_destroy(player);
		break;
	case STEP_POST:
		play_post(player);
		break;
	case STEP_WAKE:
		duet_loop_wake(player->loop);
		break;
	default:
		play_turns(player, step);
		break;
	}
}

void play_after(struct player *player, uint16_t id)
{
	for (uint32_t i = 0; i < player->script->step_count; i++) {
		const struct step *step = &player->script->steps[i];

		if (!player->due[i] || step->after != id)
			continue;
		player->due[i] = false;
		play_step(player, step);
	}
}

/* The script's faults, from its first step to its last: the player's own doings are not struck. */
static int play_faults(struct player *player, bool on)
{
	const struct script *script = player->script;
	int error = 0;

	if (player->arm->kernel)
		return script->fault_count ? player_fail(player, "inject errors", -EOPNOTSUPP) : 0;
	duet_reference_shelter(player->loop, !on);
	for (uint32_t i = 0; on && i < script->fault_count && !error; i++)
		error = duet_reference_fault(player->loop, (enum duet_kind)script->faults[i].kind,
			script->faults[i].number, script->faults[i].error);
	return error ? player_fail(player, "inject an error", error) : 0;
}

static void play_steps(struct player *player)
{
	static const struct step settle = { .what = STEP_SETTLE };

	for (uint32_t i = 0; i < player->script->step_count && !player->stuck; i++) {
		const struct step *step = &player->script->steps[i];
		bool later = step->after < SCRIPT_IDS && part_pending(&player->parts[step->after]);

		if (later)
			player->due[i] = true;
		else
			play_step(player, step);
	}
	if (!player->stuck)
		play_turns(player, &settle);
	player->over = true;
	if (!player->stuck)
		parts_end(player);
}

static void account_result(struct player *player, enum event_what what, int result)
{
	trace_add(player->trace, what)->result = result;
}

static void account(struct player *player)
{
	struct duet_ledger ledger;
	struct duet_stats stats;
	struct event *event;

	duet_loop_ledger(player->loop, &ledger);
	event = trace_add(player->trace, EVENT_LENT);
	event->result = (int32_t)ledger.lent_count;
	event->moved = (uint32_t)ledger.lent_bytes;
	account_result(player, EVENT_HELD, (int)ledger.held_count);
	duet_loop_stats(player->loop, &stats);
	if (stats.discarded_bytes)
		trace_add(player->trace, EVENT_DISCARDED)->moved = (uint32_t)stats.discarded_bytes;
	for (unsigned i = 0; i < SCRIPT_POOLS; i++) {
		if (!player->pools[i])
			continue;
		event = trace_add(player->trace, EVENT_FREE);
		event->pool = (uint16_t)i;
		event->moved = duet_pool_free_count(player->pools[i]);
	}
	account_result(player, EVENT_OPEN,
		arm_descriptors(player->arm, player->loop) - player->descriptors);
	account_result(player, EVENT_PENDING, (int)duet_loop_pending(player->loop));
	account_result(player, EVENT_DESTROY, duet_loop_destroy(player->loop));
}

static void player_free(struct player *player)
{
	for (unsigned i = 0; i < SCRIPT_IDS; i++)
		free(player->parts[i].data);
	free(player);
}

int play(const struct script *script, const struct arm *arm, const char *tuning,
	 struct trace *trace, char *why, size_t size)
{
	struct player *player = calloc(1, sizeof(*player));
	int error;

	if (!player)
		return -ENOMEM;
	*player = (struct player){ .script = script, .arm = arm, .trace = trace, .why = why,
		.why_size = size };
	trace->count = 0;
	trace->truncated = false;
	snprintf(trace->player, sizeof(trace->player), "%s", arm->name);
	error = make_loop(player, tuning);
	if (!error) {
		player->descriptors = arm_descriptors(arm, player->loop);
		error = play_faults(player, false);
	}
	if (!error)
		error = stage_set(player);
	if (!error)
		error = play_faults(player, true);
	if (error)
		return error;
	play_steps(player);
	play_faults(player, false);
	if (!player->stuck)
		stage_strike(player);
	if (player->stuck) {
		account_result(player, EVENT_STUCK, -ETIME);
		return 0;
	}
	account(player);
	player_free(player);
	return 0;
}
