/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/race.h"

#include "compare/laboratory/step.h"

enum { RUNNERS = 2, MESSAGES = 3, MESSAGE_BYTES = 4 };

struct race;

struct runner {
	struct step step;
	struct race *race;
	duet_handle handle;
	int peer;
	uint32_t received;
	unsigned char memory[MESSAGE_BYTES];
};

struct race {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *body;
	struct duet_scope scope;
	struct runner runners[RUNNERS];
};

static void run(struct race *race);

/* Who has lost, and completed all the same, has bytes that nobody else will see. */
static void arrived(struct step *step)
{
	struct runner *runner = step->context;

	duet_lab_received(runner->race->lab, runner->peer, step->data, step->bytes);
	runner->received += step->bytes;
}

static bool has_all(const struct runner *runner)
{
	return runner->received == MESSAGES * MESSAGE_BYTES;
}

static bool is_through(const struct runner *runner)
{
	return has_all(runner) || runner->step.over;
}

static void joined(struct duet_scope *scope)
{
	struct race *race = scope->context;

	if (has_all(&race->runners[0]) && has_all(&race->runners[1]))
		duet_lab_finish(race->lab);
	else if (!is_through(&race->runners[0]) || !is_through(&race->runners[1]))
		run(race);
}

static void start(struct race *race, struct runner *runner)
{
	if (!is_through(runner))
		step_receive(&runner->step, &race->scope, runner->handle, runner->memory,
			     MESSAGE_BYTES);
}

/* Where the body's scope was asked to end no race begins, and that is the end of this body. */
static void run(struct race *race)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.policy = DUET_RACE;
	options.context = race;
	if (duet_scope_open(&race->scope, duet_lab_loop(race->lab), race->body, &options))
		return;
	for (int i = 0; i < RUNNERS; i++)
		start(race, &race->runners[i]);
	duet_scope_join(&race->scope, joined);
}

/* Each message comes with that of the other connection: the loop finds both at once. */
static int set_up(struct duet_lab *lab, void *state)
{
	struct race *race = state;

	race->lab = lab;
	race->policy = duet_lab_context(lab);
	for (int i = 0; i < RUNNERS; i++) {
		struct runner *runner = &race->runners[i];

		runner->race = race;
		runner->peer = duet_lab_pair(lab, &runner->handle);
		if (runner->peer < 0)
			return runner->peer;
		step_init(&runner->step, race->policy, lab, arrived, runner);
	}
	for (int i = 0; i < MESSAGES; i++) {
		duet_lab_peer_sends(lab, race->runners[0].peer, MESSAGE_BYTES);
		duet_lab_together(lab);
		duet_lab_peer_sends(lab, race->runners[1].peer, MESSAGE_BYTES);
	}
	/* Who has lost something is not left waiting for it. */
	for (int i = 0; i < RUNNERS; i++)
		duet_lab_peer_closes(lab, race->runners[i].peer);
	return 0;
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct race *race = state;

	(void)lab;
	race->body = scope;
	run(race);
}

void race_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "race", .state_bytes = sizeof(struct race),
						.set_up = set_up, .body = body,
						.context = policy };
}
