/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <csignal>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

/* Several tasks at once: hot and cold, all of them, the first of them; and what has an owner. */

using namespace std::literals;

static duet::task<int> later(int value, std::chrono::nanoseconds time = 1ms)
{
	auto slept = co_await duet::sleep_for(time);

	co_return slept ? value : slept.error();
}

static duet::task<> fail_later(const char *what)
{
	(void)co_await duet::sleep_for(1ms);
	throw std::runtime_error(what);
}

static duet::task<> nothing()
{
	co_return;
}

/* ---- All of them. ---- */

static duet::task<int> all()
{
	auto [one, two, none] = co_await duet::when_all(later(1), later(2), nothing());

	static_assert(std::is_same_v<decltype(none), std::monostate>);
	co_return one * 10 + two;
}

static duet::task<int> all_of_a_vector()
{
	std::vector<duet::task<int>> tasks;
	int sum = 0;

	for (int i = 1; i <= 10; i++)
		tasks.push_back(later(i));
	for (int value : co_await duet::when_all(std::move(tasks)))
		sum += value;
	co_return sum;
}

START_TEST(all_give_what_each_has_returned)
{
	ck_assert_int_eq(*result_of(all()), 12);
	ck_assert_int_eq(*result_of(all_of_a_vector()), 55);
}
END_TEST

static duet::task<int> one_fails(int *other)
{
	try {
		co_await duet::when_all(fail_later("first"), [](int *what) -> duet::task<> {
			*what = co_await later(1, 1h);
		}(other));
	} catch (const std::runtime_error &error) {
		co_return error.what() == "first"sv;
	}
	co_return 2;
}

START_TEST(one_that_fails_ends_the_others_and_is_thrown)
{
	int other = 0;

	ck_assert_int_eq(*result_of(one_fails(&other)), 1);
	ck_assert_int_eq(other, -ECANCELED);
}
END_TEST

static duet::task<int> fail_by_code()
{
	try {
		co_await duet::when_all(later(1, 1h), later(-ENOSPC));
	} catch (const std::system_error &error) {
		co_return error.code() == std::errc::no_space_on_device;
	}
	co_return 2;
}

START_TEST(a_code_that_is_returned_is_a_failure_like_one_that_is_thrown)
{
	ck_assert_int_eq(*result_of(fail_by_code()), 1);
}
END_TEST

static duet::task<int> wait_for_all(unsigned *ended)
{
	auto one = [](unsigned *count) -> duet::task<> {
		auto slept = co_await hour_long();

		++*count;
		slept.value();
	};

	co_await duet::when_all(one(ended), one(ended));
	co_return 0;
}

START_TEST(a_request_goes_down_to_all_and_comes_back_when_they_have_ended)
{
	for (int alone = 0; alone < 2; alone++) {
		duet::job<int> job;
		ground ground;
		unsigned ended = 0;

		ck_assert_int_eq(ground.scope.spawn(job, wait_for_all(&ended)), 0);
		turn_until(ground.scheduler.live == 3);
		if (alone)
			job.cancel();
		else
			ground.scope.cancel();
		turn_until(job.ended());
		ck_assert_uint_eq(ended, 2);
		ground.join();
		ck_assert_int_eq(job.error(), -ECANCELED);
	}
}
END_TEST

/* ---- The first of them. ---- */

static duet::task<int> first()
{
	auto race = co_await duet::when_any(later(1, 1h), later(2), fail_later("no"));
	auto &[slow, quick, failed] = race.outcomes;

	ck_assert_uint_eq(race.winner, 1);
	ck_assert_int_eq(*slow, -ECANCELED);
	ck_assert(failed.error() == -EIO || failed.error() == 0);
	ck_assert_int_eq(failed.error() < 0, race.thrown[2] != nullptr);
	co_return *quick;
}

static duet::task<int> nobody()
{
	auto race = co_await duet::when_any(fail_later("a"), fail_later("b"));

	ck_assert_uint_eq(race.winner, race.NOBODY);
	ck_assert(race.thrown[0] && race.thrown[1]);
	co_return std::get<0>(race.outcomes).error();
}

START_TEST(the_first_wins_and_the_others_are_told_of)
{
	ck_assert_int_eq(*result_of(first()), 2);
	ck_assert_int_eq(*result_of(nobody()), -EIO);
}
END_TEST

/* ---- Hot and cold. ---- */

static duet::task<int> hot_and_cold(unsigned *live)
{
	duet::task_context &here = co_await duet::here;
	duet::scope scope;
	int sum = 0;

	ck_assert_int_eq(scope.open(here), 0);
	{
		duet::task<int> cold = later(1);
		duet::hot<int> hot = scope.start(later(2));
		duet::hot<int> dropped = scope.start(later(4));

		*live = here.scheduler->live;
		sum += co_await hot;
		sum += co_await std::move(cold);
	}
	sum += co_await scope.join();
	co_return sum;
}

START_TEST(a_hot_task_is_at_work_before_it_is_awaited_a_cold_one_is_not)
{
	unsigned live = 0;

	ck_assert_int_eq(*result_of(hot_and_cold(&live)), 3);
	ck_assert_uint_eq(live, 3);
}
END_TEST

static duet::task<int> rethrow()
{
	duet::scope scope;
	int error = scope.open(co_await duet::here);
	int caught = 0;

	ck_assert_int_eq(error, 0);
	duet::hot<> hot = scope.start(fail_later("hot"));

	try {
		co_await hot;
	} catch (const std::runtime_error &) {
		caught = 1;
	}
	ck_assert_int_eq(co_await scope.join(), -EIO);
	co_return caught;
}

START_TEST(what_a_hot_task_throws_comes_to_who_awaits_it_and_to_its_scope)
{
	ck_assert_int_eq(*result_of(rethrow()), 1);
}
END_TEST

static duet::task<int> open_in_a_cleanup()
{
	duet::task_context &here = co_await duet::here;
	int error = (co_await hour_long()).error();
	duet::scope refused;

	ck_assert_int_eq(refused.open(here), -ECANCELED);
	duet::shield cleanup(here, SECOND_NS);
	auto [a, b] = co_await duet::when_all(later(20), later(22));

	co_return a + b == 42 ? error : 0;
}

START_TEST(a_cleanup_too_may_do_several_things_at_once)
{
	duet::job<int> job;
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(job, open_in_a_cleanup()), 0);
	turn_until(job.context().state == DUET_TASK_WAITING);
	ground.scope.cancel();
	ground.join();
	ck_assert_int_eq(job.error(), -ECANCELED);
}
END_TEST

START_TEST(a_program_may_be_one_task)
{
	ck_assert_int_eq(duet::run(stage.loop, all()).value(), 12);
	ck_assert_int_eq(duet::run(stage.loop, fail_later("at last")).error(), -EIO);
	ck_assert_int_eq(duet::run(stage.loop, duet::task<int>()).error(), -ENOMEM);
}
END_TEST

/* ---- What has an owner. ---- */

START_TEST(an_accepted_connection_has_an_owner_and_is_closed_by_it)
{
	listener_open(&stage.listener, &stage.address);
	auto client = []() -> duet::task<int> {
		duet::handle mine = (co_await duet::socket(AF_INET, SOCK_STREAM)).value();

		(co_await duet::connect(mine, reinterpret_cast<sockaddr *>(&stage.address),
			 sizeof(stage.address)))
			.value();
		(co_await duet::send_all(mine, "hello"sv)).value();
		co_return (co_await mine.close()).error();
	};
	auto server = []() -> duet::task<int> {
		duet::handle theirs = (co_await duet::accept(stage.listener)).value();
		char text[16];
		auto received = co_await duet::recv_exactly(theirs, text);

		ck_assert_uint_eq(*received, 5);
		co_return (co_await theirs.close()).error();
	};
	auto both = [&]() -> duet::task<int> {
		auto [a, b] = co_await duet::when_all(client(), server());

		co_return a + b;
	};

	ck_assert_int_eq(*result_of(both()), 0);
}
END_TEST

START_TEST(a_handle_moves_and_has_one_owner)
{
	stream pair;
	const duet_handle near = pair.near;
	duet::handle second = std::move(pair.near);
	duet::handle third;

	ck_assert(!pair.near);
	third = std::move(second);
	ck_assert(!second);
	ck_assert_uint_eq(third.get().slot, near.slot);
	pair.near = std::move(third);
	ck_assert_int_eq(duet_handle_fd(stage.loop, near) >= 0, 1);
}
END_TEST

/* A handle that an exception passes by is closed, and nobody waits for it. */
START_TEST(a_handle_that_an_exception_passes_by_is_closed_in_a_later_turn)
{
	duet_handle near;
	stream pair;

	near = pair.near;
	auto drop = [](duet::handle mine) -> duet::task<int> {
		duet::handle held = std::move(mine);

		throw std::runtime_error("passing by");
		co_return 0;
	};

	ck_assert_int_eq(result_of(drop(std::move(pair.near))).error(), -EIO);
	turn_until(duet_loop_pending(stage.loop) == 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, near), -EBADF);
}
END_TEST

/* Runs misuse() in a child, and says whether that stopped with a line that holds word. */
static bool stopped(void (*misuse)(), const char *word)
{
	char text[400] = "";
	std::size_t had = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t child;
	duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	stage_reopen(&options, nullptr);
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], 2);
		duet_loop_create(&stage.loop, stage.arm->backend(), &options);
		misuse();
		_exit(0);
	}
	close(ends[1]);
	while (had < sizeof(text) - 1 &&
	       (n = read(ends[0], text + had, sizeof(text) - 1 - had)) > 0)
		had += static_cast<std::size_t>(n);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && std::strstr(text, word);
}

static void forget_a_handle()
{
	duet_handle owned = DUET_HANDLE_NONE;
	duet_op op;

	/* Somebody hears of it: else what was made would be closed at once. */
	duet_op_init(&op, [](duet_op *) {}, nullptr);
	duet_op_socket(&op, AF_INET, SOCK_STREAM, 0);
	duet_op_start(stage.loop, &op);
	duet_loop_run(stage.loop);
	owned = op.made;
	if (duet_handle_fd(stage.loop, owned) < 0)
		_exit(2);
	{
		duet::handle forgotten(stage.loop, owned);
	}
	duet_loop_run(stage.loop);
	if (duet_handle_fd(stage.loop, owned) != -EBADF)
		_exit(1);
}

START_TEST(a_forgotten_handle_is_closed_or_stopped)
{
#ifdef DUET_DEBUG
	ck_assert(stopped(forget_a_handle, "destroyed open"));
#else
	forget_a_handle();
#endif
}
END_TEST

static void leave_a_scope_open()
{
	duet_scheduler scheduler;
	duet::scope scope;

	duet_scheduler_init(&scheduler, stage.loop, nullptr);
	scope.open(scheduler);
}

static void leave_a_job_running()
{
	duet_scheduler scheduler;
	duet::job<int> job;

	duet_scheduler_init(&scheduler, stage.loop, nullptr);
	job.spawn(scheduler, nullptr, later(1, 1h));
}

START_TEST(an_open_scope_and_a_running_job_do_not_go_unnoticed)
{
	ck_assert(stopped(leave_a_scope_open, "co_await scope.join()"));
	ck_assert(stopped(leave_a_job_running, "while its task runs"));
}
END_TEST

START_TEST(a_pooled_buffer_returns_itself)
{
	stream pair;
	duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	stream_send(pair.near, "hello", 5);
	auto receive = [](duet_handle from, duet_pool *from_pool) -> duet::task<int> {
		duet::buffer held = (co_await duet::recv_pooled(from, from_pool)).value();
		duet::buffer moved = std::move(held);

		ck_assert_uint_eq(duet_pool_free_count(from_pool), 3);
		ck_assert(std::memcmp(moved.data(), "hello", 5) == 0);
		co_return static_cast<int>(moved.size());
	};

	ck_assert_int_eq(*result_of(receive(pair.far, pool)), 5);
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
}
END_TEST

START_TEST(what_is_written_to_a_file_is_read)
{
	const char *path = file_path("cxx");
	auto copy = [](const char *name) -> duet::task<int> {
		duet::handle file = (co_await duet::open(name, O_RDWR | O_CREAT, 0600)).value();
		std::string text(5, ' ');
		int same;

		(co_await duet::write(file, "hello"sv, 3)).value();
		(co_await duet::fsync(file)).value();
		(co_await duet::read(file, text, 3)).value();
		same = text == "hello";
		(co_await file.close()).value();
		co_return same;
	};

	ck_assert_int_eq(*result_of(copy(path)), 1);
}
END_TEST

int main()
{
	static const TTest *const everywhere[] = { all_give_what_each_has_returned,
		one_that_fails_ends_the_others_and_is_thrown,
		a_code_that_is_returned_is_a_failure_like_one_that_is_thrown,
		a_request_goes_down_to_all_and_comes_back_when_they_have_ended,
		the_first_wins_and_the_others_are_told_of,
		a_hot_task_is_at_work_before_it_is_awaited_a_cold_one_is_not,
		what_a_hot_task_throws_comes_to_who_awaits_it_and_to_its_scope,
		a_cleanup_too_may_do_several_things_at_once, a_program_may_be_one_task,
		an_accepted_connection_has_an_owner_and_is_closed_by_it,
		a_handle_moves_and_has_one_owner,
		a_handle_that_an_exception_passes_by_is_closed_in_a_later_turn,
		a_forgotten_handle_is_closed_or_stopped, a_pooled_buffer_returns_itself,
		what_is_written_to_a_file_is_read, nullptr };
	static const TTest *const twins[] = { an_open_scope_and_a_running_job_do_not_go_unnoticed,
		nullptr };

	return contract_run("cxx-scope", everywhere, twins);
}
