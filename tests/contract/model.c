/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/scheduler.h>

#include "tests/support/harness.h"
#include "tests/support/player.h"

/* What every programming model promises, each on every backend: the same program, the same outcome. */

#define MS UINT64_C(1000000)

static struct duet_scheduler scheduler;
static struct duet_scope scope;
static unsigned joins;
static duet_handle pair[2];

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void scope_open(enum duet_policy policy)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.policy = policy;
	joins = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
}

static void scope_join(void)
{
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins == 1);
}

#define for_each_model(model)                                                                      \
	for (const struct model *const *each_ = models, *model = *each_; model; model = *++each_)

/* One player, from its beginning to its end. */
static void play(struct player *player, enum program program)
{
	ck_assert_msg(player_spawn(player, program) == 0, "%s on %s", player->model->name,
		stage.arm->name);
	ck_assert_uint_eq(player->ends, 0);
	scope_join();
	ck_assert_uint_eq(player->ends, 1);
	ck_assert_uint_eq(scheduler.live, 0);
	ck_assert_uint_eq(player->opened, player->closed);
}

#define expect_result(player, result_)                                                             \
	ck_assert_msg((player)->result == (result_), "%s on %s: result %d instead of %d",          \
		(player)->model->name, stage.arm->name, (player)->result, (int)(result_))

START_TEST(a_task_hands_over_its_result)
{
	for_each_model(model) {
		struct player player;

		scope_open(DUET_WAIT_ALL);
		player_init(&player, model, &scheduler, &scope);
		play(&player, PROGRAM_ANSWER);
		expect_result(&player, PLAYER_ANSWER);
		ck_assert_int_eq(scope.result, 0);
		player_free(&player);
	}
}
END_TEST

START_TEST(a_refused_start_is_a_result_and_the_failure_of_the_scope)
{
	for_each_model(model) {
		struct player player;

		scope_open(DUET_WAIT_ALL);
		player_init(&player, model, &scheduler, &scope);
		play(&player, PROGRAM_REFUSED);
		expect_result(&player, -EBADF);
		ck_assert_int_eq(scope.result, -EBADF);
		player_free(&player);
	}
}
END_TEST

START_TEST(a_task_hears_until_the_end_of_the_stream)
{
	for_each_model(model) {
		struct player player;

		pair_open(pair);
		scope_open(DUET_WAIT_ALL);
		player_init(&player, model, &scheduler, &scope);
		player.peer = pair[1];
		ck_assert_int_eq(player_spawn(&player, PROGRAM_LISTEN), 0);
		stream_send(pair[0], "hello", 5);
		handle_close(pair[0]);
		scope_join();
		expect_result(&player, 5);
		ck_assert_uint_eq(player.received, 5);
		handle_close(pair[1]);
		player_free(&player);
	}
}
END_TEST

START_TEST(calls_go_a_thousand_deep)
{
	for_each_model(model) {
		struct player player;

		scope_open(DUET_WAIT_ALL);
		player_init(&player, model, &scheduler, &scope);
		player.depth = 1000;
		play(&player, PROGRAM_NEST);
		expect_result(&player, 1000);
		player_free(&player);
	}
}
END_TEST

enum { CROWD = 10000 };

START_TEST(ten_thousand_at_once)
{
	struct duet_loop_options options;
	struct player *crowd = calloc(CROWD, sizeof(*crowd));

	ck_assert_ptr_nonnull(crowd);
	duet_loop_options_init(&options);
	options.operations_max = 2 * CROWD + 16;
	stage_reopen(&options, NULL);
	for_each_model(model) {
		scope_open(DUET_WAIT_ALL);
		for (unsigned i = 0; i < CROWD; i++) {
			player_init(&crowd[i], model, &scheduler, &scope);
			ck_assert_int_eq(player_spawn(&crowd[i], PROGRAM_ANSWER), 0);
		}
		scope_join();
		for (unsigned i = 0; i < CROWD; i++) {
			ck_assert_uint_eq(crowd[i].ends, 1);
			expect_result(&crowd[i], PLAYER_ANSWER);
			player_free(&crowd[i]);
		}
	}
	free(crowd);
}
END_TEST

/* ---- The courier. ---- */

struct errand {
	struct player player;
	struct trial word;
};

static const char word[PLAYER_BYTES + 1] = "word";

static void errand_begin(struct errand *errand, const struct model *model)
{
	player_init(&errand->player, model, &scheduler, &scope);
	errand->player.peer = pair[1];
	ck_assert_int_eq(player_spawn(&errand->player, PROGRAM_COURIER), 0);
	trial_init(&errand->word);
	duet_op_send(&errand->word.op, pair[0], word, PLAYER_BYTES, DUET_WHOLE);
}

/* One turn; the word comes in the fourth, and before that there may be nothing to wait for. */
static void errand_turn(struct errand *errand, unsigned turn)
{
	if (turn == 3)
		trial_start(&errand->word);
	ck_assert_int_ge(duet_loop_turn(stage.loop, MS), 0);
}

START_TEST(a_courier_that_nobody_stops_comes_back)
{
	for_each_model(model) {
		struct errand errand;
		unsigned turn = 0;
		char back[PLAYER_BYTES];

		pair_open(pair);
		scope_open(DUET_WAIT_ALL);
		errand_begin(&errand, model);
		while (errand.player.ends == 0 && turn < 2000)
			errand_turn(&errand, turn++);
		scope_join();
		expect_result(&errand.player, PLAYER_ANSWER);
		ck_assert_uint_eq(errand.player.opened, 1);
		ck_assert_uint_eq(errand.player.closed, 1);
		ck_assert_uint_eq(errand.player.passed, 6);
		stream_recv(pair[0], back, PLAYER_BYTES);
		ck_assert_mem_eq(back, word, PLAYER_BYTES);
		pair_close(pair);
		player_free(&errand.player);
	}
}
END_TEST

enum request { REQUEST_SCOPE, REQUEST_DEADLINE, REQUEST_COUNT };

static void request(enum request kind)
{
	if (kind == REQUEST_SCOPE)
		duet_scope_cancel(&scope);
	else
		duet_scope_deadline(&scope, duet_loop_now_ns(stage.loop));
}

/* What came has been handed over, or is there still. */
static void account_for_the_word(struct errand *errand)
{
	unsigned char rest[64];
	struct trial end;
	size_t there;

	if (errand->word.ends == 0 && duet_op_pending(&errand->word.op))
		await(&errand->word);
	/* No more comes, so that nobody waits for it. */
	trial_init(&end);
	duet_op_shutdown(&end.op, pair[0], SHUT_WR);
	trial_run(&end);
	there = stream_drain(pair[1], rest, sizeof(rest));
	ck_assert_msg(there + errand->player.received == errand->word.op.transferred,
		"%s on %s: of %u bytes %u were handed over, and %zu are there",
		errand->player.model->name, stage.arm->name, errand->word.op.transferred,
		errand->player.received, there);
}

/* Asked to end in a turn: true if it had ended before. */
static bool stop_in_turn(const struct model *model, enum request kind, unsigned stop)
{
	struct errand errand;
	bool before;
	int wanted = kind == REQUEST_SCOPE ? -ECANCELED : -ETIMEDOUT;

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	errand_begin(&errand, model);
	for (unsigned turn = 0; turn < stop; turn++)
		errand_turn(&errand, turn);
	before = errand.player.ends > 0;
	request(kind);
	scope_join();
	ck_assert_uint_eq(errand.player.ends, 1);
	if (before || errand.player.result >= 0)
		expect_result(&errand.player, PLAYER_ANSWER);
	else
		expect_result(&errand.player, wanted);
	ck_assert_uint_eq(errand.player.opened, errand.player.closed);
	account_for_the_word(&errand);
	pair_close(pair);
	player_free(&errand.player);
	return before;
}

START_TEST(a_request_to_end_reaches_a_task_wherever_it_waits)
{
	for_each_model(model)
		for (int kind = 0; kind < REQUEST_COUNT; kind++)
			for (unsigned turn = 0; turn < 200; turn++)
				if (stop_in_turn(model, (enum request)kind, turn))
					break;
}
END_TEST

START_TEST(a_shutdown_ends_the_tasks_and_waits_for_their_cleanup)
{
	for_each_model(model) {
		struct errand errand;

		pair_open(pair);
		scope_open(DUET_WAIT_ALL);
		errand_begin(&errand, model);
		/* The socket is there, and the word is not. */
		turn_until(errand.player.passed >= 2);
		ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
								3000 * MS * patience_factor()), 0);
		ck_assert_uint_eq(errand.player.ends, 1);
		expect_result(&errand.player, -ECANCELED);
		ck_assert_uint_eq(errand.player.closed, 1);
		ck_assert_uint_eq(joins, 1);
		player_free(&errand.player);
		stage_reopen(NULL, NULL);
	}
}
END_TEST

/* ---- Together. ---- */

static unsigned count_models(void)
{
	unsigned count = 0;

	for_each_model(model)
		count++;
	return count;
}

START_TEST(tasks_of_all_models_share_a_loop_and_a_scope)
{
	unsigned count = count_models();
	struct player *players = calloc(count, sizeof(*players));
	duet_handle(*pairs)[2] = calloc(count, sizeof(*pairs));

	ck_assert(players && pairs);
	scope_open(DUET_WAIT_ALL);
	for (unsigned i = 0; i < count; i++) {
		pair_open(pairs[i]);
		player_init(&players[i], models[i], &scheduler, &scope);
		players[i].peer = pairs[i][1];
		ck_assert_int_eq(player_spawn(&players[i], PROGRAM_COURIER), 0);
	}
	for (unsigned i = 0; i < count; i++)
		stream_send(pairs[i][0], word, PLAYER_BYTES);
	scope_join();
	ck_assert_int_eq(scope.result, 0);
	for (unsigned i = 0; i < count; i++) {
		expect_result(&players[i], PLAYER_ANSWER);
		pair_close(pairs[i]);
		player_free(&players[i]);
	}
	free(players);
	free(pairs);
}
END_TEST

/* The last of them fails, and takes those of all models along. */
START_TEST(the_failure_of_one_ends_those_of_every_other_model)
{
	unsigned count = count_models();
	struct player *players = calloc(count + 1, sizeof(*players));

	ck_assert_ptr_nonnull(players);
	for_each_model(model) {
		pair_open(pair);
		scope_open(DUET_FAIL_FAST);
		for (unsigned i = 0; i < count; i++) {
			player_init(&players[i], models[i], &scheduler, &scope);
			players[i].peer = pair[1];
			ck_assert_int_eq(player_spawn(&players[i], PROGRAM_LISTEN), 0);
		}
		stage_settle(4);
		player_init(&players[count], model, &scheduler, &scope);
		player_spawn(&players[count], PROGRAM_REFUSED);
		scope_join();
		ck_assert_int_eq(scope.result, -EBADF);
		for (unsigned i = 0; i < count; i++)
			expect_result(&players[i], -ECANCELED);
		for (unsigned i = 0; i <= count; i++)
			player_free(&players[i]);
		pair_close(pair);
	}
	free(players);
}
END_TEST

int main(void)
{
	return contract_run("model",
		CASES(a_task_hands_over_its_result,
			a_refused_start_is_a_result_and_the_failure_of_the_scope,
			a_task_hears_until_the_end_of_the_stream, calls_go_a_thousand_deep,
			ten_thousand_at_once, a_courier_that_nobody_stops_comes_back,
			a_request_to_end_reaches_a_task_wherever_it_waits,
			a_shutdown_ends_the_tasks_and_waits_for_their_cleanup,
			tasks_of_all_models_share_a_loop_and_a_scope,
			the_failure_of_one_ends_those_of_every_other_model),
		NULL);
}
