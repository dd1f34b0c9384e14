/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/conversation.h"

#include <string.h>

#include "compare/laboratory/step.h"

enum { QUESTIONS = 3, QUESTION_BYTES = 12, ANSWER_BYTES = 4, ERRANDS = 4 };

struct talk;

/* One step on its way, with memory of its own. */
struct errand {
	struct step step;
	unsigned char memory[QUESTION_BYTES];
};

struct talk {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	uint32_t answered;
	uint32_t have; /* of the question */
	uint32_t sent; /* of the answer */
	uint32_t next; /* errand */
	struct errand errands[ERRANDS];
	unsigned char question[QUESTION_BYTES];
};

static void go_on(struct talk *talk);

/* Who forgets has a question only when it is whole; the others have each piece. Received in place there
 * is nothing to copy. */
static void hear(struct talk *talk, const unsigned char *data, uint32_t bytes)
{
	memmove(talk->question + talk->have, data, bytes);
	talk->have += bytes;
	if (!talk->policy->forgets)
		duet_lab_received(talk->lab, talk->peer, data, bytes);
	else if (talk->have == QUESTION_BYTES)
		duet_lab_received(talk->lab, talk->peer, talk->question, QUESTION_BYTES);
}

static void said(struct talk *talk, uint32_t bytes)
{
	duet_lab_sent(talk->lab, talk->peer, bytes);
	talk->sent += bytes;
	if (talk->sent == ANSWER_BYTES) {
		talk->sent = talk->have = 0;
		talk->answered++;
	}
}

static void on_step(struct step *step)
{
	struct talk *talk = step->context;

	if (step->bytes && talk->have < QUESTION_BYTES)
		hear(talk, step->data, step->bytes);
	else if (step->bytes)
		said(talk, step->bytes);
	if (!step->left && !step->over)
		go_on(talk);
}

/* Who waits needs one; who does not, has left the others behind. */
static struct errand *next_errand(struct talk *talk)
{
	struct errand *errand = &talk->errands[talk->next];

	if (talk->policy->release == RELEASE_AT_REQUEST)
		talk->next = (talk->next + 1) % ERRANDS;
	return errand;
}

static void ask(struct talk *talk)
{
	struct errand *errand = next_errand(talk);
	bool elsewhere = talk->policy->copies || talk->policy->forgets ||
		(talk->policy->release == RELEASE_AT_REQUEST && !talk->policy->reuses);

	step_receive(&errand->step, talk->scope, talk->handle,
		     elsewhere ? errand->memory : talk->question + talk->have,
		     QUESTION_BYTES - talk->have);
}

static void answer(struct talk *talk)
{
	struct errand *errand = next_errand(talk);

	duet_lab_fill(talk->lab, talk->peer,
		      (uint64_t)talk->answered * ANSWER_BYTES + talk->sent, errand->memory,
		      ANSWER_BYTES - talk->sent);
	step_send(&errand->step, talk->scope, talk->handle, errand->memory,
		  ANSWER_BYTES - talk->sent);
}

static void go_on(struct talk *talk)
{
	if (talk->answered == QUESTIONS)
		duet_lab_finish(talk->lab);
	else if (talk->have < QUESTION_BYTES)
		ask(talk);
	else
		answer(talk);
}

/* ---- The workload. ---- */

static int set_up(struct duet_lab *lab, void *state)
{
	struct talk *talk = state;

	talk->lab = lab;
	talk->policy = duet_lab_context(lab);
	talk->peer = duet_lab_pair(lab, &talk->handle);
	if (talk->peer < 0)
		return talk->peer;
	for (int i = 0; i < ERRANDS; i++)
		step_init(&talk->errands[i].step, talk->policy, lab, on_step, talk);
	for (int i = 0; i < QUESTIONS; i++) {
		duet_lab_peer_sends(lab, talk->peer, 5);
		duet_lab_peer_sends(lab, talk->peer, 4);
		duet_lab_peer_sends(lab, talk->peer, 3);
		duet_lab_peer_receives(lab, talk->peer, ANSWER_BYTES);
	}
	/* Who has lost something is not left waiting for it. */
	duet_lab_peer_closes(lab, talk->peer);
	return 0;
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct talk *talk = state;

	talk->scope = scope;
	if (duet_lab_attempt(lab) > 0 && talk->policy->forgets)
		talk->have = talk->have < QUESTION_BYTES ? 0 : talk->have;
	go_on(talk);
}

void conversation_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "conversation",
						.state_bytes = sizeof(struct talk),
						.set_up = set_up, .body = body,
						.context = policy };
}
