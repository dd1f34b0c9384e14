/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/wire.h"

/* Bytes that others lost between a cancel, a timeout and a result: hazards 13 to 21. */

#define MS UINT64_C(1000000)

static duet_handle pair[2];
static struct wire wire;
static unsigned char data[65536];
static unsigned char all[65536];

/* When the bytes come, and what ends the wait for them. */
enum phase {
	HANDED_OVER = 1 << 0, /* the receive, before they come */
	LOOKED = 1 << 1,      /* the loop, after they came */
	BY_DEADLINE = 1 << 2, /* and not by a cancel */
	TOO_LATE = 1 << 3,    /* the request was made before they came */
	PHASES = 1 << 4,
};

static void request(struct trial *trial, unsigned phase)
{
	if (!(phase & BY_DEADLINE)) {
		trial_cancel(trial);
		return;
	}
	clock_pass(duet_loop_now_ns(stage.loop) + MS / 4);
	/* The turn in which the deadline is seen, and no other. */
	if (phase & TOO_LATE)
		stage_settle(1);
}

/* Sent = delivered + still readable, whoever comes first and whether or not the loop has looked. */
static void conserve(unsigned phase)
{
	size_t got = 0;

	wire_open(&wire);
	pattern_fill(data, 4000, 0);
	for (size_t round = 0; round < 40; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv(&trial.op, wire.near, all + got, sizeof(all) - got, 0);
		if (phase & BY_DEADLINE)
			duet_op_within(&trial.op, stage.loop, MS / 5);
		trial_start(&trial);
		stage_settle(phase & HANDED_OVER ? 2 : 0);
		if (phase & TOO_LATE)
			request(&trial, phase);
		wire_say(&wire, data + round * 100, 100);
		stage_settle(phase & LOOKED ? 1 : 0);
		if (!(phase & TOO_LATE))
			request(&trial, phase);
		await(&trial);
		got += trial.op.transferred;
		if (trial.op.transferred)
			ck_assert_int_eq(trial.op.result, (int)trial.op.transferred);
	}
	if (got < 4000)
		stream_recv(wire.near, all + got, 4000 - got);
	ck_assert(pattern_holds(all, 4000, 0));
	wire_cut(&wire);
	handle_close(wire.near);
}

static void cancel_other(struct trial *trial)
{
	trial_cancel(trial->context);
}

/* Both have come, and are fetched in one turn: whose callback is first cancels the other. */
static void conserve_behind_a_callback(void)
{
	static struct wire wires[2];
	size_t got[2] = { 0, 0 };

	wire_open(&wires[0]);
	wire_open(&wires[1]);
	pattern_fill(data, 4000, 0);
	for (size_t round = 0; round < 40; round++) {
		struct trial trials[2];

		for (unsigned i = 0; i < 2; i++) {
			trial_init(&trials[i]);
			trials[i].then = cancel_other;
			trials[i].context = &trials[!i];
			duet_op_recv(&trials[i].op, wires[i].near, all + i * 4000 + got[i], 4000 - got[i],
				0);
			trial_start(&trials[i]);
		}
		stage_settle(2);
		for (unsigned i = 0; i < 2; i++)
			wire_say(&wires[i], data + round * 100, 100);
		for (unsigned i = 0; i < 2; i++) {
			await(&trials[i]);
			got[i] += trials[i].op.transferred;
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		if (got[i] < 4000)
			stream_recv(wires[i].near, all + i * 4000 + got[i], 4000 - got[i]);
		ck_assert(pattern_holds(all + i * 4000, 4000, 0));
		wire_cut(&wires[i]);
	}
}

/*
 * 13. ClickHouse/silk#55: the result is there, a cancel comes before anybody has looked at it, and the
 * bytes are dropped.
 */
START_TEST(data_in_the_gap_between_result_and_cancel_is_not_lost)
{
	for (unsigned phase = 0; phase < PHASES; phase++)
		if (!(phase & BY_DEADLINE))
			conserve(phase);
	conserve_behind_a_callback();
}
END_TEST

/* 14. axboe/liburing#1422, axboe/liburing#1252: a timeout is read as "nothing happened". */
START_TEST(a_timeout_does_not_mean_that_nothing_happened)
{
	for (unsigned phase = 0; phase < PHASES; phase++)
		if (phase & BY_DEADLINE)
			conserve(phase);
}
END_TEST

/*
 * 15. tokio-rs/tokio#3900, google/comprehensive-rust#713, n0-computer/iroh-car#55: an exact read that is
 * cancelled and begun anew loses its part. Here the part is counted: go on behind it.
 */
START_TEST(a_frame_is_received_in_step_although_every_read_is_cancelled_once)
{
	pair_open(pair);
	pattern_fill(data, 3000, 0);
	for (size_t frame = 0; frame < 30; frame++) {
		bool second = false;
		size_t had = 0;

		stream_send(pair[0], data + frame * 100, 40);
		for (unsigned attempt = 0; had < 100; attempt++) {
			struct trial trial;

			trial_init(&trial);
			duet_op_recv(&trial.op, pair[1], all + frame * 100 + had, 100 - had,
				DUET_WHOLE);
			trial_start(&trial);
			stage_settle((unsigned)(frame + attempt) & 3);
			trial_cancel(&trial);
			await(&trial);
			had += trial.op.transferred;
			if (had >= 40 && !second)
				stream_send(pair[0], data + frame * 100 + 40, 60);
			second = second || had >= 40;
		}
	}
	ck_assert(pattern_holds(all, 3000, 0));
}
END_TEST

enum { FRAMES = 40 };

/*
 * 17. thomhurst/Dekaf#1562, dotnet/corefx#35118, privkeyio/wisp#175, microsoft/mssql-rs#408: a cancel
 * tears a frame, and the next one is sent behind the half. Here nothing follows what is torn, and when
 * the handle is closed the peer has whole frames, at most one torn, and the end.
 */
START_TEST(behind_a_torn_frame_there_is_only_the_end)
{
	static struct trial sends[FRAMES];
	size_t frame = stage.arm->kernel ? STUCK_BYTES / FRAMES : 3000;
	unsigned char *out = malloc(FRAMES * frame);
	unsigned char *in = malloc(FRAMES * frame);
	size_t sent = 0, got = 0;
	bool torn;

	pair_open(pair);
	pattern_fill(out, FRAMES * frame, 0);
	for (size_t i = 0; i < FRAMES; i++) {
		trial_init(&sends[i]);
		duet_op_send(&sends[i].op, pair[0], out + i * frame, frame, DUET_WHOLE);
		trial_start(&sends[i]);
	}
	stage_settle(50);
	while (sent < FRAMES && sends[sent].ends)
		sent++;
	ck_assert_uint_lt(sent, FRAMES);
	trial_cancel(&sends[sent]);
	await(&sends[sent]);
	ck_assert_uint_eq(sends[sent].op.cause, DUET_CAUSE_CANCEL);
	torn = sends[sent].op.transferred > 0;
	for (size_t i = sent + 1; i < FRAMES && torn; i++) {
		await(&sends[i]);
		expect(&sends[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	}
	handle_close(pair[0]);
	for (size_t i = 0; i < FRAMES; i++)
		got += sends[i].op.transferred;
	/* In place of one that was not begun the next may have gone: that tears nothing before the end. */
	ck_assert_uint_eq(stream_drain(pair[1], in, FRAMES * frame), got);
	ck_assert(pattern_holds(in, sent * frame, 0));
	ck_assert(pattern_holds(in + sent * frame, got - sent * frame, (sent + !torn) * frame));
	free(out);
	free(in);
}
END_TEST

/*
 * 18. chriskohlhoff/asio#1263: the count of a write that was cancelled under back-pressure is wrong.
 * Going on from it gives the bytes that were meant.
 */
START_TEST(a_cancelled_write_goes_on_from_its_count)
{
	const size_t total = STUCK_BYTES;
	unsigned char *out = malloc(total);
	unsigned char *in = malloc(total);
	struct trial send;
	struct trial recv;
	size_t sent = 0;
	unsigned cancels = 0;

	pattern_fill(out, total, 0);
	pair_open(pair);
	trial_init(&recv);
	duet_op_recv(&recv.op, pair[1], in, total, DUET_WHOLE);
	trial_start(&recv);
	while (sent < total) {
		trial_init(&send);
		duet_op_send(&send.op, pair[0], out + sent, total - sent, DUET_WHOLE);
		trial_start(&send);
		if (cancels++ < 30) {
			stage_settle(cancels % 4);
			trial_cancel(&send);
		}
		await(&send);
		ck_assert(send.op.result == -ECANCELED ||
			  send.op.result == (int)send.op.transferred);
		sent += send.op.transferred;
	}
	await(&recv);
	expect(&recv, (int)total, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(in, total, 0));
	free(out);
	free(in);
}
END_TEST

static struct duet_scope scope;
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

/*
 * 19. python/cpython#86296, python/cpython#84849, python/cpython#88537: what came while it was being
 * cancelled is thrown away, or else the request is. Here it is exactly one of result and request, and a
 * request that met a result stands for all that follows.
 */
START_TEST(an_end_is_either_a_result_or_a_request_and_a_request_stays)
{
	wire_open(&wire);
	for (unsigned round = 0; round < 40; round++) {
		struct duet_member members[2];
		struct trial recv;
		struct trial next;

		joins = 0;
		memset(members, 0, sizeof(members));
		ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
		trial_init(&recv);
		duet_op_recv(&recv.op, wire.near, data, 1, 0);
		ck_assert_int_eq(duet_scope_start(&scope, &members[0], &recv.op), 0);
		wire_say(&wire, "x", 1);
		stage_settle(round % 3);
		duet_scope_cancel(&scope);
		trial_init(&next);
		duet_op_recv(&next.op, wire.near, data, 1, 0);
		ck_assert_int_eq(duet_scope_start(&scope, &members[1], &next.op), -ECANCELED);
		await(&recv);
		ck_assert_int_eq(duet_scope_start(&scope, &members[1], &next.op), -ECANCELED);
		ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
		turn_until(joins);
		ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
		if (recv.op.result == 1) {
			expect(&recv, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		} else {
			expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
			stream_recv(wire.near, data, 1);
		}
	}
	wire_cut(&wire);
}
END_TEST

/* One question, and its answer; the connection goes with the scope unless the answer came whole. */
struct call {
	struct duet_scope scope;
	struct duet_closing closing;
	struct duet_member members[2];
	struct trial question;
	struct trial answer;
	unsigned char text[8];
};

static void call_start(struct call *call, duet_handle handle)
{
	memset(call, 0, sizeof(*call));
	joins = 0;
	ck_assert_int_eq(duet_scope_open(&call->scope, stage.loop, NULL, NULL), 0);
	ck_assert_int_eq(duet_scope_defer_close(&call->scope, &call->closing, handle), 0);
	trial_init(&call->question);
	duet_op_send(&call->question.op, handle, "pop", 3, DUET_WHOLE);
	ck_assert_int_eq(
		duet_scope_start(&call->scope, &call->members[0], &call->question.op), 0);
	trial_init(&call->answer);
	duet_op_recv(&call->answer.op, handle, call->text, 6, DUET_WHOLE);
	ck_assert_int_eq(duet_scope_start(&call->scope, &call->members[1], &call->answer.op), 0);
	ck_assert_int_eq(duet_scope_join(&call->scope, joined), 0);
}

/*
 * 21. aio-libs-abandoned/aioredis-py#59: a question that was cancelled has its effect at the other end
 * all the same, and its answer comes to whoever uses the connection next. What the other end does
 * nobody can take back; the connection is not used again.
 */
START_TEST(the_answer_to_a_cancelled_question_is_nobody_s)
{
	static struct call call;
	static unsigned char heard[8];
	struct trial late;

	for (unsigned round = 0; round < 3; round++) {
		pair_open(pair);
		call_start(&call, pair[0]);
		stream_recv(pair[1], heard, 3);
		ck_assert_mem_eq(heard, "pop", 3);
		if (round == 1)
			stream_send(pair[1], "fir", 3);
		stage_settle(round);
		duet_scope_cancel(&call.scope);
		turn_until(joins);
		ck_assert_int_lt(duet_handle_fd(stage.loop, pair[0]), 0);
		trial_init(&late);
		duet_op_send(&late.op, pair[1], "first!", 6, 0);
		trial_run(&late);
		handle_close(pair[1]);

		pair_open(pair);
		call_start(&call, pair[0]);
		stream_recv(pair[1], heard, 3);
		stream_send(pair[1], "second", 6);
		turn_until(joins);
		expect(&call.answer, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(call.text, "second", 6);
		handle_close(pair[1]);
	}
}
END_TEST

int main(void)
{
	return hazards_run("data",
		CASES(data_in_the_gap_between_result_and_cancel_is_not_lost,
			a_timeout_does_not_mean_that_nothing_happened,
			a_frame_is_received_in_step_although_every_read_is_cancelled_once,
			behind_a_torn_frame_there_is_only_the_end,
			a_cancelled_write_goes_on_from_its_count,
			an_end_is_either_a_result_or_a_request_and_a_request_stays,
			the_answer_to_a_cancelled_question_is_nobody_s),
		NULL, NULL);
}
