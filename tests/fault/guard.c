/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/rules.h"

/* The guard of debug builds: a small program for each rule. What each kind of operation lends is in
 * guard_kinds.c. */

static duet_handle near, far;
static unsigned char *buffer;
static struct duet_op *op, *other;
static struct duet_pool *pool;
static struct duet_buffer held;
static volatile unsigned sum;

enum { BUFFER_BYTES = 64, MUCH_BYTES = 1 << 20 };

static void send_five(void)
{
	struct duet_op send;

	duet_op_init(&send, NULL, NULL);
	duet_op_send(&send, far, "hello", 5, DUET_WHOLE);
	rules_must(duet_op_start(rules_loop, &send));
	rules_settle(&send);
}

static void lend(void)
{
	rules_pair(&near, &far);
	buffer = malloc(BUFFER_BYTES);
	memset(buffer, 1, BUFFER_BYTES);
	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	duet_op_recv(op, near, buffer, BUFFER_BYTES, 0);
	rules_must(duet_op_start(rules_loop, op));
	rules_turn(2);
}

static void lend_to_a_send(void)
{
	rules_pair(&near, &far);
	buffer = malloc(MUCH_BYTES);
	memset(buffer, 1, MUCH_BYTES);
	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	/* Until nobody takes any more. */
	do {
		duet_op_send(op, near, buffer, MUCH_BYTES, DUET_WHOLE);
		rules_must(duet_op_start(rules_loop, op));
		rules_turn(20);
	} while (!duet_op_pending(op));
}

static void hold(struct duet_op *ended)
{
	if (ended->transferred)
		held = ended->buffer;
}

static void receive_pooled(void)
{
	rules_pair(&near, &far);
	rules_must(duet_pool_create(rules_loop, 4, BUFFER_BYTES, &pool));
	op = malloc(sizeof(*op));
	duet_op_init(op, hold, NULL);
	duet_op_recv_pooled(op, near, pool, 0);
	rules_must(duet_op_start(rules_loop, op));
	send_five();
	rules_settle(op);
}

/* ---- The rules, each broken in the line that is marked. ---- */

static void write_to_what_is_lent(void)
{
	lend();
	buffer[3] = 7; /* here */
}

static void read_what_is_lent(void)
{
	lend();
	sum = buffer[3]; /* here */
}

static void change_what_is_sent(void)
{
	lend_to_a_send();
	buffer[MUCH_BYTES - 1] = 7; /* here, and it is found when the buffer comes back */
	duet_op_cancel(op);
	rules_settle(op);
}

static void free_the_buffer(void)
{
	lend();
	duet_debug_check_free(buffer, MEANS == MEANS_ASAN ? 0 : BUFFER_BYTES);
	free(buffer); /* here */
}

static void free_what_is_sent(void)
{
	lend_to_a_send();
	duet_debug_check_free(buffer, MEANS == MEANS_ASAN ? 0 : MUCH_BYTES);
	free(buffer); /* here */
}

static void free_the_operation(void)
{
	lend();
	duet_debug_check_free(op, MEANS == MEANS_ASAN ? 0 : sizeof(*op));
	free(op); /* here */
}

static void read_behind_the_end(void)
{
	lend();
	send_five();
	rules_settle(op);
	if (buffer[9] == 'x') /* here: five bytes have come */
		sum++;
}

static void read_behind_the_end_in_a_pool(void)
{
	receive_pooled();
	sum = held.data[20]; /* here */
}

static void read_what_is_returned(void)
{
	receive_pooled();
	duet_buffer_return(rules_loop, &held);
	sum = held.data[0]; /* here */
}

static void start_twice(void)
{
	lend();
	duet_op_start(rules_loop, op); /* here */
}

static void start_what_was_moved(void)
{
	lend();
	other = malloc(sizeof(*other));
	memcpy(other, op, sizeof(*op));
	duet_op_start(rules_loop, other); /* here */
}

static void cancel_what_was_moved(void)
{
	lend();
	other = malloc(sizeof(*other));
	memcpy(other, op, sizeof(*op));
	duet_op_cancel(other); /* here */
}

static void make_anew(void)
{
	lend();
	duet_op_init(op, NULL, NULL); /* here */
}

static void overwrite(void)
{
	lend();
	memset(&op->handle, 0x55, sizeof(op->handle)); /* here, and it is found at the end */
	op->handle.slot = near.slot;
	send_five();
	rules_settle(op);
}

static void *start_elsewhere(void *argument)
{
	duet_op_start(rules_loop, argument);
	return NULL;
}

static void start_in_another_thread(void)
{
	pthread_t thread;

	op = malloc(sizeof(*op));
	duet_op_init(op, NULL, NULL);
	duet_op_nop(op);
	if (pthread_create(&thread, NULL, start_elsewhere, op) == 0) /* here */
		pthread_join(thread, NULL);
}

/* Breaks none: nobody is stopped, by whatever means. */
static void keep_to_the_rules(void)
{
	lend();
	send_five();
	rules_settle(op);
	for (unsigned i = 0; i < op->transferred; i++)
		sum += buffer[i] == 'h';
	memset(buffer, 2, BUFFER_BYTES);
	duet_op_send(op, near, buffer, BUFFER_BYTES, DUET_WHOLE);
	rules_must(duet_op_start(rules_loop, op));
	sum += buffer[7];
	rules_settle(op);
	free(buffer);
	free(op);
}

/* Who breaks them on purpose says so. */
static void break_them_unguarded(void)
{
	lend();
	duet_debug_unguard(rules_loop);
	buffer[3] = 7;
	duet_op_cancel(op);
	rules_settle(op);
	free(op);
	free(buffer);
	receive_pooled();
	sum = held.data[20];
	duet_buffer_return(rules_loop, &held);
	sum = held.data[0];
	free(op);
}

static const struct rule rules[] = {
	{ "none", keep_to_the_rules, NULL, 0, false },
	{ "unguarded", break_them_unguarded, NULL, 0, false },
	{ "write", write_to_what_is_lent, "(R2", MEANS_ASAN, false },
	{ "read", read_what_is_lent, "(R2", MEANS_ASAN, false },
	{ "write-valgrind", write_to_what_is_lent, "(recv", MEANS_VALGRIND, false },
	{ "read-valgrind", read_what_is_lent, "(recv", MEANS_VALGRIND, false },
	{ "change", change_what_is_sent, "changed while lent (R2", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free", free_the_buffer, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free-sent", free_what_is_sent, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "free-operation", free_the_operation, "was freed while lent", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "behind", read_behind_the_end, "uninitialised", MEANS_VALGRIND, true },
	{ "behind-pool", read_behind_the_end_in_a_pool, "behind what was received", MEANS_ASAN, true },
	{ "behind-pool-valgrind", read_behind_the_end_in_a_pool, "Invalid read", MEANS_VALGRIND, true },
	{ "returned", read_what_is_returned, "it was returned", MEANS_ASAN, true },
	{ "returned-valgrind", read_what_is_returned, "Invalid read", MEANS_VALGRIND, true },
	{ "start-twice", start_twice, "a second time", MEANS_DEBUG | MEANS_ASAN, false },
	{ "moved", start_what_was_moved, "moved while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "cancel-moved", cancel_what_was_moved, "moved while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "anew", make_anew, "made anew while lent (R2", MEANS_DEBUG | MEANS_ASAN, false },
	{ "overwrite", overwrite, "overwritten while lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "thread", start_in_another_thread, "(R14", MEANS_DEBUG | MEANS_ASAN, true },
};

int main(int argc, char **argv)
{
	return rules_main(argc, argv, "guard", "tests/fault/guard.c:", rules,
		sizeof(rules) / sizeof(rules[0]));
}
