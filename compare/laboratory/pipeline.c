/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/pipeline.h"

#include <string.h>

#include "compare/laboratory/leg.h"

enum { MESSAGES = 4, MESSAGE_BYTES = 8, RECEIPT_BYTES = 4, BUFFERS = 2, BUFFER_BYTES = 64 };

/* What is next; the odd ones send what the ones before have received, which may be a part only. */
enum stage {
	STAGE_HEAR,      /* a message. -> PASS_ON */
	STAGE_PASS_ON,   /* -> HEAR, until it is whole; RECEIPT */
	STAGE_RECEIPT,   /* is heard. -> PASS_BACK */
	STAGE_PASS_BACK, /* -> RECEIPT, until it is whole; HEAR */
};

/* An end of the chain. */
struct side {
	duet_handle handle;
	int peer;
	uint64_t sent;
};

struct pipeline {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	struct duet_pool *pool;
	struct side sides[2]; /* where it comes from, and where it goes */
	struct leg leg;
	enum stage stage;
	uint32_t to_send;        /* of what was received */
	struct duet_buffer held; /* where that is, while it is in the pool's memory */
	bool holds;
	unsigned char aside[MESSAGE_BYTES]; /* and where it is kept over the end of a body */
};

static void go_on(struct pipeline *pipeline);

static bool sends(const struct pipeline *pipeline)
{
	return pipeline->stage % 2 == 1;
}

static struct side *side_of(struct pipeline *pipeline)
{
	bool far = pipeline->stage == STAGE_PASS_ON || pipeline->stage == STAGE_RECEIPT;

	return &pipeline->sides[far];
}

static void give_back(struct pipeline *pipeline)
{
	if (pipeline->holds)
		duet_buffer_return(duet_lab_loop(pipeline->lab), &pipeline->held);
	pipeline->holds = false;
}

/* The body is over: a buffer of the pool isn't kept for the next one. */
static void set_aside(struct pipeline *pipeline)
{
	if (pipeline->holds)
		memcpy(pipeline->aside, pipeline->held.data, pipeline->held.length_bytes);
	if (pipeline->policy->forgets)
		pipeline->holds = false;
	give_back(pipeline);
}

/* ---- Ends. ---- */

static void next_stage(struct pipeline *pipeline)
{
	bool whole = pipeline->stage == STAGE_PASS_ON
		? pipeline->sides[1].sent % MESSAGE_BYTES == 0
		: pipeline->sides[0].sent % RECEIPT_BYTES == 0;

	if (pipeline->stage == STAGE_PASS_ON)
		pipeline->stage = whole ? STAGE_RECEIPT : STAGE_HEAR;
	else
		pipeline->stage = whole ? STAGE_HEAR : STAGE_RECEIPT;
}

static void heard(struct leg *leg)
{
	struct pipeline *pipeline = leg->context;

	/* Of the pool: it goes on by itself. */
	if (leg->op.more)
		return;
	if (leg->bytes) {
		pipeline->held = leg->op.buffer;
		pipeline->holds = true;
		duet_lab_received(pipeline->lab, side_of(pipeline)->peer, pipeline->held.data,
				  leg->bytes);
		pipeline->to_send = leg->bytes;
		pipeline->stage++;
	}
	go_on(pipeline);
}

static void said(struct leg *leg)
{
	struct pipeline *pipeline = leg->context;
	struct side *side = side_of(pipeline);

	duet_lab_sent(pipeline->lab, side->peer, leg->bytes);
	side->sent += leg->bytes;
	pipeline->to_send -= leg->bytes;
	if (!pipeline->to_send) {
		give_back(pipeline);
		next_stage(pipeline);
	}
	go_on(pipeline);
}

/* ---- Starts. ---- */

static void hear(struct pipeline *pipeline)
{
	leg_init(&pipeline->leg, pipeline->policy, heard, pipeline);
	duet_op_recv_pooled(&pipeline->leg.op, side_of(pipeline)->handle, pipeline->pool, 0);
}

/* The message is translated where it lies: each peer expects bytes of its own. */
static void say(struct pipeline *pipeline)
{
	struct side *side = side_of(pipeline);
	unsigned char *bytes = pipeline->holds ? pipeline->held.data : pipeline->aside;

	duet_lab_fill(pipeline->lab, side->peer, side->sent, bytes, pipeline->to_send);
	leg_init(&pipeline->leg, pipeline->policy, said, pipeline);
	duet_op_send(&pipeline->leg.op, side->handle, bytes, pipeline->to_send, 0);
}

static void go_on(struct pipeline *pipeline)
{
	if (pipeline->sides[0].sent == MESSAGES * RECEIPT_BYTES) {
		duet_lab_finish(pipeline->lab);
		return;
	}
	if (sends(pipeline))
		say(pipeline);
	else
		hear(pipeline);
	if (!leg_start(&pipeline->leg, pipeline->scope))
		set_aside(pipeline);
}

/* ---- The workload. ---- */

static int set_up(struct duet_lab *lab, void *state)
{
	struct pipeline *pipeline = state;

	pipeline->lab = lab;
	pipeline->policy = duet_lab_context(lab);
	for (int i = 0; i < 2; i++) {
		pipeline->sides[i].peer = duet_lab_pair(lab, &pipeline->sides[i].handle);
		if (pipeline->sides[i].peer < 0)
			return pipeline->sides[i].peer;
	}
	for (int i = 0; i < MESSAGES; i++) {
		duet_lab_peer_sends(lab, pipeline->sides[0].peer, MESSAGE_BYTES);
		duet_lab_peer_receives(lab, pipeline->sides[1].peer, MESSAGE_BYTES);
		duet_lab_peer_sends(lab, pipeline->sides[1].peer, RECEIPT_BYTES);
		duet_lab_peer_receives(lab, pipeline->sides[0].peer, RECEIPT_BYTES);
	}
	return duet_pool_create(duet_lab_loop(lab), BUFFERS, BUFFER_BYTES, &pipeline->pool);
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct pipeline *pipeline = state;

	(void)lab;
	pipeline->scope = scope;
	go_on(pipeline);
}

void pipeline_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "pipeline",
						.state_bytes = sizeof(struct pipeline),
						.set_up = set_up, .body = body,
						.context = policy };
}
