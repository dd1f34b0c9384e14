/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/native.h"

#include <duet/polling.h>
#include <errno.h>
#include <stddef.h>

const struct policy NATIVE_POLICY = {
	.name = "drop", .does = "forgets the wait: nothing is in flight, and nothing was lent",
	.safe = true,
};

enum { QUESTIONS = 3, QUESTION_BYTES = 12, ANSWER_BYTES = 4 };
enum { RUNNERS = 2, MESSAGES = 3, MESSAGE_BYTES = 4 };

/* ---- A wait, as a point of the sweep. ---- */

struct watch {
	struct duet_wait wait;
	struct duet_lab_wait point;
	struct duet_lab *lab;
	void (*go_on)(struct watch *watch);
	bool waits;
	uint32_t waited; /* how often */
};

/* How many bytes; 0: there is nothing. */
static uint32_t try(struct watch *watch, void *data, uint32_t bytes)
{
	ssize_t n = duet_polling_try_recv(duet_lab_loop(watch->lab), watch->wait.handle, data, bytes);

	return n > 0 ? (uint32_t)n : 0;
}

/* What is received when nobody wants it any more is lost: the one mistake that can be made here. */
static void receive_in_vain(struct watch *watch)
{
	unsigned char bytes[MESSAGE_BYTES];

	(void)try(watch, bytes, sizeof(bytes));
}

/* Over with the call: the dialect's whole cancel. */
static void forget(struct watch *watch)
{
	const struct policy *policy = duet_lab_context(watch->lab);

	if (!watch->waits)
		return;
	if (policy->discards)
		receive_in_vain(watch);
	watch->waits = false;
	duet_polling_forget(duet_lab_loop(watch->lab), &watch->wait);
	duet_lab_dropped(watch->lab, &watch->point);
}

static void drop(struct duet_lab_wait *point)
{
	struct watch *watch = (struct watch *)(void *)((char *)point -
		offsetof(struct watch, point));

	forget(watch);
	watch->go_on(watch);
}

/* Whoever is asked to end at this very moment has forgotten it, and hears no more of it. */
static void on_ready(struct duet_wait *wait)
{
	struct watch *watch = wait->context;
	uint32_t waited = watch->waited;

	duet_lab_waited(watch->lab, &watch->point);
	if (!watch->waits || watch->waited != waited)
		return;
	watch->waits = false;
	watch->go_on(watch);
}

static int watch_init(struct watch *watch, struct duet_lab *lab, void (*go_on)(struct watch *watch))
{
	*watch = (struct watch){ .wait = { .ready = on_ready, .context = watch,
					   .direction = DUET_READABLE },
				 .point = { drop }, .lab = lab, .go_on = go_on };
	return duet_lab_pair(lab, &watch->wait.handle);
}

static void begin(struct watch *watch)
{
	watch->waited++;
	watch->waits = !duet_polling_wait(duet_lab_loop(watch->lab), &watch->wait);
	if (watch->waits)
		duet_lab_waits(watch->lab, &watch->point);
}

/* ---- The conversation. ---- */

struct talk {
	struct watch watch; /* first */
	struct duet_lab *lab;
	struct duet_member member;
	int peer;
	uint32_t answered;
	uint32_t have;
	unsigned char question[QUESTION_BYTES];
};

/* A few bytes into an empty socket: there is room. */
static void answer(struct talk *talk)
{
	unsigned char bytes[ANSWER_BYTES];
	ssize_t n;

	duet_lab_fill(talk->lab, talk->peer, (uint64_t)talk->answered * ANSWER_BYTES, bytes,
		      ANSWER_BYTES);
	n = duet_polling_try_send(duet_lab_loop(talk->lab), talk->watch.wait.handle, bytes,
				  ANSWER_BYTES);
	duet_lab_sent(talk->lab, talk->peer, n > 0 ? (size_t)n : 0);
	talk->have = 0;
	talk->answered++;
}

static void hear(struct talk *talk)
{
	uint32_t bytes;

	while ((bytes = try(&talk->watch, talk->question + talk->have,
			    QUESTION_BYTES - talk->have)) > 0) {
		duet_lab_received(talk->lab, talk->peer, talk->question + talk->have, bytes);
		talk->have += bytes;
		if (talk->have == QUESTION_BYTES)
			answer(talk);
	}
}

static void talk_on(struct watch *watch)
{
	struct talk *talk = (struct talk *)(void *)watch;

	hear(talk);
	if (talk->answered < QUESTIONS) {
		begin(watch);
		return;
	}
	duet_lab_finish(talk->lab);
	duet_member_leave(&talk->member, 0);
}

static void talk_asked(struct duet_member *member, enum duet_cause cause)
{
	struct talk *talk = (struct talk *)(void *)((char *)member - offsetof(struct talk, member));

	(void)cause;
	forget(&talk->watch);
	duet_member_leave(member, -ECANCELED);
}

static int talk_set_up(struct duet_lab *lab, void *state)
{
	struct talk *talk = state;

	talk->lab = lab;
	talk->peer = watch_init(&talk->watch, lab, talk_on);
	for (int i = 0; i < QUESTIONS && talk->peer >= 0; i++) {
		duet_lab_peer_sends(lab, talk->peer, 5);
		duet_lab_peer_sends(lab, talk->peer, 4);
		duet_lab_peer_sends(lab, talk->peer, 3);
		duet_lab_peer_receives(lab, talk->peer, ANSWER_BYTES);
	}
	return talk->peer < 0 ? talk->peer : 0;
}

static void talk_body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct talk *talk = state;

	(void)lab;
	if (!duet_scope_enter(scope, &talk->member, talk_asked))
		talk_on(&talk->watch);
}

void native_conversation_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "conversation",
						.state_bytes = sizeof(struct talk),
						.set_up = talk_set_up, .body = talk_body,
						.context = policy };
}

/* ---- The race. ---- */

struct race;

struct runner {
	struct watch watch; /* first */
	struct race *race;
	int peer;
	uint32_t received;
};

struct race {
	struct duet_lab *lab;
	struct duet_member member;
	struct runner runners[RUNNERS];
};

static bool is_through(const struct runner *runner)
{
	return runner->received == MESSAGES * MESSAGE_BYTES;
}

static void run(struct race *race)
{
	bool over = true;

	for (int i = 0; i < RUNNERS; i++) {
		if (!is_through(&race->runners[i]))
			begin(&race->runners[i].watch);
		over &= is_through(&race->runners[i]);
	}
	if (!over)
		return;
	duet_lab_finish(race->lab);
	duet_member_leave(&race->member, 0);
}

static void forget_all(struct race *race)
{
	for (int i = 0; i < RUNNERS; i++)
		forget(&race->runners[i].watch);
}

/* The loser's message was not received: it is there in the next round. */
static void won(struct watch *watch)
{
	struct runner *runner = (struct runner *)(void *)watch;
	unsigned char message[MESSAGE_BYTES];
	uint32_t bytes = try(watch, message, MESSAGE_BYTES);

	duet_lab_received(watch->lab, runner->peer, message, bytes);
	runner->received += bytes;
	forget_all(runner->race);
	run(runner->race);
}

static void race_asked(struct duet_member *member, enum duet_cause cause)
{
	struct race *race = (struct race *)(void *)((char *)member - offsetof(struct race, member));

	(void)cause;
	forget_all(race);
	duet_member_leave(member, -ECANCELED);
}

static int race_set_up(struct duet_lab *lab, void *state)
{
	struct race *race = state;

	race->lab = lab;
	for (int i = 0; i < RUNNERS; i++) {
		struct runner *runner = &race->runners[i];

		runner->race = race;
		runner->peer = watch_init(&runner->watch, lab, won);
		if (runner->peer < 0)
			return runner->peer;
	}
	for (int i = 0; i < MESSAGES; i++) {
		duet_lab_peer_sends(lab, race->runners[0].peer, MESSAGE_BYTES);
		duet_lab_together(lab);
		duet_lab_peer_sends(lab, race->runners[1].peer, MESSAGE_BYTES);
	}
	return 0;
}

static void race_body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct race *race = state;

	(void)lab;
	if (!duet_scope_enter(scope, &race->member, race_asked))
		run(race);
}

void native_race_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "race", .state_bytes = sizeof(struct race),
						.set_up = race_set_up, .body = race_body,
						.context = policy };
}
