/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/rounds.h"

#include <duet/combinator.h>

#include "compare/laboratory/step.h"

enum { RUNNERS = 2, MESSAGES = 3, MESSAGE_BYTES = 4 };

enum form { JOIN_IN_SCOPE, JOIN_COMBINED, RACE_COMBINED };

struct rounds;

struct runner {
	struct step step;  /* as a child of the scope */
	struct duet_op op; /* in a combinator */
	struct rounds *rounds;
	duet_handle handle;
	int peer;
	uint32_t received;
	unsigned char memory[MESSAGE_BYTES];
};

struct rounds {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *body;
	enum form form;
	struct duet_scope scope;
	struct duet_group group;
	struct duet_branch branches[RUNNERS];
	struct runner runners[RUNNERS];
};

static void run(struct rounds *rounds);

/* Who has lost, and completed all the same, hands over what came. */
static void arrived(struct runner *runner, const void *data, uint32_t bytes)
{
	duet_lab_received(runner->rounds->lab, runner->peer, data, bytes);
	runner->received += bytes;
}

static bool is_through(const struct runner *runner)
{
	return runner->received == MESSAGES * MESSAGE_BYTES;
}

static void over(struct rounds *rounds)
{
	if (is_through(&rounds->runners[0]) && is_through(&rounds->runners[1]))
		duet_lab_finish(rounds->lab);
	else
		run(rounds);
}

/* Of one message what is left of it. */
static uint32_t left_of(const struct runner *runner)
{
	return MESSAGE_BYTES - runner->received % MESSAGE_BYTES;
}

/* ---- Inside one body. ---- */

static void on_end(struct duet_op *op)
{
	struct runner *runner = op->context;
	struct rounds *rounds = runner->rounds;

	if (!rounds->policy->discards || !duet_scope_check(&rounds->group.scope))
		arrived(runner, runner->memory, op->transferred);
}

static void ended(struct duet_group *group)
{
	over(group->scope.context);
}

static void combine(struct rounds *rounds)
{
	struct duet_loop *loop = duet_lab_loop(rounds->lab);
	struct duet_scope_options options;
	unsigned count = 0;

	for (int i = 0; i < RUNNERS; i++) {
		struct runner *runner = &rounds->runners[i];

		if (is_through(runner))
			continue;
		duet_op_init(&runner->op, on_end, runner);
		duet_op_recv(&runner->op, runner->handle, runner->memory, left_of(runner), 0);
		rounds->branches[count++].op = &runner->op;
	}
	duet_scope_options_init(&options);
	options.context = rounds;
	if (rounds->form == RACE_COMBINED)
		duet_race(&rounds->group, loop, rounds->body, &options, rounds->branches, count,
			  ended);
	else
		duet_join(&rounds->group, loop, rounds->body, &options, rounds->branches, count,
			  ended);
}

/* ---- As children. ---- */

static void on_step(struct step *step)
{
	arrived(step->context, step->data, step->bytes);
}

static void joined(struct duet_scope *scope)
{
	over(scope->context);
}

static void spawn(struct rounds *rounds)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.context = rounds;
	if (duet_scope_open(&rounds->scope, duet_lab_loop(rounds->lab), rounds->body, &options))
		return;
	for (int i = 0; i < RUNNERS; i++) {
		struct runner *runner = &rounds->runners[i];

		if (is_through(runner))
			continue;
		step_receive(&runner->step, &rounds->scope, runner->handle, runner->memory,
			     left_of(runner));
	}
	duet_scope_join(&rounds->scope, joined);
}

/* Where the body's scope was asked to end no round begins, and that is the end of this body. */
static void run(struct rounds *rounds)
{
	if (rounds->form == JOIN_IN_SCOPE)
		spawn(rounds);
	else
		combine(rounds);
}

/* ---- The workloads. ---- */

/* Each message of a race comes with that of the other connection: the loop finds both at once. */
static void script_race(struct duet_lab *lab)
{
	for (int i = 0; i < MESSAGES; i++) {
		duet_lab_peer_sends(lab, 0, MESSAGE_BYTES);
		duet_lab_together(lab);
		duet_lab_peer_sends(lab, 1, MESSAGE_BYTES);
	}
}

static void script_join(struct duet_lab *lab)
{
	for (int i = 0; i < MESSAGES; i++) {
		duet_lab_peer_sends(lab, 0, 1);
		duet_lab_peer_sends(lab, 1, MESSAGE_BYTES);
		duet_lab_peer_sends(lab, 0, MESSAGE_BYTES - 1);
	}
}

static int set_up(struct duet_lab *lab, struct rounds *rounds, enum form form)
{
	rounds->lab = lab;
	rounds->policy = duet_lab_context(lab);
	rounds->form = form;
	for (int i = 0; i < RUNNERS; i++) {
		struct runner *runner = &rounds->runners[i];

		runner->rounds = rounds;
		runner->peer = duet_lab_pair(lab, &runner->handle);
		if (runner->peer < 0)
			return runner->peer;
		step_init(&runner->step, rounds->policy, lab, on_step, runner);
	}
	if (form == RACE_COMBINED)
		script_race(lab);
	else
		script_join(lab);
	return 0;
}

static int set_up_join(struct duet_lab *lab, void *state)
{
	return set_up(lab, state, JOIN_IN_SCOPE);
}

static int set_up_join_combinator(struct duet_lab *lab, void *state)
{
	return set_up(lab, state, JOIN_COMBINED);
}

static int set_up_race_combinator(struct duet_lab *lab, void *state)
{
	return set_up(lab, state, RACE_COMBINED);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct rounds *rounds = state;

	(void)lab;
	rounds->body = scope;
	run(rounds);
}

static struct duet_lab_workload make(const char *name, const struct policy *policy,
				     int (*its_set_up)(struct duet_lab *lab, void *state))
{
	return (struct duet_lab_workload){ .name = name, .state_bytes = sizeof(struct rounds),
					   .set_up = its_set_up, .body = body,
					   .context = policy };
}

void join_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = make("join", policy, set_up_join);
}

void join_combinator_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = make("join-combinator", policy, set_up_join_combinator);
}

void race_combinator_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = make("race-combinator", policy, set_up_race_combinator);
}
