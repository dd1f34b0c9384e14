/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/dirty_pool.h"

/*
 * A request that was given up isn't made again: the next one is. What remains of the first is its answer,
 * on its connection: who gives that back to the pool gives the next request the answer of this one.
 */

enum { CONNECTIONS = 3, REQUESTS = 2, QUESTION_BYTES = 4, ANSWER_BYTES = 8 };

struct connection {
	duet_handle handle;
	int peer;
	uint32_t asked, answered;
};

struct pool {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	struct duet_op op, closing;
	struct duet_member member, closing_member;
	struct connection connections[CONNECTIONS];
	uint32_t at; /* the connection that is taken */
	uint32_t request;
	uint32_t have; /* of its answer */
	bool crossed;
	unsigned char question[QUESTION_BYTES], answer[ANSWER_BYTES];
};

static void go_on(struct pool *pool);

static void on_answer(struct duet_op *op)
{
	struct pool *pool = op->context;
	struct connection *connection = &pool->connections[pool->at];

	duet_lab_received(pool->lab, connection->peer, pool->answer + pool->have, op->transferred);
	pool->have += op->transferred;
	if (pool->have == ANSWER_BYTES) {
		pool->crossed |= !duet_lab_sends_there(pool->lab, connection->peer,
						       (uint64_t)(connection->asked - 1) * ANSWER_BYTES,
						       pool->answer, ANSWER_BYTES);
		connection->answered++;
		pool->request++;
		pool->have = 0;
	}
	go_on(pool);
}

static void on_question(struct duet_op *op)
{
	struct pool *pool = op->context;
	struct connection *connection = &pool->connections[pool->at];

	duet_lab_sent(pool->lab, connection->peer, op->transferred);
	connection->asked += op->transferred == QUESTION_BYTES;
	go_on(pool);
}

static void go_on(struct pool *pool)
{
	const struct connection *connection = &pool->connections[pool->at];
	bool asks = connection->asked == connection->answered;

	if (pool->request >= REQUESTS) {
		duet_lab_finish(pool->lab);
		return;
	}
	duet_op_init(&pool->op, asks ? on_question : on_answer, pool);
	duet_lab_fill(pool->lab, connection->peer, (uint64_t)connection->asked * QUESTION_BYTES,
		      pool->question, QUESTION_BYTES);
	if (asks)
		duet_op_send(&pool->op, connection->handle, pool->question, QUESTION_BYTES, 0);
	else
		duet_op_recv(&pool->op, connection->handle, pool->answer + pool->have,
			     ANSWER_BYTES - pool->have, 0);
	duet_scope_start(pool->scope, &pool->member, &pool->op);
}

static void give_back(struct pool *pool)
{
	struct connection *connection = &pool->connections[pool->at];

	if (pool->policy->dirties) {
		connection->answered = connection->asked;
	} else if (connection->answered != connection->asked) {
		duet_op_init(&pool->closing, NULL, NULL);
		duet_op_close(&pool->closing, connection->handle);
		duet_scope_start(pool->scope, &pool->closing_member, &pool->closing);
		pool->at++;
	}
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct pool *pool = state;

	pool->scope = scope;
	if (duet_lab_attempt(lab) > 0) {
		duet_lab_declare_partial(lab);
		pool->request++;
		pool->have = 0;
		give_back(pool);
	}
	go_on(pool);
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct pool *pool = state;

	pool->lab = lab;
	pool->policy = duet_lab_context(lab);
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &pool->connections[i];

		connection->peer = duet_lab_pair(lab, &connection->handle);
		if (connection->peer < 0)
			return connection->peer;
	}
	for (int i = 0; i < CONNECTIONS * REQUESTS; i++) {
		duet_lab_peer_receives(lab, i % CONNECTIONS, QUESTION_BYTES);
		duet_lab_peer_sends(lab, i % CONNECTIONS, ANSWER_BYTES);
	}
	return 0;
}

static const char *check(struct duet_lab *lab, void *state)
{
	(void)lab;
	return ((struct pool *)state)->crossed ? "a request was given another one's answer" : NULL;
}

void dirty_pool_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "requests", .state_bytes = sizeof(struct pool),
						.set_up = set_up, .body = body, .check = check,
						.context = policy };
}
