/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "tests/support/rules.h"

/* The guard of debug builds: what each kind of operation lends beside the bytes of a plain receive, and a
 * small program that touches it. */

static duet_handle near, far;
static struct duet_op *op;
static struct duet_msghdr *header;
static unsigned char *buffer, *control;
static char *path;
static struct statx *attributes;
static struct signalfd_siginfo *told;
static struct duet_buffer given;
static volatile unsigned sum;

enum { BUFFER_BYTES = 64, CONTROL_BYTES = 64, MUCH_BYTES = 1 << 20 };

static void make(void)
{
	op = malloc(sizeof(*op));
	duet_op_init(op, rules_hear, NULL);
}

static void begin(void)
{
	rules_must(duet_op_start(rules_loop, op));
}

static void receive_message(void)
{
	struct iovec into;

	rules_pair(&near, &far);
	buffer = malloc(BUFFER_BYTES);
	control = calloc(1, CONTROL_BYTES);
	header = calloc(1, sizeof(*header));
	header->control = control;
	header->control_room_bytes = CONTROL_BYTES;
	into = (struct iovec){ buffer, BUFFER_BYTES };
	make();
	duet_op_recvmsg(op, near, &into, 1, header, 0);
	begin();
	rules_turn(2);
}

/* Until nobody takes any more. */
static void send_message(void)
{
	struct iovec piece;

	rules_pair(&near, &far);
	buffer = calloc(1, MUCH_BYTES);
	header = calloc(1, sizeof(*header));
	piece = (struct iovec){ buffer, MUCH_BYTES };
	make();
	do {
		duet_op_sendmsg(op, near, &piece, 1, header, 0);
		begin();
		rules_turn(20);
	} while (!duet_op_pending(op));
}

static void end(void)
{
	duet_op_cancel(op);
	rules_settle(op);
}

static void send_zero_copy(void)
{
	rules_pair(&near, &far);
	buffer = calloc(1, MUCH_BYTES);
	make();
	do {
		duet_op_send_zero_copy(op, near, buffer, MUCH_BYTES, DUET_WHOLE);
		begin();
		rules_turn(20);
	} while (!duet_op_pending(op));
}

static void name_something(void)
{
	path = malloc(BUFFER_BYTES);
	snprintf(path, BUFFER_BYTES, "/nonexistent/duet");
	make();
}

static void ask_attributes(void)
{
	name_something();
	attributes = calloc(1, sizeof(*attributes));
	duet_op_statx(op, AT_FDCWD, path, 0, STATX_BASIC_STATS, attributes);
	begin();
}

static void receive_pieces(void)
{
	static unsigned char first[8];
	struct iovec into[2];

	rules_pair(&near, &far);
	buffer = calloc(1, BUFFER_BYTES);
	into[0] = (struct iovec){ first, sizeof(first) };
	into[1] = (struct iovec){ buffer, BUFFER_BYTES };
	header = calloc(1, sizeof(*header));
	make();
	duet_op_recvmsg(op, near, into, 2, header, 0);
	begin();
	rules_turn(2);
}

static void give(enum duet_regime regime)
{
	struct duet_pool_options options;
	struct duet_pool *pool;

	rules_pair(&near, &far);
	duet_pool_options_init(&options);
	options.count = 2;
	options.size_bytes = BUFFER_BYTES;
	options.regime = regime;
	rules_must(duet_pool_create_with(rules_loop, &options, &pool));
	rules_must(duet_buffer_take(pool, &given));
	given.length_bytes = BUFFER_BYTES;
	make();
	duet_op_recv_buffer(op, near, given, 0);
	begin();
	rules_turn(2);
}

/* ---- The rules, each broken in the line that is marked. ---- */

static void read_what_a_message_fills(void)
{
	receive_message();
	sum = buffer[3]; /* here */
}

static void read_its_control_data(void)
{
	receive_message();
	sum = control[3]; /* here */
}

static void free_its_header(void)
{
	receive_message();
	duet_debug_check_free(header, MEANS == MEANS_ASAN ? 0 : sizeof(*header));
	free(header); /* here */
}

static void start_with_a_header_that_is_lent(void)
{
	static unsigned char byte;
	struct duet_op *other = malloc(sizeof(*other));

	receive_message();
	duet_op_init(other, rules_hear, NULL);
	duet_op_recvfrom(other, far, &byte, 1, header);
	rules_must(duet_op_start(rules_loop, other)); /* here */
}

static void change_a_message(void)
{
	send_message();
	buffer[MUCH_BYTES - 1] = 7; /* here, and it is found when it comes back */
	end();
}

static void change_its_header(void)
{
	send_message();
	header->flags ^= 1;
	header->control_bytes = 7; /* here, and it is found when it comes back */
	end();
}

static void free_what_is_not_copied(void)
{
	send_zero_copy();
	duet_debug_check_free(buffer, MEANS == MEANS_ASAN ? 0 : MUCH_BYTES);
	free(buffer); /* here */
}

static void read_attributes(void)
{
	ask_attributes();
	sum = attributes->stx_mode; /* here */
}

static void free_a_path(void)
{
	ask_attributes();
	duet_debug_check_free(path, MEANS == MEANS_ASAN ? 0 : BUFFER_BYTES);
	free(path); /* here */
}

static void change_a_path(void)
{
	name_something();
	duet_op_mkdir(op, AT_FDCWD, path, 0700);
	begin();
	path[3] = 'x'; /* here, and it is found at the end */
	rules_settle(op);
}

static void read_a_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	told = calloc(1, sizeof(*told));
	rules_must(duet_handle_signals(rules_loop, &set, &near));
	make();
	duet_op_signal(op, near, told);
	begin();
	rules_turn(2);
	sum = told->ssi_signo; /* here */
}

static void read_the_second_piece(void)
{
	receive_pieces();
	sum = buffer[3]; /* here */
}

static void read_what_was_moved(void)
{
	give(DUET_REGIME_MOVED);
	sum = given.data[3]; /* here */
}

static void return_what_was_moved(void)
{
	give(DUET_REGIME_MOVED);
	duet_buffer_return(rules_loop, &given); /* here */
}

/* Breaks none: what has come back may be touched, and freed. */
static void keep_to_the_rules(void)
{
	struct duet_op send;

	receive_message();
	duet_op_init(&send, rules_hear, NULL);
	duet_op_send(&send, far, "hello", 5, DUET_WHOLE);
	rules_must(duet_op_start(rules_loop, &send));
	rules_settle(&send);
	rules_settle(op);
	for (unsigned i = 0; i < op->transferred; i++)
		sum += buffer[i] == 'h';
	memset(control, 1, CONTROL_BYTES);
	free(buffer);
	free(control);
	free(header);
	free(op);
	ask_attributes();
	rules_settle(op);
	sum += attributes->stx_mode;
	free(attributes);
	free(path);
	free(op);
}

static const struct rule rules[] = {
	{ "none", keep_to_the_rules, NULL, 0, false },
	{ "message", read_what_a_message_fills, "(R2", MEANS_ASAN, false },
	{ "message-valgrind", read_what_a_message_fills, "(recvmsg", MEANS_VALGRIND, false },
	{ "control", read_its_control_data, "(R2", MEANS_ASAN, false },
	{ "free-header", free_its_header, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "header-twice", start_with_a_header_that_is_lent, "has the header", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "change-message", change_a_message, "changed while lent (R2", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "change-header", change_its_header, "changed while lent (R2", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "free-zero-copy", free_what_is_not_copied, "freed that is lent", MEANS_DEBUG | MEANS_ASAN,
		false },
	{ "attributes", read_attributes, "(R2", MEANS_ASAN, false },
	{ "free-path", free_a_path, "freed that is lent", MEANS_DEBUG | MEANS_ASAN, false },
	{ "change-path", change_a_path, "changed while lent (R2", MEANS_DEBUG | MEANS_ASAN, false },
	{ "signal", read_a_signal, "(R2", MEANS_ASAN, false },
	{ "second-piece", read_the_second_piece, "(R2", MEANS_ASAN, false },
	{ "moved", read_what_was_moved, "(R2", MEANS_ASAN, false },
	{ "return-moved", return_what_was_moved, "an operation has it", MEANS_DEBUG | MEANS_ASAN, true },
};

int main(int argc, char **argv)
{
	return rules_main(argc, argv, "guard_kinds", "tests/fault/guard_kinds.c:", rules,
		sizeof(rules) / sizeof(rules[0]));
}
