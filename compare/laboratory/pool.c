/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/pool.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "compare/laboratory/step.h"

/* Each connection is worn out after so many exchanges: who has which is not all the same. */
enum { USERS = 3, CONNECTIONS = 2, REQUESTS = 2, EXCHANGES = USERS * REQUESTS / CONNECTIONS };
enum { QUESTION_BYTES = 4, ANSWER_BYTES = 8, PIECE_BYTES = 3 };

struct pool;
struct user;

struct connection {
	duet_handle handle;
	int peer;
	const struct user *owner; /* of the exchange that was begun on it; NULL: none was */
	bool held;
	uint32_t exchanges;
	uint32_t asked; /* bytes of this exchange */
	uint32_t have;
	uint64_t sent; /* all in all */
	unsigned char answer[ANSWER_BYTES];
};

struct user {
	struct step step;
	unsigned char memory[ANSWER_BYTES];
	struct duet_member member; /* while it waits in line */
	struct duet_lab_wait point;
	struct pool *pool;
	struct connection *connection; /* its permit */
	struct user *next;             /* in line */
	bool waits;
	uint32_t requests; /* that were answered */
};

struct pool {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	struct connection connections[CONNECTIONS];
	struct user users[USERS];
	struct user *line;
	uint64_t free;
};

static void go_on(struct user *user);

static void judge_permits(const struct pool *pool)
{
	uint64_t held = 0;

	for (int i = 0; i < USERS; i++)
		held += pool->users[i].connection != NULL;
	duet_lab_permits(pool->lab, "connections", pool->free, held, CONNECTIONS);
}

/* ---- The line. ---- */

static void stand_in_line(struct user *user)
{
	struct user **place = &user->pool->line;

	while (*place)
		place = &(*place)->next;
	*place = user;
	user->next = NULL;
}

static void leave_line(struct user *user)
{
	struct user **place = &user->pool->line;

	while (*place && *place != user)
		place = &(*place)->next;
	if (*place)
		*place = user->next;
}

static bool may_have(const struct user *user, const struct connection *connection)
{
	return !connection->held && connection->exchanges < EXCHANGES &&
		(!connection->owner || connection->owner == user);
}

static void hold(struct user *user, struct connection *connection)
{
	connection->held = true;
	user->connection = connection;
	user->pool->free--;
	judge_permits(user->pool);
}

/* It is handed out before its user goes on: who is asked to end in between has to give it back. */
static void hand_out(struct pool *pool, struct connection *connection)
{
	struct user *user = pool->line;

	while (user && !may_have(user, connection))
		user = user->next;
	if (!user)
		return;
	leave_line(user);
	hold(user, connection);
	duet_lab_waited(pool->lab, &user->point);
	if (!user->waits)
		return;
	user->waits = false;
	go_on(user);
	duet_member_leave(&user->member, 0);
}

static void give_back(struct user *user)
{
	struct connection *connection = user->connection;
	struct pool *pool = user->pool;

	if (!connection)
		return;
	user->connection = NULL;
	connection->held = false;
	pool->free++;
	judge_permits(pool);
	hand_out(pool, connection);
}

static void asked(struct duet_member *member, enum duet_cause cause)
{
	struct user *user = (struct user *)(void *)((char *)member - offsetof(struct user, member));

	(void)cause;
	user->waits = false;
	leave_line(user);
	duet_lab_dropped(user->pool->lab, &user->point);
	if (user->pool->policy->forgets)
		user->connection = NULL;
	give_back(user);
	duet_member_leave(member, -ECANCELED);
}

/* The wait alone was cancelled. What was handed out meanwhile is kept, else it stands at the end. */
static void dropped(struct duet_lab_wait *point)
{
	struct user *user = (struct user *)(void *)((char *)point - offsetof(struct user, point));

	if (user->connection)
		return;
	leave_line(user);
	duet_lab_dropped(user->pool->lab, point);
	stand_in_line(user);
	duet_lab_waits(user->pool->lab, point);
}

/* One on which it has begun something, or else any. */
static struct connection *find(struct user *user)
{
	struct connection *found = NULL;

	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &user->pool->connections[i];

		if (may_have(user, connection) && (!found || connection->owner))
			found = connection;
	}
	return found;
}

static void acquire(struct user *user)
{
	struct connection *connection = find(user);
	struct pool *pool = user->pool;

	if (connection) {
		hold(user, connection);
		return;
	}
	if (duet_scope_enter(pool->scope, &user->member, asked))
		return;
	user->waits = true;
	stand_in_line(user);
	duet_lab_waits(pool->lab, &user->point);
}

/* ---- An exchange. ---- */

/* Begun and not over it is its user's, also in the next body: nobody else is to be given its answer. */
static void note_owner(struct user *user)
{
	struct connection *connection = user->connection;

	connection->owner = connection->asked || connection->have ? user : NULL;
}

static void said(struct user *user, struct connection *connection, uint32_t bytes)
{
	duet_lab_sent(user->pool->lab, connection->peer, bytes);
	connection->sent += bytes;
	connection->asked += bytes;
	note_owner(user);
}

/* Received in place there is nothing to copy. */
static void heard(struct user *user, struct connection *connection, const struct step *step)
{
	memmove(connection->answer + connection->have, step->data, step->bytes);
	duet_lab_received(user->pool->lab, connection->peer, step->data, step->bytes);
	connection->have += step->bytes;
	note_owner(user);
	if (connection->have < ANSWER_BYTES)
		return;
	connection->asked = connection->have = 0;
	connection->exchanges++;
	user->requests++;
	note_owner(user);
	give_back(user);
}

static void on_step(struct step *step)
{
	struct user *user = step->context;
	struct connection *connection = user->connection;

	if (step->bytes && connection->asked < QUESTION_BYTES)
		said(user, connection, step->bytes);
	else if (step->bytes)
		heard(user, connection, step);
	go_on(user);
}

static void ask(struct user *user, struct connection *connection)
{
	uint32_t left = QUESTION_BYTES - connection->asked;

	duet_lab_fill(user->pool->lab, connection->peer, connection->sent, user->memory, left);
	step_send(&user->step, user->pool->scope, connection->handle, user->memory, left);
}

static void hear(struct user *user, struct connection *connection)
{
	step_receive(&user->step, user->pool->scope, connection->handle,
		     user->pool->policy->copies ? user->memory
						: connection->answer + connection->have,
		     ANSWER_BYTES - connection->have);
}

/* Where nothing begins any more the connection is of no use. */
static void exchange(struct user *user)
{
	if (duet_scope_check(user->pool->scope))
		give_back(user);
	else if (user->connection->asked < QUESTION_BYTES)
		ask(user, user->connection);
	else
		hear(user, user->connection);
}

static bool is_over(const struct pool *pool)
{
	uint32_t requests = 0;

	for (int i = 0; i < USERS; i++)
		requests += pool->users[i].requests;
	return requests == USERS * REQUESTS;
}

static void go_on(struct user *user)
{
	if (is_over(user->pool))
		duet_lab_finish(user->pool->lab);
	if (user->requests == REQUESTS)
		return;
	if (!user->connection)
		acquire(user);
	if (user->connection)
		exchange(user);
}

/* ---- The workload. ---- */

static void script(struct duet_lab *lab, const struct connection *connections)
{
	for (int i = 0; i < EXCHANGES; i++) {
		for (int k = 0; k < CONNECTIONS; k++) {
			duet_lab_peer_receives(lab, connections[k].peer, QUESTION_BYTES);
			duet_lab_peer_sends(lab, connections[k].peer, PIECE_BYTES);
		}
		for (int k = 0; k < CONNECTIONS; k++)
			duet_lab_peer_sends(lab, connections[k].peer, ANSWER_BYTES - PIECE_BYTES);
	}
}

static int set_up(struct duet_lab *lab, void *state)
{
	struct pool *pool = state;

	pool->lab = lab;
	pool->policy = duet_lab_context(lab);
	pool->free = CONNECTIONS;
	for (int i = 0; i < USERS; i++) {
		pool->users[i].pool = pool;
		pool->users[i].point.drop = dropped;
		step_init(&pool->users[i].step, pool->policy, lab, on_step, &pool->users[i]);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &pool->connections[i];

		connection->peer = duet_lab_pair(lab, &connection->handle);
		if (connection->peer < 0)
			return connection->peer;
	}
	script(lab, pool->connections);
	return 0;
}

/* Between bodies nobody holds anything. */
static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct pool *pool = state;

	pool->scope = scope;
	duet_lab_permits(lab, "connections", pool->free, 0, CONNECTIONS);
	for (int i = 0; i < USERS; i++)
		go_on(&pool->users[i]);
}

void pool_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "pool", .state_bytes = sizeof(struct pool),
						.set_up = set_up, .body = body,
						.context = policy };
}
