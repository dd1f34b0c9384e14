/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* No room: at the backend, or in the table of handles. Scripted. */

static struct duet_loop *loop;
static duet_handle handle;
static struct trial trials[4];
static char memory[64];
static const struct arm scripted_arm = { "scripted", scripted, NULL, false, false };

static void open_loop(uint32_t handles_max)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.handles_max = handles_max;
	memset(&stage, 0, sizeof(stage));
	stage.arm = &scripted_arm;
	loop = stage.loop = script_open(&options);
	handle = script_handle(loop);
}

static void close_loop(void)
{
	struct duet_ledger ledger;

	duet_loop_ledger(loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 0);
	ck_assert_uint_eq(ledger.held_count, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

static void turn(void)
{
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
}

static void poll_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_poll(&trial->op, handle, 1);
	trial_start(trial);
}

static void poll_end(struct trial *trial)
{
	script_plan(&trial->op, SCRIPT_END, 1, 0);
	turn();
	expect(trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

/* ---- A transfer that goes on while others wait for room. ---- */

/* trials[0] has 4 of its 10 bytes and waits behind trials[1]. */
static void recv_behind_a_backlog(uint64_t deadline_ns)
{
	open_loop(8);
	trial_init(&trials[0]);
	duet_op_recv(&trials[0].op, handle, memory, 10, DUET_WHOLE);
	duet_op_deadline(&trials[0].op, deadline_ns);
	trial_start(&trials[0]);
	script.room = 0;
	poll_start(&trials[1]);
	script_plan(&trials[0].op, SCRIPT_END, 4, 0);
	turn();
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_uint_eq(script.count, 1);
	ck_assert_int_eq(trials[0].op.state, STATE_WAITING);
}

static void let_the_rest_go(void)
{
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.cancels, 0);
	ck_assert_uint_eq(script.count, 2);
	poll_end(&trials[1]);
	close_loop();
}

START_TEST(a_piece_that_waits_for_room_is_cancelled_without_the_backend)
{
	recv_behind_a_backlog(DUET_NO_DEADLINE);
	trial_cancel(&trials[0]);
	turn();
	expect(&trials[0], 4, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	let_the_rest_go();
}
END_TEST

START_TEST(a_piece_that_waits_for_room_has_its_deadline)
{
	recv_behind_a_backlog(1000500);
	script.now_ns += 500;
	turn();
	expect(&trials[0], 4, DUET_PARTIAL, DUET_CAUSE_DEADLINE);
	let_the_rest_go();
}
END_TEST

START_TEST(a_piece_that_waits_for_room_goes_on_in_its_turn)
{
	recv_behind_a_backlog(DUET_NO_DEADLINE);
	script.room = UINT32_MAX;
	turn();
	ck_assert_uint_eq(script.count, 3);
	ck_assert_ptr_eq(script.with[1], &trials[1].op);
	ck_assert_ptr_eq(script.with[2], &trials[0].op);
	ck_assert_ptr_eq(trials[0].op.args.io.vectors[0].iov_base, memory + 4);
	script_plan(&trials[0].op, SCRIPT_END, 6, 0);
	poll_end(&trials[1]);
	expect(&trials[0], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close_loop();
}
END_TEST

START_TEST(a_handle_closes_under_a_piece_that_waits_for_room)
{
	recv_behind_a_backlog(DUET_NO_DEADLINE);
	trial_init(&trials[2]);
	duet_op_close(&trials[2].op, handle);
	trial_start(&trials[2]);
	turn();
	expect(&trials[0], 4, DUET_PARTIAL, DUET_CAUSE_CLOSE);
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	script.room = UINT32_MAX;
	turn();
	ck_assert_ptr_eq(script.with[script.count - 1], &trials[2].op);
	close(duet_handle_fd(loop, handle));
	script_plan(&trials[2].op, SCRIPT_END, 0, 0);
	turn();
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close_loop();
}
END_TEST

/* ---- What ends in its start waits for no room. ---- */

static struct duet_backend answering;

static int answer(struct duet_loop *which, struct duet_op *op)
{
	if (op->kind != DUET_SOCKET && op->kind != DUET_BIND && op->kind != DUET_LISTEN)
		return scripted()->start(which, op);
	op->result = op->kind == DUET_SOCKET ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : 0;
	return BACKEND_ENDED;
}

START_TEST(a_listener_is_made_while_others_wait_for_room)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	duet_handle listener = { 7, 7 };

	open_loop(8);
	answering = *scripted();
	answering.start = answer;
	loop->backend = &answering;
	script.room = 0;
	poll_start(&trials[0]);
	ck_assert_int_eq(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 4,
				 &listener), 0);
	ck_assert_int_eq(duet_core_slot_of(loop, listener)->slot_class, CLASS_LISTENER);
	ck_assert_uint_eq(duet_loop_pending(loop), 1);
	script.room = UINT32_MAX;
	turn();
	poll_end(&trials[0]);
	close_loop();
}
END_TEST

/* ---- The table of handles. ---- */

static int descriptor(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* How many handles can be made now; none of them stays. */
static unsigned places(void)
{
	duet_handle made[8];
	unsigned count = 0;
	int fd = descriptor();

	while (duet_handle_adopt(loop, fd, 0, &made[count]) == 0)
		count++;
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(duet_handle_release(loop, made[i]), fd);
	close(fd);
	return count;
}

static struct trial *accept_start(unsigned i)
{
	trial_init(&trials[i]);
	duet_op_accept(&trials[i].op, handle, 0);
	trial_start(&trials[i]);
	return &trials[i];
}

static void accept_end(struct trial *trial, int result)
{
	script_plan(&trial->op, SCRIPT_END, result, 0);
	turn();
	ck_assert_uint_eq(trial->ends, 1);
}

START_TEST(an_issued_accept_keeps_a_place_and_its_end_gives_it_back)
{
	struct trial *trial;

	open_loop(4);
	ck_assert_uint_eq(places(), 3);
	trial = accept_start(0);
	ck_assert_uint_eq(places(), 2);
	trial_cancel(trial);
	ck_assert_uint_eq(places(), 2);
	accept_end(trial, -ECANCELED);
	ck_assert_uint_eq(places(), 3);
	accept_end(accept_start(0), -EMFILE);
	ck_assert_uint_eq(places(), 3);
	trial = accept_start(0);
	accept_end(trial, descriptor());
	ck_assert_int_eq(trial->op.result, 0);
	ck_assert_uint_eq(places(), 2);
	close_loop();
}
END_TEST

/* Only the head has been issued. */
START_TEST(an_accept_in_line_keeps_no_place_until_it_is_issued)
{
	open_loop(3);
	accept_start(0);
	accept_start(1);
	ck_assert_uint_eq(places(), 1);
	accept_end(&trials[0], descriptor());
	ck_assert_uint_eq(places(), 0);
	accept_end(&trials[1], descriptor());
	ck_assert_int_eq(trials[1].op.result, 0);
	ck_assert_uint_eq(places(), 0);
	close_loop();
}
END_TEST

START_TEST(a_full_table_refuses_an_accept_before_the_backend_hears_of_it)
{
	open_loop(3);
	script_handle(loop);
	script_handle(loop);
	accept_start(0);
	accept_start(1);
	turn();
	expect(&trials[0], -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	expect(&trials[1], -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trials[0].op.made.generation, 0);
	ck_assert_uint_eq(script.count, 0);
	close_loop();
}
END_TEST

START_TEST(an_accept_that_waits_for_room_keeps_no_place)
{
	open_loop(2);
	script.room = 0;
	accept_start(0);
	ck_assert_uint_eq(places(), 1);
	trial_cancel(&trials[0]);
	turn();
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(places(), 1);

	accept_start(0);
	script.room = 1;
	turn();
	ck_assert_uint_eq(places(), 0);
	accept_end(&trials[0], descriptor());
	ck_assert_int_eq(trials[0].op.result, 0);
	close_loop();
}
END_TEST

START_TEST(a_place_taken_while_an_accept_waited_for_room_is_missed_at_its_issue)
{
	open_loop(2);
	script.room = 0;
	accept_start(0);
	script_handle(loop);
	script.room = UINT32_MAX;
	turn();
	expect(&trials[0], -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(script.count, 0);
	close_loop();
}
END_TEST

/* ---- The class of what a listener accepts. ---- */

static void close_listener(struct trial *trial)
{
	(void)trial;
	script.ends_at_once = true;
	trial_init(&trials[3]);
	duet_op_close(&trials[3].op, handle);
	trial_start(&trials[3]);
	ck_assert_int_lt(duet_handle_fd(loop, handle), 0);
}

static void cancel_timer(struct trial *trial)
{
	(void)trial;
	trial_cancel(&trials[1]);
}

static void look_at_class(struct trial *trial)
{
	if (trial->op.more)
		ck_assert_int_eq(duet_core_slot_of(loop, trial->op.made)->slot_class, CLASS_TCP);
}

/* The end of a timer, told before the connection that came in the same turn, closes the listener. */
START_TEST(a_connection_has_its_class_although_its_listener_is_closed_before_it_is_told)
{
	duet_handle other;
	int fd;

	open_loop(8);
	fd = duet_handle_fd(loop, handle);
	other = script_handle(loop);
	script.cancel_answer = BACKEND_ENDED;
	trial_init(&trials[0]);
	duet_op_accept(&trials[0].op, handle, DUET_MULTISHOT);
	trials[0].then = look_at_class;
	trial_start(&trials[0]);
	trial_init(&trials[1]);
	duet_op_timeout(&trials[1].op, UINT64_MAX - 1);
	trials[1].then = close_listener;
	trial_start(&trials[1]);
	trial_init(&trials[2]);
	duet_op_recv(&trials[2].op, other, memory, 10, 0);
	trials[2].then = cancel_timer;
	trial_start(&trials[2]);
	script_plan(&trials[2].op, SCRIPT_END, 1, 0);
	script_plan(&trials[0].op, SCRIPT_ACCEPTED, descriptor(), 0);
	turn();
	turn();
	ck_assert_uint_eq(trials[0].items, 1);
	ck_assert_uint_eq(trials[0].ends, 1);
	close(fd);
	close_loop();
}
END_TEST

int main(void)
{
	return plain_run("review_room",
		CASES(a_piece_that_waits_for_room_is_cancelled_without_the_backend,
			a_piece_that_waits_for_room_has_its_deadline,
			a_piece_that_waits_for_room_goes_on_in_its_turn,
			a_handle_closes_under_a_piece_that_waits_for_room,
			a_listener_is_made_while_others_wait_for_room,
			an_issued_accept_keeps_a_place_and_its_end_gives_it_back,
			an_accept_in_line_keeps_no_place_until_it_is_issued,
			a_full_table_refuses_an_accept_before_the_backend_hears_of_it,
			an_accept_that_waits_for_room_keeps_no_place,
			a_place_taken_while_an_accept_waited_for_room_is_missed_at_its_issue,
			a_connection_has_its_class_although_its_listener_is_closed_before_it_is_told));
}
