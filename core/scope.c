/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/scope.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/loop.h"
#include "core/operation.h"
#include "core/tasks/future.h"
#include "core/tasks/task.h"

/*
 * Scopes, on top of operations and of nothing else. While an operation is a member the scope stands in
 * the place of its callback, so that operations outside of scopes know nothing of them.
 *
 * A scope is itself present in the loop as one pending operation, a timeout at its deadline, or at no
 * time: so a loop with an open scope is busy, a shutdown asks it to end as it asks all that is pending,
 * and its deadline comes in the order of timers.
 */

/* How a member ended, for the policy. */
enum ending { ENDING_COMPLETED, ENDING_STOPPED, ENDING_FAILED };

static bool is_cleaning(const struct duet_scope *scope)
{
	return scope->state == SCOPE_CLEANING || scope->state == SCOPE_OVERDUE;
}

/* ---- Members. ---- */

static void link_member(struct duet_scope *scope, struct duet_member *member)
{
	member->scope = scope;
	member->next = NULL;
	member->prev = scope->last;
	if (scope->last)
		scope->last->next = member;
	else
		scope->members = member;
	scope->last = member;
	scope->count++;
}

static void unlink_member(struct duet_member *member)
{
	struct duet_scope *scope = member->scope;

	if (scope->cursor == member)
		scope->cursor = member->prev;
	if (member->prev)
		member->prev->next = member->next;
	else
		scope->members = member->next;
	if (member->next)
		member->next->prev = member->prev;
	else
		scope->last = member->prev;
	member->scope = NULL;
	scope->count--;
}

/* ---- Requests. ---- */

/* What a member is told: the clock's word and the shutdown's go down as they are. */
static enum duet_cause cause_below(enum duet_cause cause)
{
	return cause == DUET_CAUSE_DEADLINE || cause == DUET_CAUSE_SHUTDOWN ? cause
									    : DUET_CAUSE_SCOPE;
}

/* Says that scope is asked: false if it was before, or its end doesn't depend on it any more. */
static bool take_request(struct duet_scope *scope, enum duet_cause cause)
{
	if (scope->state != SCOPE_OPEN && scope->state != SCOPE_JOINING)
		return false;
	core_scope_set_state(scope, scope->state == SCOPE_OPEN ? SCOPE_ASKED : SCOPE_LEAVING);
	scope->cause = (uint8_t)cause;
	scope->cursor = scope->last;
	return true;
}

static void ask_child(struct duet_member *member, enum duet_cause cause);

/* A child that is to be asked as well, generation by generation. */
static struct duet_scope *next_generation(const struct duet_member *member, enum duet_cause cause)
{
	struct duet_scope *child = member->ask == ask_child ? member->child : NULL;

	if (!child || (child->shield && !MUTANT(shield_leaks)))
		return NULL;
	return take_request(child, cause) ? child : NULL;
}

/*
 * Asks all below root, whose cursor is at its newest member. The newest first: who waits in line behind
 * another then ends before that one does, and isn't begun for nothing; and a kernel that looks for its
 * target in a list with the newest in front has it at once. Whoever is asked may leave at once, and
 * take others along: the cursors are beyond them then. A loop, and no recursion: the stack of a fiber
 * is small, and generations have no bound.
 */
static void ask_all(struct duet_scope *root, enum duet_cause cause)
{
	struct duet_scope *scope = root;

	for (;;) {
		struct duet_member *member = scope->cursor;
		struct duet_scope *child;

		if (!member && scope == root)
			return;
		if (!member) {
			scope = scope->member.scope;
			continue;
		}
		scope->cursor = member->prev;
		child = next_generation(member, cause);
		if (child)
			scope = child;
		else
			member->ask(member, cause);
	}
}

void core_scope_ask(struct duet_scope *scope, enum duet_cause cause)
{
	if (take_request(scope, cause))
		ask_all(scope, cause_below(cause));
}

static void ask_operation(struct duet_member *member, enum duet_cause cause)
{
	core_request(member->scope->loop, member->op, cause);
}

/* What marks a member as a child: a shield, or one that was asked, has nothing to hear. */
static void ask_child(struct duet_member *member, enum duet_cause cause)
{
	(void)member;
	(void)cause;
}

static int asked_error(const struct duet_scope *scope)
{
	return scope->cause == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED;
}

int duet_scope_check(const struct duet_scope *scope)
{
	switch (scope->state) {
	case SCOPE_OPEN:
	case SCOPE_JOINING:
	case SCOPE_CLEANING:
		return 0;
	case SCOPE_ASKED:
	case SCOPE_LEAVING:
		return MUTANT(request_is_edge) ? 0 : asked_error(scope);
	case SCOPE_OVERDUE:
		return -ETIMEDOUT;
	default:
		return -ESHUTDOWN;
	}
}

void duet_scope_cancel(struct duet_scope *scope)
{
	if (scope->state == SCOPE_IDLE)
		return;
	core_check_owner(scope->loop);
	core_scope_ask(scope, DUET_CAUSE_CANCEL);
}

/* ---- The end. ---- */

static void advance(struct duet_message *message);

/* Nothing of a scope is called back but from a turn, and not under whoever has just left it. */
static void defer(struct duet_scope *scope)
{
	if (scope->deferred)
		return;
	scope->deferred = 1;
	scope->message.fn = advance;
	duet_loop_defer(scope->loop, &scope->message);
}

static void settle(struct duet_scope *scope)
{
	if ((!scope->count || MUTANT(scope_joins_early)) && scope->state >= SCOPE_JOINING)
		defer(scope);
}

static bool races(const struct duet_scope *scope)
{
	return scope->policy == DUET_RACE || scope->policy == DUET_FIRST;
}

/* What the end of a member means for the others. Its place in the scope is free already. */
static void act(struct duet_scope *scope, struct duet_member *member, enum ending ending, int error)
{
	if (is_cleaning(scope))
		return;
	if (ending == ENDING_COMPLETED && races(scope) && !scope->winner) {
		scope->winner = member;
		if (scope->policy == DUET_RACE && !MUTANT(race_without_losers))
			core_scope_ask(scope, DUET_CAUSE_ITSELF);
		else if (scope->first)
			defer(scope);
	} else if (ending == ENDING_STOPPED) {
		scope->stopped = error;
	} else if (ending == ENDING_FAILED && (races(scope) || !scope->failure)) {
		scope->failure = error;
		if (scope->policy == DUET_FAIL_FAST)
			core_scope_ask(scope, DUET_CAUSE_ITSELF);
	}
}

static int verdict(const struct duet_scope *scope)
{
	if (scope->winner)
		return 0;
	if (scope->failure || scope->stopped)
		return scope->failure ? scope->failure : scope->stopped;
	/* Nobody took part to the end: that is no victory. */
	return races(scope) ? asked_error(scope) : 0;
}

/* ---- Presence: the one operation that stands for the scope in its loop. ---- */

/* duet_op_start(). Into a shelter nothing comes from outside: not that the loop shuts down, nor the
 * deadline of the task that calls. */
static int start(struct duet_loop *loop, struct duet_op *op, bool sheltered)
{
	const bool sheltering = loop->sheltering;
	const uint64_t deadline_ns = loop->deadline_ns;
	int answer;

	loop->sheltering = sheltered;
	if (sheltered && !MUTANT(deadline_in_a_shelter))
		loop->deadline_ns = DUET_NO_DEADLINE;
	answer = duet_op_start(loop, op);
	loop->sheltering = sheltering;
	loop->deadline_ns = deadline_ns;
	return answer;
}

/* Again: the place was kept, so that no scope is ever without its clock, nor its loop idle. */
static void be_present(struct duet_scope *scope, uint64_t due_ns)
{
	duet_op_timeout(&scope->presence, due_ns);
	scope->presence.flags |= FLAG_PLACE;
	core_place_give(scope->loop);
	scope->present = !start(scope->loop, &scope->presence, true);
}

/* In the cleanup: with the time that is left for it, which begins here. */
static void be_present_to_clean(struct duet_scope *scope)
{
	if (scope->present)
		return;
	if (scope->state == SCOPE_OVERDUE) {
		be_present(scope, DUET_NO_DEADLINE);
		return;
	}
	if (scope->budgeted && MUTANT(late_step_without_budget))
		return;
	if (!scope->budgeted)
		scope->cleanup_end_ns =
			duet_loop_now_ns(scope->loop) + scope->cleanup_budget_ns;
	scope->budgeted = 1;
	be_present(scope, scope->cleanup_end_ns);
}

static void overrun(struct duet_scope *scope)
{
	if (scope->state != SCOPE_CLEANING)
		return;
	scope->overran = 1;
	core_scope_set_state(scope, SCOPE_OVERDUE);
	scope->cursor = scope->last;
	ask_all(scope, DUET_CAUSE_DEADLINE);
}

/* The time of the scope has come, or of its cleanup, or the loop shuts down; or it has to end so that
 * the next may begin. */
static void presence_ended(struct duet_op *op)
{
	struct duet_scope *scope = op->context;
	bool shutdown = op->cause == DUET_CAUSE_SHUTDOWN;
	/* Its own time, or an earlier one that it has inherited from a task. */
	bool due = op->result == 0 || op->cause == DUET_CAUSE_DEADLINE;

	scope->present = 0;
	if (due && scope->budgeted) {
		overrun(scope);
	} else if (due || shutdown) {
		core_scope_ask(scope, shutdown ? DUET_CAUSE_SHUTDOWN : DUET_CAUSE_DEADLINE);
	}
	if (scope->state < SCOPE_CLEANING)
		be_present(scope, DUET_NO_DEADLINE);
	else if (!MUTANT(scope_not_woken))
		defer(scope);
}

int duet_scope_deadline(struct duet_scope *scope, uint64_t deadline_ns)
{
	struct duet_op *op = &scope->presence;

	if (scope->state == SCOPE_IDLE || scope->state >= SCOPE_CLEANING)
		return -ESHUTDOWN;
	core_check_owner(scope->loop);
	/* Not pending: it is being asked to end. */
	if (op->state != STATE_ISSUED || deadline_ns >= op->args.timeout.due_ns ||
	    deadline_ns >= op->deadline_ns)
		return 0;
	op->args.timeout.due_ns = deadline_ns;
	core_timer_disarm(&scope->loop->timers, op);
	core_timer_arm(&scope->loop->timers, op, deadline_ns);
	return 0;
}

void core_scope_forgive(struct duet_scope *scope)
{
	scope->failure = scope->stopped = 0;
}

/* ---- Operations. ---- */

static enum ending ending_of(const struct duet_scope *scope, const struct duet_op *op, int *error)
{
	*error = op->cause == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED;
	if (op->disposition == DUET_COMPLETED)
		return ENDING_COMPLETED;
	if (op->cause == DUET_CAUSE_ITSELF) {
		*error = op->result;
		return op->result < 0 ? ENDING_FAILED : ENDING_COMPLETED;
	}
	/* A deadline of its own is a failure of its own. */
	if (op->cause == DUET_CAUSE_DEADLINE && !duet_scope_check(scope))
		return ENDING_FAILED;
	return ENDING_STOPPED;
}

static void stand_aside(struct duet_member *member, struct duet_op *op)
{
	op->done = member->done;
	op->context = member->context;
}

static void operation_ended(struct duet_op *op);

static void tell_interim(struct duet_loop *loop, struct duet_member *member, struct duet_op *op)
{
	loop->hearing = member;
	/* A single receive may be told of an empty pool, and have nobody who hears it. */
	if (op->done)
		op->done(op);
	/* It was abandoned: neither is ours any more. */
	if (!loop->hearing)
		return;
	loop->hearing = NULL;
	op->done = operation_ended;
	op->context = member;
}

static void operation_ended(struct duet_op *op)
{
	struct duet_member *member = op->context;
	struct duet_scope *scope = member->scope;
	duet_done_fn *done = member->done;
	enum ending ending;
	int error;

	stand_aside(member, op);
	if (op->more) {
		tell_interim(scope->loop, member, op);
		return;
	}
	ending = ending_of(scope, op, &error);
	unlink_member(member);
	scope->stepping++;
	if (done)
		done(op);
	scope->stepping--;
	act(scope, member, ending, error);
	settle(scope);
}

/* Between two steps of the cleanup nobody of its own is left: who comes is from outside, and a scope that
 * was asked to end still refuses. */
static int admission(const struct duet_scope *scope)
{
	if (is_cleaning(scope) && !scope->count && !scope->stepping &&
	    !MUTANT(cleanup_lets_strangers_in))
		return scope->cause == DUET_CAUSE_ITSELF ? -ESHUTDOWN : asked_error(scope);
	return duet_scope_check(scope);
}

/* Nothing but a close comes in when the cleanup is overdue: that is the least that is done. */
static int may_enter(const struct duet_scope *scope, const struct duet_op *op)
{
	if (scope->state == SCOPE_OVERDUE && op->kind == DUET_CLOSE)
		return 0;
	return admission(scope);
}

int duet_scope_start(struct duet_scope *scope, struct duet_member *member, struct duet_op *op)
{
	int error = may_enter(scope, op);
	enum ending ending;
	int answer;

	if (error)
		return error;
	if (op->state != STATE_IDLE)
		return -EBUSY;
	if (!op->done && op->flags & DUET_MULTISHOT)
		return -EINVAL;
	*member = (struct duet_member){.ask = ask_operation, .op = op, .done = op->done,
				       .context = op->context};
	op->done = operation_ended;
	op->context = member;
	link_member(scope, member);
	answer = start(scope->loop, op, scope->sheltered || is_cleaning(scope));
	if (answer == 0)
		return 0;
	unlink_member(member);
	stand_aside(member, op);
	if (answer == 1) {
		ending = ending_of(scope, op, &error);
		act(scope, member, ending, error);
		settle(scope);
	}
	return answer;
}

static struct duet_member *member_of(const struct duet_op *op)
{
	struct duet_member *hearing = op->loop->hearing;

	if (op->done == operation_ended)
		return op->context;
	return hearing && hearing->op == op ? hearing : NULL;
}

duet_done_fn **duet_core_callback(struct duet_op *op)
{
	struct duet_member *member = member_of(op);

	return member ? &member->done : &op->done;
}

bool duet_core_cleans(struct duet_op *op)
{
	const struct duet_member *member = member_of(op);

	for (; member && member->scope; member = &member->scope->member)
		if (is_cleaning(member->scope))
			return true;
	return false;
}

bool core_scope_is_presence(const struct duet_op *op)
{
	return op->done == presence_ended;
}

bool core_scope_is_shelter(const struct duet_scope *scope)
{
	return scope->sheltered || is_cleaning(scope);
}

const struct duet_scope *core_scope_of(const struct duet_op *op)
{
	const struct duet_member *member = member_of(op);

	return member ? member->scope : NULL;
}

bool core_scope_shelters(const struct duet_op *op)
{
	const struct duet_scope *scope = core_scope_of(op);

	if (core_scope_is_presence(op))
		scope = op->context;
	return (core_task_shelters(op) || core_future_shelters(op) ||
		(scope && core_scope_is_shelter(scope))) &&
	       !MUTANT(shutdown_in_a_shelter);
}

void core_scope_forsake(const struct duet_op *op)
{
	struct duet_member *member = member_of(op);
	struct duet_scope *scope;

	if (!member)
		return;
	if (op->loop->hearing == member)
		op->loop->hearing = NULL;
	scope = member->scope;
	unlink_member(member);
	settle(scope);
}

/* ---- Members of any other kind. ---- */

int duet_scope_enter(struct duet_scope *scope, struct duet_member *member,
		     void (*ask)(struct duet_member *member, enum duet_cause cause))
{
	int error = admission(scope);

	if (error)
		return error;
	core_check_owner(scope->loop);
	*member = (struct duet_member){.ask = ask};
	link_member(scope, member);
	return 0;
}

void duet_member_leave(struct duet_member *member, int result)
{
	struct duet_scope *scope = member->scope;
	bool stopped;

	if (!scope) {
#ifdef DUET_DEBUG
		core_abort_outside(member);
#endif
		return;
	}
	stopped = (result == -ECANCELED || result == -ETIMEDOUT) && duet_scope_check(scope);
	unlink_member(member);
	act(scope, member,
	    result >= 0 ? ENDING_COMPLETED : stopped ? ENDING_STOPPED : ENDING_FAILED, result);
	settle(scope);
}

/* ---- From open to joined. ---- */

int duet_scope_open(struct duet_scope *scope, struct duet_loop *loop, struct duet_scope *parent,
		    const struct duet_scope_options *options)
{
	struct duet_scope_options defaults;
	int error = parent ? admission(parent) : 0;

	duet_scope_options_init(&defaults);
	if (!options)
		options = &defaults;
	if (!core_scope_options_hold(options))
		return -EINVAL;
	if (error)
		return error;
	if (parent && parent->loop != loop)
		return -EINVAL;
	*scope = (struct duet_scope){.loop = loop,
				     .policy = (uint8_t)options->policy,
				     .shield = (uint8_t)options->shield,
				     .cleanup_budget_ns = options->cleanup_budget_ns,
				     .context = options->context};
	scope->sheltered = options->shield ||
			   (parent && (parent->sheltered || is_cleaning(parent)));
	duet_op_init(&scope->presence, presence_ended, scope);
	duet_op_timeout(&scope->presence, options->deadline_ns);
	error = start(loop, &scope->presence, scope->sheltered);
	if (error)
		return error;
	scope->present = 1;
	scope->presence.flags |= FLAG_PLACE;
	if (options->policy == DUET_FIRST)
		scope->first = options->first;
	core_scope_set_state(scope, SCOPE_OPEN);
	if (parent) {
		scope->member = (struct duet_member){.ask = ask_child, .child = scope};
		link_member(parent, &scope->member);
	}
	return 0;
}

int duet_scope_join(struct duet_scope *scope, duet_scope_fn *joined)
{
	if (scope->state == SCOPE_IDLE || scope->state >= SCOPE_CLEANING)
		return -ESHUTDOWN;
	if (scope->state >= SCOPE_JOINING)
		return -EALREADY;
	core_check_owner(scope->loop);
	scope->joined = joined;
	core_scope_set_state(scope, scope->state == SCOPE_OPEN ? SCOPE_JOINING : SCOPE_LEAVING);
	settle(scope);
	return 0;
}

/* The end of a scope is that of a member of its parent, which hears of it after joined(). */
static void tell_end(struct duet_scope *scope)
{
	struct duet_scope *parent = scope->member.scope;
	struct duet_member *member = &scope->member;
	bool stopped = !scope->failure;
	int result = verdict(scope);

	/* Its own deadline is a failure of its own. */
	if (stopped && scope->cause == DUET_CAUSE_DEADLINE && parent && !duet_scope_check(parent))
		stopped = false;
	core_scope_set_state(scope, SCOPE_ENDED);
	scope->result = result;
	if (parent)
		unlink_member(member);
	core_place_give(scope->loop);
	core_scope_set_state(scope, SCOPE_IDLE);
	if (parent)
		parent->stepping++;
	if (scope->joined)
		scope->joined(scope);
	if (!parent)
		return;
	parent->stepping--;
	act(parent, member, !result ? ENDING_COMPLETED : stopped ? ENDING_STOPPED : ENDING_FAILED,
	    result);
	settle(parent);
}

/* Its memory is the caller's again from joined() on, and with it that of a task which goes on there; but
 * not of one that is over, and has waited for this alone. */
static void end(struct duet_scope *scope)
{
	struct duet_task *opener = scope->opener;
	bool last = opener && core_task_scope_leaves(opener, scope);

	tell_end(scope);
	if (last)
		core_task_end(opener, DUET_TASK_LINGERING);
}

/* The scope's presence makes room for the next: false until it has. */
static bool is_absent(struct duet_scope *scope)
{
	if (scope->present)
		duet_op_cancel(&scope->presence);
	return !scope->present;
}

/* What it starts or polls itself, without a member, begins in the shelter as well. */
static void run_step(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	const bool sheltering = scope->loop->sheltering;

	scope->loop->sheltering = !MUTANT(step_without_shelter);
	scope->stepping++;
	cleanup->run(scope, cleanup);
	scope->stepping--;
	scope->loop->sheltering = sheltering;
}

/* Step by step, for as long as they end at once. */
static void clean(struct duet_scope *scope)
{
	struct duet_cleanup *cleanup;

	/* Also where its end was near and then one more was registered: in the same time. */
	if (scope->cleanups)
		be_present_to_clean(scope);
	while (!scope->count && (cleanup = scope->cleanups)) {
		scope->cleanups = cleanup->next;
		run_step(scope, cleanup);
	}
}

static void advance(struct duet_message *message)
{
	struct duet_scope *scope = CORE_CONTAINER(struct duet_scope, message, message);

	scope->deferred = 0;
	if (scope->winner && scope->first && !scope->told) {
		scope->told = 1;
		scope->first(scope);
	}
	/* Overdue, the loop still waits for who is left. */
	if (scope->count && is_cleaning(scope) && !MUTANT(overdue_is_idle))
		be_present_to_clean(scope);
	if ((scope->count && !MUTANT(scope_joins_early)) || scope->state < SCOPE_JOINING ||
	    scope->deferred)
		return;
	if (!is_cleaning(scope))
		core_scope_set_state(scope, SCOPE_CLEANING);
	if (!scope->budgeted && !is_absent(scope))
		return;
	clean(scope);
	if (!scope->count && is_absent(scope))
		end(scope);
}
