/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/operation.h"
#include "reference/explore/scene.h"

/* The rules. What the library shows is held against the books: whatever it does needs a reason there,
 * and a reason there must show. */

char violation[200];

void violate(const char *format, ...)
{
	va_list arguments;

	if (violation[0])
		return;
	va_start(arguments, format);
	vsnprintf(violation, sizeof(violation), format, arguments);
	va_end(arguments);
}

/* ---- Questions to the books. ---- */

/* The actor's letter; a step's has the step's. */
static char actor_name(unsigned index)
{
	return "abcdxyz"[index];
}

static char scope_name(unsigned index)
{
	return "RST"[index];
}

unsigned watch_home(unsigned actor)
{
	return actor < ACTORS ? cast->actors[actor].scope : cast->steps[actor - ACTORS].scope;
}

static bool is_pending(unsigned actor)
{
	return scene.books.actors[actor].started && !scene.books.actors[actor].ended;
}

static bool is_in_flight(const struct duet_op *op)
{
	return op->state != STATE_IDLE && op->state != STATE_ENDED;
}

static bool is_alive(unsigned scope)
{
	return scene.books.scopes[scope].opened && !scene.books.scopes[scope].told;
}

bool watch_is_cleaning(unsigned scope)
{
	uint8_t state = scene.scopes[scope].state;

	return is_alive(scope) && (state == SCOPE_CLEANING || state == SCOPE_OVERDUE);
}

/* Asked by request, or by the clock in its cleanup. */
static bool is_asked(unsigned scope)
{
	return is_alive(scope) && duet_scope_check(&scene.scopes[scope]) != 0;
}

unsigned watch_alive(unsigned scope)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ACTORS + STEPS; i++)
		count += is_pending(i) && watch_home(i) == scope;
	for (unsigned i = 0; i < TASKS; i++)
		count += scene.books.tasks[i].inside && cast->tasks[i].scope == scope;
	for (unsigned i = ROOT + 1; i < SCOPES; i++)
		count += is_alive(i) && cast_has_parent(cast, i) && cast->scopes[i].parent == scope;
	return count;
}

static bool time_has_come(uint8_t seconds)
{
	return seconds && scene_world()->now_ns >= (1 + (uint64_t)seconds) * 1000000000u;
}

/* Is a step of this scope registered that has not run? The one that is next, + 1. */
static unsigned next_step(unsigned scope)
{
	unsigned next = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		const struct step_book *book = &scene.books.steps[i];

		if (book->place && !book->ran && cast->steps[i].scope == scope &&
		    (!next || book->place > scene.books.steps[next - 1].place))
			next = i + 1;
	}
	return next;
}

/* Why a scope may have been asked to end. */
static bool may_be_asked(unsigned scope)
{
	const struct scope_book *book = &scene.books.scopes[scope];
	const struct scope_book *parent = &scene.books.scopes[cast->scopes[scope].parent];
	uint8_t policy = cast->scopes[scope].policy;

	return book->cancelled || time_has_come(cast->scopes[scope].deadline) ||
	       (scene.books.shutdown && !book->sheltered) ||
	       (policy == DUET_FAIL_FAST && book->failed) ||
	       (policy == DUET_RACE && book->completed) ||
	       (scope == ROOT && scene.books.posted) ||
	       (cast_has_parent(cast, scope) && !cast->scopes[scope].shield && (parent->asked || parent->overdue));
}

bool watch_is_closing(void)
{
	for (unsigned i = 0; i < STEPS; i++)
		if (cast->steps[i].stepping >= STEPPING_CLOSE && scene.books.steps[i].ran)
			return true;
	return false;
}

/* Why an operation may. */
static bool may_be_requested(unsigned actor)
{
	const struct actor_book *book = &scene.books.actors[actor];
	const struct scope_book *scope = &scene.books.scopes[watch_home(actor)];

	return book->cancelled || watch_is_closing() || scope->overdue || (scope->asked && !book->sheltered) ||
	       (actor < ACTORS && time_has_come(cast->actors[actor].due)) ||
	       (scene.books.shutdown && !scope->sheltered && !book->sheltered);
}

/* ---- After every step. ---- */

static void watch_scope(unsigned index)
{
	struct scope_book *book = &scene.books.scopes[index];
	const struct duet_scope *scope = &scene.scopes[index];

	if (scope->state == SCOPE_ASKED || scope->state == SCOPE_LEAVING)
		book->asked = 1;
	if (scope->state == SCOPE_OVERDUE)
		book->overdue = 1;
	if (book->asked && !may_be_asked(index))
		violate("scope %c is asked to end, and nobody could ask it", scope_name(index));
	if (book->overdue && scene_world()->now_ns < scope->cleanup_end_ns)
		violate("the cleanup of scope %c is overdue before its time", scope_name(index));
	if (watch_is_cleaning(index) && !book->joining)
		violate("scope %c is cleaned up, and was not joined", scope_name(index));
	if (scope->state != SCOPE_OPEN && scope->state != SCOPE_JOINING)
		return;
	if (book->cancelled)
		violate("scope %c was cancelled, and says nothing of it", scope_name(index));
	if (cast_has_parent(cast, index) && !cast->scopes[index].shield &&
	    is_asked(cast->scopes[index].parent))
		violate("scope %c doesn't hear of the request to its parent", scope_name(index));
}

static void watch_actor(unsigned index)
{
	const struct duet_op *op = &scene.actors[index].op;
	unsigned scope = watch_home(index);
	bool deaf = op->kind == DUET_CLOSE;

	if (!is_pending(index))
		return;
	if (op->state == STATE_IDLE)
		violate("%c is idle, and nobody was told of its end", actor_name(index));
	if (op->request && op->request != DUET_CAUSE_ORDER && !may_be_requested(index))
		violate("%c is asked to end (%s), and nobody could ask it", actor_name(index),
			duet_cause_name((enum duet_cause)op->request));
	if ((op->state == STATE_WAITING || op->state == STATE_ISSUED) && !op->request && !deaf &&
	    is_asked(scope))
		violate("%c doesn't hear of the request to its scope", actor_name(index));
}

static void watch_task(unsigned index)
{
	const struct task_book *book = &scene.books.tasks[index];

	if (book->inside && book->asked != is_asked(cast->tasks[index].scope))
		violate("task %c was asked %u times, its scope %u", "tu"[index], book->asked,
			is_asked(cast->tasks[index].scope));
}

/* With joined() the memory has gone back: it was set to zero there. */
static void watch_memory(unsigned index)
{
	static const struct duet_scope zero;

	if (memcmp(&scene.scopes[index], &zero, sizeof(zero)) != 0)
		violate("scope %c is written to after joined()", scope_name(index));
}

static void watch_accounts(void)
{
	uint32_t pending = 0, kept = 0, lent = 0;

	for (unsigned i = 0; i < SCOPES; i++) {
		bool there = is_in_flight(&scene.scopes[i].presence);

		pending += there;
		kept += is_alive(i) && !there;
	}
	for (unsigned i = 0; i < ACTORS + STEPS; i++) {
		bool there = is_in_flight(&scene.actors[i].op);

		pending += there;
		lent += there && core_kind(&scene.actors[i].op)->lends &&
			!(scene.actors[i].op.flags & DUET_POOLED);
	}
	if (pending != scene.loop->pending)
		violate("%u operations are in flight, the loop counts %u", pending,
			scene.loop->pending);
	if (kept != scene.loop->kept)
		violate("%u scopes are between two presences, the loop keeps %u places", kept,
			scene.loop->kept);
	if (lent != scene.loop->ledger.lent_count)
		violate("%u buffers are lent, the ledger counts %u", lent,
			scene.loop->ledger.lent_count);
	if (scene.pool->free_count + scene.books.held != scene.pool->count)
		violate("of the pool's buffers %u are free and %u held, of %u",
			scene.pool->free_count, scene.books.held, scene.pool->count);
}

void watch_step(void)
{
	for (unsigned i = 0; i < SCOPES; i++) {
		if (is_alive(i))
			watch_scope(i);
		else if (scene.books.scopes[i].told)
			watch_memory(i);
	}
	for (unsigned i = 0; i < ACTORS + STEPS; i++)
		watch_actor(i);
	for (unsigned i = 0; i < TASKS; i++)
		watch_task(i);
	watch_accounts();
}

/* ---- When nothing moves any more. ---- */

static void watch_quiet_actor(unsigned index)
{
	const struct duet_op *op = &scene.actors[index].op;
	const struct world_node *node = &scene_world()->nodes[scene.near_end];

	if (!is_pending(index))
		return;
	if (op->kind != DUET_RECV && op->kind != DUET_TIMEOUT)
		violate("%c could end, and doesn't", actor_name(index));
	if (op->kind == DUET_RECV && node->used && scene.loop->slots[op->handle.slot].reads == op &&
	    (!(op->flags & DUET_POOLED) || scene.pool->free_count))
		violate("%c could receive, and doesn't", actor_name(index));
	if (scene.books.actors[index].cancelled || is_asked(watch_home(index)))
		violate("%c was asked to end, and never does", actor_name(index));
	if (index < ACTORS && time_has_come(cast->actors[index].due))
		violate("the time of %c has come, and nothing happens", actor_name(index));
}

static void watch_quiet_scope(unsigned index)
{
	const struct scope_book *book = &scene.books.scopes[index];
	const struct duet_scope *scope = &scene.scopes[index];
	bool calm = scope->state == SCOPE_OPEN || scope->state == SCOPE_JOINING;

	if (!is_alive(index))
		return;
	if (book->joining && !watch_alive(index))
		violate("scope %c waits for nobody, and joined() doesn't come", scope_name(index));
	if (!scope->present)
		violate("scope %c isn't present in its loop: nothing ends it by time",
			scope_name(index));
	if (calm && time_has_come(cast->scopes[index].deadline))
		violate("the time of scope %c has come, and nothing happens", scope_name(index));
	if (calm && scene.books.shutdown && !book->sheltered)
		violate("scope %c hears nothing of the shutdown", scope_name(index));
	if (calm && ((cast->scopes[index].policy == DUET_FAIL_FAST && book->failed) ||
			    (cast->scopes[index].policy == DUET_RACE && book->completed)))
		violate("the policy of scope %c is not acted upon", scope_name(index));
	if (calm && index == ROOT && scene.books.posted)
		violate("a posted cancel doesn't arrive");
	if (cast->scopes[index].policy == DUET_FIRST && book->completed && !book->firsts)
		violate("scope %c has a winner, and first() doesn't come", scope_name(index));
}

void watch_quiet(void)
{
	const struct world_node *node = &scene_world()->nodes[scene.near_end];
	uint32_t received = scene.books.received;

	for (unsigned i = 0; i < ACTORS + STEPS; i++) {
		watch_quiet_actor(i);
		if (is_in_flight(&scene.actors[i].op) &&
		    !(scene.actors[i].op.flags & DUET_POOLED))
			received += scene.actors[i].op.transferred;
	}
	for (unsigned i = 0; i < SCOPES; i++)
		watch_quiet_scope(i);
	if (node->kind != NODE_FREE && scene.books.sent != received + node->used)
		violate("of %u bytes %u were received, and %u wait", scene.books.sent, received,
			node->used);
}

void watch_end(void)
{
	for (unsigned i = 0; i < SCOPES; i++)
		if (is_alive(i))
			violate("scope %c never joins: %u members are left", scope_name(i),
				watch_alive(i));
	for (unsigned i = 0; i < ACTORS + STEPS; i++)
		if (is_pending(i))
			violate("%c never ends", actor_name(i));
	for (unsigned i = 0; i < STEPS; i++)
		if (scene.books.steps[i].place && !scene.books.steps[i].ran)
			violate("step %c never runs", "xyz"[i]);
	if (scene.loop->pending || scene.loop->ledger.lent_count)
		violate("at the end %u operations and %u loans are left", scene.loop->pending,
			scene.loop->ledger.lent_count);
}

/* ---- What is called back. ---- */

static void watch_call(const char *what)
{
	if (scene.books.inside)
		violate("%s is called from inside a call", what);
}

/* One callback in a sequence may do more than take note: any of what is possible there. */
static void meddle(unsigned scope)
{
	uint32_t (*choose)(uint32_t bound) = scene_world()->random.choose;
	const struct move moves[] = { { VERB_STOP, (uint8_t)scope }, { VERB_JOIN, (uint8_t)scope },
		{ VERB_START, 0 }, { VERB_DEFER, 0 }, { VERB_OPEN, 1 }, { VERB_RETURN, 0 },
		{ VERB_SHUTDOWN, 0 } };
	struct move possible[sizeof(moves) / sizeof(*moves)];
	uint32_t count = 0, chosen;

	if (!cast->meddle || scene.books.meddled)
		return;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (move_possible(moves[i]))
			possible[count++] = moves[i];
	chosen = choose(count + 1);
	if (!chosen)
		return;
	scene.books.meddled = 1;
	move_make(possible[chosen - 1]);
}

static void book_end(struct scope_book *book, const struct duet_op *op, bool asked)
{
	if (op->disposition == DUET_COMPLETED || (op->cause == DUET_CAUSE_ITSELF && op->result >= 0))
		book->completed++;
	else if (op->cause == DUET_CAUSE_ITSELF || (op->cause == DUET_CAUSE_DEADLINE && !asked))
		book->failed++;
	else
		book->stopped++;
}

/* Bytes that came, and the buffer that they came in. */
static void book_bytes(const struct duet_op *op)
{
	scene.books.received = (uint8_t)(scene.books.received + op->transferred);
	if (!(op->flags & DUET_POOLED) || !op->transferred)
		return;
	scene.buffer = op->buffer;
	scene.books.held++;
}

void watch_done(struct duet_op *op)
{
	struct actor *actor = op->context;
	unsigned index = (unsigned)(actor - scene.actors);
	unsigned scope = watch_home(index);

	watch_call("done()");
	if (op->kind == DUET_RECV)
		book_bytes(op);
	if (op->more) {
		if (op->kind == DUET_SEND_ZERO_COPY)
			scene.books.actors[index].results++;
		meddle(scope);
		return;
	}
	if (op->kind == DUET_SEND_ZERO_COPY &&
	    scene.books.actors[index].results != (op->transferred > 0))
		violate("%c tells its result %u times", actor_name(index),
			scene.books.actors[index].results);
	if (!is_pending(index))
		violate("%c ends a second time", actor_name(index));
	if (op->state != STATE_IDLE)
		violate("%c is pending at its own end", actor_name(index));
	if (!is_alive(scope))
		violate("%c ends after its scope", actor_name(index));
	scene.books.actors[index].ended = 1;
	if (!watch_is_cleaning(scope))
		book_end(&scene.books.scopes[scope], op, is_asked(scope));
	meddle(scope);
}

void watch_ask(struct duet_member *member, enum duet_cause cause)
{
	unsigned index = (unsigned)(member - scene.tasks);
	struct task_book *book = &scene.books.tasks[index];

	(void)cause;
	if (!book->inside)
		violate("task %c is asked when it is not there", "tu"[index]);
	book->asked++;
	if (!cast->tasks[index].prompt)
		return;
	book->inside = 0;
	scene.books.scopes[cast->tasks[index].scope].stopped++;
	duet_member_leave(member, -ECANCELED);
}

void watch_first(struct duet_scope *scope)
{
	unsigned index = (unsigned)(scope - scene.scopes);

	watch_call("first()");
	if (scene.books.scopes[index].firsts++ || !scope->winner)
		violate("first() of scope %c comes too often, or without a winner",
			scope_name(index));
	meddle(index);
}

void watch_run(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	const struct step *step = (const struct step *)(const void *)cleanup;
	unsigned index = (unsigned)(scope - scene.scopes);

	watch_call("a step of the cleanup");
	if (!watch_is_cleaning(index) || watch_alive(index))
		violate("step %c runs while scope %c has %u members", "xyz"[step->index],
			scope_name(index), watch_alive(index));
	if (next_step(index) != step->index + 1u)
		violate("step %c runs, and it is not its turn", "xyz"[step->index]);
	scene.books.steps[step->index].ran = 1;
	switch (cast->steps[step->index].stepping) {
	case STEPPING_PLAIN:
		break;
	case STEPPING_CHILD:
		if (!scene_open_scope(cast->steps[step->index].child))
			scene_join_scope(cast->steps[step->index].child);
		break;
	default:
		scene_start_actor(ACTORS + step->index, index);
	}
}

static bool is_queued(const struct duet_message *wanted)
{
	for (const struct duet_message *at = scene.loop->deferred_first; at; at = at->next)
		if (at == wanted)
			return true;
	return false;
}

/* 0 exactly when the policy says so. */
static void watch_result(unsigned index, const struct duet_scope *scope)
{
	const struct scope_book *book = &scene.books.scopes[index];
	bool races = scope->policy == DUET_RACE || scope->policy == DUET_FIRST;
	bool fine = !book->failed && !book->stopped;

	if ((races && book->completed) != (scope->winner != NULL))
		violate("scope %c names a winner that is none, or none", scope_name(index));
	if ((scope->result == 0) != (races ? book->completed > 0 : fine))
		violate("scope %c ends with %d: %u members completed, %u failed, %u were stopped",
			scope_name(index), scope->result, book->completed, book->failed,
			book->stopped);
}

static void book_child_end(unsigned index, const struct duet_scope *scope)
{
	struct scope_book *parent = &scene.books.scopes[cast->scopes[index].parent];

	if (!cast_has_parent(cast, index) || watch_is_cleaning(cast->scopes[index].parent))
		return;
	if (!scope->result)
		parent->completed++;
	else if (!scope->failure &&
		 (scope->cause != DUET_CAUSE_DEADLINE || is_asked(cast->scopes[index].parent)))
		parent->stopped++;
	else
		parent->failed++;
}

void watch_joined(struct duet_scope *scope)
{
	unsigned index = (unsigned)(scope - scene.scopes);
	struct scope_book *book = &scene.books.scopes[index];

	watch_call("joined()");
	if (!book->joining || book->told)
		violate("joined() of scope %c comes twice, or unasked for", scope_name(index));
	if (watch_alive(index))
		violate("scope %c joins before %u of its members", scope_name(index),
			watch_alive(index));
	if (next_step(index))
		violate("scope %c joins before its cleanup", scope_name(index));
	if (scope->presence.state != STATE_IDLE || is_queued(&scope->message))
		violate("scope %c joins, and the loop still holds a part of it", scope_name(index));
	watch_result(index, scope);
	book_child_end(index, scope);
	book->told = 1;
	memset(scope, 0, sizeof(*scope));
	if (cast_has_parent(cast, index))
		meddle(cast->scopes[index].parent);
}
