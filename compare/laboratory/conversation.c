/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/conversation.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { QUESTIONS = 3, QUESTION_BYTES = 12, ANSWER_BYTES = 4, ERRANDS = 4 };

struct talk;

/* One operation on its way, with memory of its own. */
struct errand {
	struct duet_op op;
	struct duet_member member;
	struct talk *talk;
	bool left; /* the body went on without it */
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

static bool counts(const struct errand *errand)
{
	return !errand->left &&
		(!errand->talk->policy->discards || !duet_scope_check(errand->talk->scope));
}

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

static void end(struct errand *errand)
{
	struct talk *talk = errand->talk;

	if (talk->policy->release == RELEASE_AT_REQUEST && !errand->left)
		duet_member_leave(&errand->member, 0);
	if (!errand->left)
		go_on(talk);
}

static void on_question(struct duet_op *op)
{
	struct errand *errand = op->context;

	if (counts(errand))
		hear(errand->talk, op->args.io.vectors[0].iov_base, op->transferred);
	end(errand);
}

static void on_answer(struct duet_op *op)
{
	struct errand *errand = op->context;
	struct talk *talk = errand->talk;

	if (counts(errand)) {
		duet_lab_sent(talk->lab, talk->peer, op->transferred);
		talk->sent += op->transferred;
	}
	if (talk->sent == ANSWER_BYTES) {
		talk->sent = talk->have = 0;
		talk->answered++;
	}
	end(errand);
}

/* ---- Starts. ---- */

/* The request has come: what is under way is left behind. */
static void leave(struct duet_member *member, enum duet_cause cause)
{
	struct errand *errand = (struct errand *)(void *)((char *)member -
		offsetof(struct errand, member));

	(void)cause;
	errand->left = true;
	duet_op_cancel(&errand->op);
	if (errand->talk->policy->reuses)
		duet_lab_takes_back(errand->talk->lab, errand->op.args.io.vectors[0].iov_base,
				    errand->op.args.io.vectors[0].iov_len);
	duet_member_leave(member, -ECANCELED);
}

static void start(struct errand *errand)
{
	struct talk *talk = errand->talk;

	if (talk->policy->release == RELEASE_AT_END) {
		duet_scope_start(talk->scope, &errand->member, &errand->op);
		return;
	}
	if (duet_scope_enter(talk->scope, &errand->member, leave))
		return;
	errand->left = false;
	if (duet_op_start(duet_lab_loop(talk->lab), &errand->op) < 0)
		duet_member_leave(&errand->member, -ECANCELED);
}

static struct errand *next_errand(struct talk *talk)
{
	struct errand *errand = &talk->errands[talk->next];

	/* Who waits needs one; who does not, has left the others behind. */
	if (talk->policy->release == RELEASE_AT_REQUEST)
		talk->next = (talk->next + 1) % ERRANDS;
	errand->talk = talk;
	return errand;
}

static void ask(struct talk *talk)
{
	struct errand *errand = next_errand(talk);
	bool elsewhere = talk->policy->copies || talk->policy->forgets ||
		(talk->policy->release == RELEASE_AT_REQUEST && !talk->policy->reuses);
	unsigned char *memory = elsewhere ? errand->memory : talk->question + talk->have;

	duet_op_init(&errand->op, on_question, errand);
	duet_op_recv(&errand->op, talk->handle, memory, QUESTION_BYTES - talk->have, 0);
	start(errand);
}

static void answer(struct talk *talk)
{
	struct errand *errand = next_errand(talk);

	duet_lab_fill(talk->lab, talk->peer,
		      (uint64_t)talk->answered * ANSWER_BYTES + talk->sent, errand->memory,
		      ANSWER_BYTES - talk->sent);
	duet_op_init(&errand->op, on_answer, errand);
	duet_op_send(&errand->op, talk->handle, errand->memory, ANSWER_BYTES - talk->sent, 0);
	start(errand);
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
	for (int i = 0; i < QUESTIONS; i++) {
		duet_lab_peer_sends(lab, talk->peer, 5);
		duet_lab_peer_sends(lab, talk->peer, 4);
		duet_lab_peer_sends(lab, talk->peer, 3);
		duet_lab_peer_receives(lab, talk->peer, ANSWER_BYTES);
	}
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
