/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.h>

#include "tests/support/harness.h"

/* A task and the scopes that it opens for what it spawns. */

static struct duet_scheduler scheduler;
static struct duet_scope root;
static unsigned joins;
static unsigned moment; /* counts the ends, in their order */
static uint64_t linger_ns; /* how long a goodbye takes */

static void joined(struct duet_scope *scope)
{
	(void)scope;
	joins++;
}

static void root_open(void)
{
	joins = moment = 0;
	linger_ns = 100000;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&root, stage.loop, NULL, NULL), 0);
}

static void root_join(void)
{
	ck_assert_int_eq(duet_scope_join(&root, joined), 0);
	turn_until(joins == 1);
}

/* ---- A child: waits for what never comes, and says goodbye. ---- */

struct child {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_op op;
	unsigned ended_at;
	unsigned goodbyes;
};

static DUET_COROUTINE(child_play)
{
	DUET_BEGIN(struct child, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_timeout(&self->op, DUET_NO_DEADLINE);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_FINALLY(1000000000);
	duet_op_timeout(&self->op, duet_loop_now_ns(scheduler.loop) + linger_ns);
	DUET_AWAIT(&self->op);
	self->goodbyes += DUET_RESULT == 0;
	DUET_END_FINALLY;
}

static void child_ended(struct duet_task *task)
{
	struct child *child = (struct child *)((char *)task - offsetof(struct child, task));

	child->ended_at = ++moment;
}

static int child_spawn(struct child *child, struct duet_scope *scope)
{
	duet_coroutine_init(&child->coroutine, child_play);
	duet_coroutine_task_init(&child->task, &child->coroutine);
	child->task.task.name = "child";
	child->task.task.ended = child_ended;
	return duet_task_spawn(&scheduler, scope, &child->task.task);
}

/* ---- A parent of two, each in a scope of its own. ---- */

struct parent {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_scope scopes[2];
	struct child children[2];
	struct duet_op op;
	unsigned joined;
	unsigned ended_at;
	int opened; /* what open said in the finally section */
	bool leaves;   /* without joining */
	bool late;     /* spawns in its finally section */
	bool dawdles;  /* waits for something else before it joins the first */
};

static void child_joined(struct duet_scope *scope)
{
	struct parent *parent = scope->context;

	parent->joined++;
	duet_waker_wake(&parent->task.task.waker);
}

static int open_one(struct parent *self, unsigned which)
{
	struct duet_scope_options options;
	int error;

	duet_scope_options_init(&options);
	options.context = self;
	error = duet_task_scope_open(self->coroutine.task, &self->scopes[which], &options);
	if (!error)
		error = child_spawn(&self->children[which], &self->scopes[which]);
	return error;
}

static DUET_COROUTINE(parent_play)
{
	DUET_BEGIN(struct parent, self);
	duet_op_init(&self->op, NULL, NULL);
	ck_assert_int_eq(open_one(self, 0), 0);
	if (self->dawdles) {
		duet_op_timeout(&self->op, DUET_NO_DEADLINE);
		DUET_AWAIT(&self->op);
		duet_op_join_scope(&self->op, &self->scopes[0]);
		DUET_AWAIT(&self->op);
		DUET_RETURN(DUET_RESULT);
	}
	if (!self->late)
		ck_assert_int_eq(open_one(self, 1), 0);
	if (self->leaves)
		DUET_RETURN(0);
	duet_scope_join(&self->scopes[0], child_joined);
	if (!self->late)
		duet_scope_join(&self->scopes[1], child_joined);
	while (self->joined < (self->late ? 1u : 2u))
		DUET_SUSPEND_UNLESS(0);
	DUET_RETURN(self->scopes[0].result);

	DUET_FINALLY(2000000);
	if (self->late) {
		self->opened = open_one(self, 1);
		duet_scope_join(&self->scopes[1], child_joined);
		while (self->joined < 2)
			DUET_SUSPEND_UNLESS(0);
	}
	DUET_END_FINALLY;
}

static void parent_ended(struct duet_task *task)
{
	struct parent *parent = (struct parent *)((char *)task - offsetof(struct parent, task));

	parent->ended_at = ++moment;
}

static void parent_spawn(struct parent *parent)
{
	duet_coroutine_init(&parent->coroutine, parent_play);
	duet_coroutine_task_init(&parent->task, &parent->coroutine);
	parent->task.task.name = "parent";
	parent->task.task.ended = parent_ended;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &root, &parent->task.task), 0);
}

static void expect_in_order(const struct parent *parent)
{
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_gt(parent->children[i].ended_at, 0);
		ck_assert_uint_lt(parent->children[i].ended_at, parent->ended_at);
		ck_assert_uint_eq(parent->children[i].goodbyes, 1);
	}
}

START_TEST(a_request_to_one_task_reaches_what_it_has_spawned)
{
	struct parent parent = { .leaves = false };

	root_open();
	parent_spawn(&parent);
	stage_settle(3);
	ck_assert_uint_eq(moment, 0);
	duet_task_cancel(&parent.task.task);
	root_join();
	expect_in_order(&parent);
	ck_assert_int_eq(parent.task.task.result, -ECANCELED);
	ck_assert_int_eq(parent.children[0].task.task.result, -ECANCELED);
}
END_TEST

START_TEST(a_request_to_the_scope_reaches_what_its_tasks_have_spawned)
{
	struct parent parent = { .leaves = false };

	root_open();
	parent_spawn(&parent);
	stage_settle(3);
	duet_scope_cancel(&root);
	root_join();
	expect_in_order(&parent);
}
END_TEST

/* Its children are another's concern: only what it has opened hears of it. */
START_TEST(a_request_to_one_task_leaves_its_siblings_alone)
{
	struct parent parents[2];

	memset(parents, 0, sizeof(parents));
	root_open();
	parent_spawn(&parents[0]);
	parent_spawn(&parents[1]);
	stage_settle(3);
	duet_task_cancel(&parents[0].task.task);
	turn_until(parents[0].ended_at > 0);
	stage_settle(5);
	ck_assert_uint_eq(parents[1].ended_at, 0);
	ck_assert_uint_eq(moment, 3);
	duet_scope_cancel(&root);
	root_join();
	expect_in_order(&parents[1]);
}
END_TEST

/* Asked again while it says goodbye, itself and by its scope. */
START_TEST(a_request_does_not_come_into_the_cleanup_of_a_task)
{
	struct child child = { .goodbyes = 0 };

	root_open();
	/* To be found under way also on a slow machine. */
	linger_ns = 200000000;
	ck_assert_int_eq(child_spawn(&child, &root), 0);
	stage_settle(2);
	duet_task_cancel(&child.task.task);
	turn_until(child.op.kind == DUET_TIMEOUT && child.coroutine.finishing);
	duet_task_cancel(&child.task.task);
	duet_scope_cancel(&root);
	root_join();
	ck_assert_uint_eq(child.goodbyes, 1);
}
END_TEST

/* Every other wait fails at its entry then. */
START_TEST(a_task_that_was_asked_to_end_still_waits_for_its_children)
{
	struct parent parent = { .dawdles = true };

	root_open();
	parent_spawn(&parent);
	stage_settle(3);
	duet_task_cancel(&parent.task.task);
	root_join();
	ck_assert_uint_lt(parent.children[0].ended_at, parent.ended_at);
	ck_assert_uint_eq(parent.children[0].goodbyes, 1);
	ck_assert_int_eq(parent.task.task.result, -ECANCELED);
}
END_TEST

START_TEST(a_task_waits_for_its_children_also_in_a_shutdown)
{
	struct parent parent = { .dawdles = true };

	root_open();
	parent_spawn(&parent);
	stage_settle(3);
	ck_assert_int_eq(duet_scope_join(&root, joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
				UINT64_C(3000000000) * patience_factor()), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_uint_lt(parent.children[0].ended_at, parent.ended_at);
	ck_assert_uint_eq(parent.children[0].goodbyes, 1);
	ck_assert_int_eq(parent.task.task.result, -ECANCELED);
}
END_TEST

/* The scope of the cleanup hears no request, and has the shield's time. */
START_TEST(a_cleanup_spawns_in_a_scope_of_its_own)
{
	struct parent parent = { .late = true };

	root_open();
	parent_spawn(&parent);
	stage_settle(3);
	duet_scope_cancel(&root);
	root_join();
	ck_assert_int_eq(parent.opened, 0);
	ck_assert_int_eq(parent.scopes[1].result, -ETIMEDOUT);
	ck_assert_int_eq(parent.children[1].task.task.result, -ETIMEDOUT);
	expect_in_order(&parent);
}
END_TEST

/* ---- A parent that opens one scope, and waits in a shield until it is let go. ---- */

struct guarded {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_scope_options options; /* of its scope */
	struct duet_scope scope;
	struct child child;
	struct duet_op op;
	uint64_t outer_ns;
	bool shields; /* waits in a shield first */
	bool held;    /* until it is let go */
};

static DUET_COROUTINE(guarded_play)
{
	DUET_BEGIN(struct guarded, self);
	duet_op_init(&self->op, NULL, NULL);
	ck_assert_int_eq(duet_task_scope_open(self->coroutine.task, &self->scope, &self->options), 0);
	ck_assert_int_eq(child_spawn(&self->child, &self->scope), 0);
	if (self->shields)
		self->outer_ns = duet_task_shield(self->coroutine.task, 1000000000);
	while (self->held)
		DUET_SUSPEND_UNLESS(0);
	if (self->shields)
		duet_task_unshield(self->coroutine.task, self->outer_ns);
	duet_op_join_scope(&self->op, &self->scope);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static void guarded_spawn(struct guarded *guarded)
{
	duet_coroutine_init(&guarded->coroutine, guarded_play);
	duet_coroutine_task_init(&guarded->task, &guarded->coroutine);
	guarded->task.task.name = "guarded";
	guarded->held = guarded->shields;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &root, &guarded->task.task), 0);
	stage_settle(3);
}

/* The request came when nothing could come in: its children hear of it when something can again. */
START_TEST(what_was_asked_in_a_shield_reaches_what_was_opened_before_it)
{
	static struct guarded guarded;

	duet_scope_options_init(&guarded.options);
	guarded.shields = true;
	root_open();
	guarded_spawn(&guarded);
	duet_task_cancel(&guarded.task.task);
	stage_settle(3);
	ck_assert_int_eq(duet_scope_check(&guarded.scope), 0);
	guarded.held = false;
	duet_waker_wake(&guarded.task.task.waker);
	root_join();
	ck_assert_int_eq(guarded.task.task.result, -ECANCELED);
	ck_assert_int_eq(guarded.child.task.task.result, -ECANCELED);
	ck_assert_uint_eq(guarded.child.goodbyes, 1);
}
END_TEST

static void ask_task(struct guarded *guarded)
{
	duet_task_cancel(&guarded->task.task);
}

static void ask_root(struct guarded *guarded)
{
	(void)guarded;
	duet_scope_cancel(&root);
}

/* Whoever asks: what ends it is its own time. */
START_TEST(a_request_to_a_task_does_not_come_into_a_scope_that_is_a_shield)
{
	void (*const ways[])(struct guarded *guarded) = { ask_task, ask_root };
	static struct guarded guarded;

	for (unsigned way = 0; way < 2; way++) {
		duet_scope_options_init(&guarded.options);
		guarded.options.shield = 1;
		guarded.options.deadline_ns = duet_loop_now_ns(stage.loop) + 20000000;
		root_open();
		guarded_spawn(&guarded);
		ways[way](&guarded);
		root_join();
		ck_assert_int_eq(guarded.child.task.task.result, -ETIMEDOUT);
		ck_assert_int_eq(guarded.task.task.result, -ETIMEDOUT);
	}
}
END_TEST

static int opened_late;

static enum duet_readiness open_late(struct duet_task *task)
{
	static struct duet_scope late;

	opened_late = duet_task_scope_open(task, &late, NULL);
	return DUET_READY;
}

static const struct duet_task_model late_model = { .name = "late", .step = open_late };

/* Nobody would ask what is spawned in there. */
START_TEST(a_task_that_was_asked_alone_opens_nothing_more)
{
	struct duet_task task;

	root_open();
	duet_task_init(&task, &late_model);
	ck_assert_int_eq(duet_task_spawn(&scheduler, &root, &task), 0);
	duet_task_cancel(&task);
	root_join();
	ck_assert_int_eq(opened_late, -ECANCELED);
}
END_TEST

#ifdef DUET_DEBUG
#define LAST_CASE NULL
#else
#define LAST_CASE a_task_that_leaves_its_children_ends_after_them
START_TEST(a_task_that_leaves_its_children_ends_after_them)
{
	struct parent parent = { .leaves = true };

	root_open();
	parent_spawn(&parent);
	root_join();
	expect_in_order(&parent);
	ck_assert_int_eq(parent.task.task.result, -EBUSY);
	ck_assert_int_eq(root.result, -EBUSY);
}
END_TEST
#endif

int main(void)
{
	return contract_run("task_children",
		CASES(a_request_to_one_task_reaches_what_it_has_spawned,
			a_request_to_the_scope_reaches_what_its_tasks_have_spawned,
			a_request_to_one_task_leaves_its_siblings_alone,
			a_request_does_not_come_into_the_cleanup_of_a_task,
			a_task_that_was_asked_to_end_still_waits_for_its_children,
			a_task_waits_for_its_children_also_in_a_shutdown,
			a_cleanup_spawns_in_a_scope_of_its_own,
			what_was_asked_in_a_shield_reaches_what_was_opened_before_it,
			a_request_to_a_task_does_not_come_into_a_scope_that_is_a_shield,
			a_task_that_was_asked_alone_opens_nothing_more, LAST_CASE),
		NULL);
}
