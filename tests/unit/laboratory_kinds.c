/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <duet/owned.h>

#include "core/backend.h"
#include "tests/support/harness.h"

/* The rarer moments and kinds of cancel, and the accounts that a body gives: each is reached where a
 * workload has it, and what goes wrong there is named. */

enum { MESSAGE_BYTES = 4, MESSAGES = 2 };

struct message {
	struct duet_op op;
	struct duet_op *mine; /* the operation that is used: this one, or the loop's */
	struct duet_member member;
	struct both *both;
	unsigned char data[MESSAGE_BYTES];
};

struct both {
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	uint32_t have;
	struct message messages[MESSAGES];
	struct duet_cleanup cleanup;
	struct message last;
	unsigned says_ran;
};

static int set_up(struct duet_lab *lab, void *state)
{
	struct both *both = state;

	both->lab = lab;
	both->peer = duet_lab_pair(lab, &both->handle);
	if (both->peer < 0)
		return both->peer;
	duet_lab_peer_sends(lab, both->peer, MESSAGE_BYTES);
	duet_lab_peer_sends(lab, both->peer, MESSAGE_BYTES);
	return 0;
}

static void arrived(struct duet_op *op)
{
	struct message *message = op->context;
	struct both *both = message->both;

	duet_lab_received(both->lab, both->peer, op->args.io.vectors[0].iov_base, op->transferred);
	both->have += op->transferred;
	if (both->have == MESSAGES * MESSAGE_BYTES)
		duet_lab_finish(both->lab);
	if (op != &message->op)
		duet_op_return(op);
}

/* The second stands behind the first. */
static void receive_both(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct both *both = state;

	(void)lab;
	both->scope = scope;
	for (uint32_t i = both->have / MESSAGE_BYTES; i < MESSAGES; i++) {
		struct message *message = &both->messages[i];

		message->both = both;
		duet_op_init(&message->op, arrived, message);
		duet_op_recv(&message->op, both->handle, message->data, MESSAGE_BYTES, 0);
		duet_scope_start(scope, &message->member, &message->op);
	}
}

/* The same into the loop's memory, by the loop's operations: these can be abandoned. */
static void receive_both_lent(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct both *both = state;

	both->scope = scope;
	for (uint32_t i = both->have / MESSAGE_BYTES; i < MESSAGES; i++) {
		struct message *message = &both->messages[i];

		message->both = both;
		if (duet_op_take(duet_lab_loop(lab), arrived, message, &message->mine))
			return;
		duet_op_recv(message->mine, both->handle, duet_op_buffer(message->mine),
			     MESSAGE_BYTES, 0);
		duet_scope_start(scope, &message->member, message->mine);
	}
}

/* ---- Cleanup. ---- */

static void rested(struct duet_op *op)
{
	(void)op;
}

/* Says that it ran so many times. */
static void rest(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct both *both = (struct both *)(void *)((char *)cleanup - offsetof(struct both, cleanup));

	for (unsigned i = 0; i < both->says_ran; i++)
		duet_lab_cleanup_ran(both->lab);
	duet_op_init(&both->last.op, rested, &both->last);
	duet_op_nop(&both->last.op);
	duet_scope_start(scope, &both->last.member, &both->last.op);
}

static void receive_and_rest(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct both *both = state;

	both->cleanup.run = rest;
	if (!duet_scope_defer(scope, &both->cleanup))
		duet_lab_cleanup_registered(lab);
	both->says_ran = *(const unsigned *)duet_lab_context(lab);
	receive_both(lab, scope, state);
}

/* ---- Permits. ---- */

static const char *lose_a_permit(struct duet_lab *lab, void *state)
{
	(void)state;
	duet_lab_permits(lab, "connections", 2, 1, 3);
	duet_lab_permits(lab, "connections", 2, 0, 3);
	return NULL;
}

/* ---- A listener. ---- */

/* Each says something, and is left open. */
struct door {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle listener;
	duet_handle handle;
	int peer; /* at the other end of handle */
	int accepted;
	bool lets_go; /* of what came with a cancel */
	unsigned char data[MESSAGE_BYTES];
};

static int set_up_door(struct duet_lab *lab, void *state)
{
	struct door *door = state;
	int error = duet_lab_listener(lab, &door->listener);

	door->lab = lab;
	for (int i = 0; i < MESSAGES && !error; i++) {
		int peer = duet_lab_peer_connects(lab);

		duet_lab_peer_sends(lab, peer, MESSAGE_BYTES);
	}
	return error;
}

static int set_up_careless_door(struct duet_lab *lab, void *state)
{
	((struct door *)state)->lets_go = true;
	return set_up_door(lab, state);
}

static void open_door(struct door *door);

static void served(struct duet_op *op)
{
	struct door *door = op->context;

	duet_lab_received(door->lab, door->peer, door->data, op->transferred);
	if (op->transferred) {
		door->handle = DUET_HANDLE_NONE;
		door->accepted++;
	}
	open_door(door);
}

static void came(struct duet_op *op)
{
	struct door *door = op->context;

	if (op->result == 0 && !(door->lets_go && duet_scope_check(door->scope))) {
		door->handle = op->made;
		door->peer = duet_lab_accepted(door->lab, door->handle);
	}
	open_door(door);
}

static void open_door(struct door *door)
{
	if (door->accepted == MESSAGES) {
		duet_lab_finish(door->lab);
		return;
	}
	if (door->handle.generation) {
		duet_op_init(&door->op, served, door);
		duet_op_recv(&door->op, door->handle, door->data, MESSAGE_BYTES, 0);
	} else {
		duet_op_init(&door->op, came, door);
		duet_op_accept(&door->op, door->listener, 0);
	}
	duet_scope_start(door->scope, &door->member, &door->op);
}

static void keep_door(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct door *door = state;

	(void)lab;
	door->scope = scope;
	open_door(door);
}

/* ---- What is seen. ---- */

static struct duet_lab_sweep sweep(const struct duet_lab_workload *workload,
				   const struct duet_backend *backend)
{
	struct duet_lab_sweep made = {.workload = workload, .backend = backend,
				      .tuning = stage.arm->tuning};

	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	return made;
}

static void expect_clean(const struct duet_lab_sweep *made)
{
	for (uint32_t i = 0; i < made->outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &made->outcomes[i];

		ck_assert_msg(outcome->verdict != DUET_LAB_VIOLATION, "point %u, %s, %s: %s: %s",
			      outcome->point,
			      duet_lab_phase_name((enum duet_lab_phase)outcome->phase),
			      duet_lab_kind_name((enum duet_lab_kind)outcome->kind),
			      duet_lab_invariant_name((enum duet_lab_invariant)outcome->invariant),
			      outcome->text);
	}
}

static const struct duet_lab_outcome *find(const struct duet_lab_sweep *made, uint32_t point,
					   enum duet_lab_phase phase, enum duet_lab_kind kind)
{
	for (uint32_t i = 0; i < made->outcome_count; i++) {
		const struct duet_lab_outcome *outcome = &made->outcomes[i];

		if (outcome->point == point && outcome->phase == (uint8_t)phase &&
		    outcome->kind == (uint8_t)kind)
			return outcome;
	}
	ck_abort_msg("of %u points none is %u; %s: %s", made->points, point,
		     duet_lab_verdict_name((enum duet_lab_verdict)made->outcomes[0].verdict),
		     made->outcomes[0].text);
}

static unsigned count(const struct duet_lab_sweep *made, enum duet_lab_invariant invariant)
{
	unsigned number = 0;

	for (uint32_t i = 0; i < made->outcome_count; i++)
		number += made->outcomes[i].verdict == DUET_LAB_VIOLATION &&
			  made->outcomes[i].invariant == (uint8_t)invariant;
	return number;
}

#define WORKLOAD(...) {.name = "both", .state_bytes = sizeof(struct both), .set_up = set_up, __VA_ARGS__}

START_TEST(who_stands_behind_another_is_cancelled_before_hand_over)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());
	const struct duet_lab_outcome *outcome;

	expect_clean(&made);
	ck_assert_uint_eq(made.points, 2);
	outcome = find(&made, 1, DUET_LAB_BEFORE, DUET_LAB_OPERATION);
	ck_assert_uint_eq(outcome->verdict, DUET_LAB_UNREACHED);
	outcome = find(&made, 2, DUET_LAB_BEFORE, DUET_LAB_OPERATION);
	ck_assert_uint_eq(outcome->verdict, DUET_LAB_OK);
	ck_assert_uint_eq(outcome->op_kind, DUET_RECV);
	ck_assert_uint_eq(outcome->disposition, DUET_UNTOUCHED);
	ck_assert_uint_eq(outcome->cause, DUET_CAUSE_CANCEL);
	free(made.outcomes);
}
END_TEST

START_TEST(an_abandon_of_pinned_memory_is_refused_and_changes_nothing)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());
	const struct duet_lab_outcome *outcome =
		find(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_ABANDON);

	ck_assert_uint_eq(outcome->verdict, DUET_LAB_OK);
	ck_assert(outcome->reached);
	ck_assert_uint_eq(outcome->disposition, DUET_COMPLETED);
	ck_assert_ptr_nonnull(strstr(outcome->text, "refused"));
	free(made.outcomes);
}
END_TEST

START_TEST(what_is_the_loops_can_be_abandoned)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both_lent);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());
	const struct duet_lab_outcome *outcome;

	expect_clean(&made);
	outcome = find(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_ABANDON);
	ck_assert_uint_eq(outcome->verdict, DUET_LAB_OK);
	ck_assert_uint_eq(outcome->disposition, DUET_ABANDONED);
	outcome = find(&made, 1, DUET_LAB_DISPATCHED, DUET_LAB_ABANDON);
	ck_assert_uint_eq(outcome->verdict, DUET_LAB_UNREACHED);
	free(made.outcomes);
}
END_TEST

START_TEST(bytes_that_are_abandoned_are_declared_partial)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both_lent);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());
	const struct duet_lab_outcome *outcome =
		find(&made, 1, DUET_LAB_POSTED, DUET_LAB_ABANDON);

	/* A reactor has not received them yet, and gives them to whoever is next. */
	ck_assert_uint_eq(outcome->verdict, stage.arm->ring ? DUET_LAB_PARTIAL : DUET_LAB_OK);
	free(made.outcomes);
}
END_TEST

START_TEST(a_second_cancel_meets_the_cleanup)
{
	static const unsigned once = 1;
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_and_rest,
							   .context = &once);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

	expect_clean(&made);
	ck_assert_uint_eq(find(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_SECOND)->verdict,
			  DUET_LAB_OK);
	free(made.outcomes);
}
END_TEST

START_TEST(without_a_cleanup_there_is_no_second_cancel)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

	ck_assert_uint_eq(find(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_SECOND)->verdict,
			  DUET_LAB_UNREACHED);
	free(made.outcomes);
}
END_TEST

/* Never, and twice: in each of the runs. */
START_TEST(a_step_of_the_cleanup_that_does_not_run_once_is_named)
{
	static const unsigned times[] = {0, 2};

	for (unsigned i = 0; i < 2; i++) {
		const struct duet_lab_workload workload = WORKLOAD(.body = receive_and_rest,
								   .context = &times[i]);
		struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

		ck_assert_uint_ge(count(&made, DUET_LAB_CLEANUP), made.runs - made.unreached);
		ck_assert_uint_eq(count(&made, DUET_LAB_CLEANUP), made.violations);
		free(made.outcomes);
	}
}
END_TEST

START_TEST(a_lost_permit_is_named)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both,
							   .check = lose_a_permit);
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

	ck_assert_uint_gt(made.violations, 0);
	ck_assert_uint_eq(count(&made, DUET_LAB_PERMITS), made.violations);
	ck_assert_str_eq(made.outcomes[0].text, "connections: 2 free and 0 held of 3");
	free(made.outcomes);
}
END_TEST

/* A backend that says that it has asked, and has not. */
static int ask_nobody(struct duet_loop *loop, struct duet_op *op)
{
	(void)loop;
	(void)op;
	return BACKEND_ISSUED;
}

START_TEST(a_cancel_that_is_lost_is_named)
{
	const struct duet_lab_workload workload = WORKLOAD(.body = receive_both);
	struct duet_backend deaf = *stage.arm->backend();
	struct duet_lab_sweep made;

	deaf.cancel = ask_nobody;
	made = sweep(&workload, &deaf);
	ck_assert_uint_eq(find(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_OPERATION)->invariant,
			  DUET_LAB_UNANSWERED);
	ck_assert_uint_eq(find(&made, 2, DUET_LAB_BEFORE, DUET_LAB_OPERATION)->verdict,
			  DUET_LAB_OK);
	free(made.outcomes);
}
END_TEST

START_TEST(what_connects_is_known_and_none_is_lost)
{
	const struct duet_lab_workload workload = {
		.name = "door", .state_bytes = sizeof(struct door), .set_up = set_up_door,
		.body = keep_door,
	};
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

	expect_clean(&made);
	ck_assert_uint_ge(made.points, 2 * MESSAGES);
	free(made.outcomes);
}
END_TEST

START_TEST(a_connection_that_is_lost_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "door", .state_bytes = sizeof(struct door),
		.set_up = set_up_careless_door, .body = keep_door,
	};
	struct duet_lab_sweep made = sweep(&workload, stage.arm->backend());

	ck_assert_uint_gt(made.violations, 0);
	ck_assert_uint_eq(find(&made, 1, DUET_LAB_DISPATCHED, DUET_LAB_SCOPE)->verdict,
			  DUET_LAB_VIOLATION);
	free(made.outcomes);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_kinds",
			    CASES(who_stands_behind_another_is_cancelled_before_hand_over,
				  an_abandon_of_pinned_memory_is_refused_and_changes_nothing,
				  what_is_the_loops_can_be_abandoned,
				  bytes_that_are_abandoned_are_declared_partial,
				  a_second_cancel_meets_the_cleanup,
				  without_a_cleanup_there_is_no_second_cancel,
				  a_step_of_the_cleanup_that_does_not_run_once_is_named,
				  a_lost_permit_is_named, a_cancel_that_is_lost_is_named,
				  what_connects_is_known_and_none_is_lost,
				  a_connection_that_is_lost_is_named),
			    NULL);
}
