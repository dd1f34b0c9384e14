/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * A small pool of connections, and what a cancel makes of it: two requests, each a question of four
 * bytes and an answer of eight. A request that was cancelled while its answer was under way gives its
 * connection back, and the next one is given the answer of its predecessor. Set CLOSES_DIRTY to 1 and
 * look again: dirty-pool [completion].
 */
#include <duet/completion.h>
#include <duet/laboratory.h>
#include <duet/polling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSES_DIRTY 0

enum { CONNECTIONS = 3, REQUESTS = 2, QUESTION = 4, ANSWER = 8 };

struct pool {
	struct duet_op op, closing;
	struct duet_member member, closing_member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handles[CONNECTIONS];
	unsigned request, asked[CONNECTIONS], answered[CONNECTIONS], have;
	int at, crossed;
	unsigned char question[QUESTION], answer[ANSWER];
};

static void go_on(struct pool *pool);

static void on_answer(struct duet_op *op)
{
	struct pool *pool = op->context;

	duet_lab_received(pool->lab, pool->at, pool->answer + pool->have, op->transferred);
	pool->have += op->transferred;
	if (pool->have == ANSWER) {
		pool->crossed |= !duet_lab_sends_there(pool->lab, pool->at,
			(uint64_t)(pool->asked[pool->at] - 1) * ANSWER, pool->answer, ANSWER);
		pool->answered[pool->at]++;
		pool->request++;
		pool->have = 0;
	}
	go_on(pool);
}

static void on_question(struct duet_op *op)
{
	struct pool *pool = op->context;

	duet_lab_sent(pool->lab, pool->at, op->transferred);
	pool->asked[pool->at] += op->transferred == QUESTION;
	go_on(pool);
}

static void go_on(struct pool *pool)
{
	int asks = pool->asked[pool->at] == pool->answered[pool->at];

	if (pool->request == REQUESTS) {
		duet_lab_finish(pool->lab);
		return;
	}
	duet_op_init(&pool->op, asks ? on_question : on_answer, pool);
	duet_lab_fill(pool->lab, pool->at, (uint64_t)pool->asked[pool->at] * QUESTION, pool->question,
		      QUESTION);
	if (asks)
		duet_op_send(&pool->op, pool->handles[pool->at], pool->question, QUESTION, 0);
	else
		duet_op_recv(&pool->op, pool->handles[pool->at], pool->answer + pool->have,
			     ANSWER - pool->have, 0);
	duet_scope_start(pool->scope, &pool->member, &pool->op);
}

/* A request that was given up isn't made again: the next one is. */
static void serve(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct pool *pool = state;

	pool->scope = scope;
	if (duet_lab_attempt(lab) > 0) {
		duet_lab_declare_partial(lab);
		pool->request++;
		pool->have = 0;
	}
	if (CLOSES_DIRTY && pool->asked[pool->at] != pool->answered[pool->at]) {
		duet_op_init(&pool->closing, NULL, NULL);
		duet_op_close(&pool->closing, pool->handles[pool->at++]);
		duet_scope_start(scope, &pool->closing_member, &pool->closing);
	} else {
		pool->answered[pool->at] = pool->asked[pool->at];
	}
	go_on(pool);
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct pool *pool = state;

	pool->lab = lab;
	for (int i = 0; i < CONNECTIONS; i++) {
		int peer = duet_lab_pair(lab, &pool->handles[i]);

		if (peer < 0)
			return peer;
	}
	for (int i = 0; i < CONNECTIONS * REQUESTS; i++) {
		duet_lab_peer_receives(lab, i % CONNECTIONS, QUESTION);
		duet_lab_peer_sends(lab, i % CONNECTIONS, ANSWER);
	}
	return 0;
}

static const char *check(struct duet_lab *lab, void *state)
{
	(void)lab;
	return ((struct pool *)state)->crossed ? "a request was given another one's answer" : NULL;
}

int main(int argc, char **argv)
{
	static const struct duet_lab_workload workload = {
		.name = "pool", .state_bytes = sizeof(struct pool),
		.set_up = set_up, .body = serve, .check = check,
	};
	struct duet_lab_sweep sweep = {.workload = &workload, .backend = duet_polling()};
	int error;

	if (argc > 1 && strcmp(argv[1], "completion") == 0)
		sweep.backend = duet_completion();
	error = duet_lab_run(&sweep);
	if (error) {
		fprintf(stderr, "dirty-pool: %s\n", strerror(-error));
		return 1;
	}
	printf("%u points, %u runs, %u violations\n", sweep.points, sweep.runs, sweep.violations);
	for (uint32_t i = 0; i < sweep.outcome_count; i++) {
		const struct duet_lab_outcome *seen = &sweep.outcomes[i];

		if (seen->verdict == DUET_LAB_VIOLATION)
			printf("  point %u, %s, %s: %s\n", seen->point,
			       duet_lab_phase_name((enum duet_lab_phase)seen->phase),
			       duet_lab_kind_name((enum duet_lab_kind)seen->kind), seen->text);
	}
	free(sweep.outcomes);
	return sweep.violations ? 4 : 0;
}
