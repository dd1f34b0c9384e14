/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "reference/twins/player.h"

/* ---- What is seen. ---- */

static struct event *see(struct player *player, const struct act *act, enum event_what what)
{
	struct event *event = trace_add(player->trace, what);

	event->object = (struct object){ OBJECT_SCOPE, (uint8_t)(act - player->acts) };
	event->at_ns = duet_loop_now_ns(player->loop);
	return event;
}

static void act_first(struct duet_scope *scope)
{
	struct act *act = scope->context;

	see(act->player, act, EVENT_FIRST);
}

static void act_joined(struct duet_scope *scope)
{
	struct act *act = scope->context;
	struct event *event = see(act->player, act, EVENT_JOINED);

	event->result = scope->result;
	event->cause = scope->cause;
	act->joined = true;
}

/* ---- What is done. ---- */

void act_open(struct player *player, const struct step *step)
{
	struct act *act = &player->acts[step->object.index];
	uint64_t now_ns = duet_loop_now_ns(player->loop);
	struct duet_scope_options options;
	struct event *event;

	duet_scope_options_init(&options);
	options.policy = step->value;
	options.shield = (step->flags & SCRIPT_SHIELD) != 0;
	options.first = step->value == DUET_FIRST ? act_first : NULL;
	options.context = act;
	act->player = player;
	if (step->deadline_us != SCRIPT_NO_DEADLINE)
		options.deadline_ns = act->due_ns = now_ns + step->deadline_us * 1000ull;
	event = see(player, act, EVENT_SCOPE);
	event->due_ns = act->due_ns;
	event->result = duet_scope_open(&act->scope, player->loop,
		step->scope ? &player->acts[step->scope - 1].scope : NULL, &options);
	act->opened = event->result == 0;
}

static bool is_open(const struct act *act)
{
	return act->opened && !act->joined;
}

void act_ask(struct player *player, uint8_t index)
{
	struct act *act = &player->acts[index];

	if (!is_open(act))
		return;
	see(player, act, EVENT_ASK);
	duet_scope_cancel(&act->scope);
}

void act_due(struct player *player, const struct step *step)
{
	struct act *act = &player->acts[step->object.index];
	uint64_t due_ns = duet_loop_now_ns(player->loop) + step->deadline_us * 1000ull;
	struct event *event;

	if (!is_open(act))
		return;
	event = see(player, act, EVENT_DUE);
	event->due_ns = due_ns;
	event->result = duet_scope_deadline(&act->scope, due_ns);
	if (!act->due_ns || due_ns < act->due_ns)
		act->due_ns = due_ns;
}

void act_join(struct player *player, uint8_t index)
{
	struct act *act = &player->acts[index];

	if (!act->opened)
		return;
	see(player, act, EVENT_JOIN)->result = duet_scope_join(&act->scope, act_joined);
	act->joining = true;
}

static void clean_up(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct part *part = (struct part *)(void *)((char *)cleanup - offsetof(struct part, cleanup));
	struct act *act = scope->context;

	trace_add(act->player->trace, EVENT_CLEANUP)->id = part->step->id;
	part_start(act->player, part->step);
}

void act_defer(struct player *player, const struct step *step)
{
	struct act *act = &player->acts[step->scope - 1];
	struct part *part = &player->parts[step->id];
	struct event *event;

	if (!act->opened)
		return;
	part->step = step;
	part->cleanup.run = clean_up;
	event = trace_add(player->trace, EVENT_DEFER);
	event->id = step->id;
	event->result = duet_scope_defer(&act->scope, &part->cleanup);
}

/* ---- Waiting. ---- */

bool act_asked(const struct player *player, uint8_t scope)
{
	return scope && duet_scope_check(&player->acts[scope - 1].scope) != 0;
}

uint32_t acts_open(const struct player *player)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < SCRIPT_SCOPES; i++)
		count += is_open(&player->acts[i]);
	return count;
}

/* Is anything in it, or to come out of it, that somebody would have to end? */
static bool is_held(const struct player *player, unsigned index)
{
	for (unsigned i = 0; i < SCRIPT_IDS; i++) {
		if (part_pending(&player->parts[i]) && player->parts[i].step->scope == index + 1)
			return true;
	}
	for (uint32_t i = 0; i < player->script->step_count; i++) {
		const struct step *step = &player->script->steps[i];

		if (step->what == STEP_SCOPE && step->scope == index + 1 &&
		    is_open(&player->acts[step->object.index]))
			return true;
	}
	return false;
}

/* Its deadline comes soon, or is just coming. It may not listen any more: no longer than that. */
static bool is_due(const struct player *player, const struct act *act)
{
	uint64_t now_ns = duet_loop_now_ns(player->loop);

	return act->due_ns && act->due_ns <= now_ns + PLAYER_SOON_NS &&
	       now_ns <= act->due_ns + PLAYER_SOON_NS && !duet_scope_check(&act->scope);
}

bool acts_busy(const struct player *player)
{
	for (unsigned i = 0; i < SCRIPT_SCOPES; i++) {
		const struct act *act = &player->acts[i];

		if (is_open(act) && ((act->joining && !is_held(player, i)) || is_due(player, act)))
			return true;
	}
	return false;
}

void acts_end(struct player *player)
{
	for (uint8_t i = 0; i < SCRIPT_SCOPES && !player->stuck; i++) {
		if (!is_open(&player->acts[i]))
			continue;
		act_ask(player, i);
		if (player->script->calm)
			parts_settle(player);
		if (!player->acts[i].joining)
			act_join(player, i);
		if (player->script->calm && !player->stuck)
			parts_settle(player);
	}
}
