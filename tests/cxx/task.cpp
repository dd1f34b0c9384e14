/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

/* Tasks of C++20: results, errors and exceptions, calls, frames. */

using namespace std::literals;

/* Every allocation of this program is counted. */
static std::size_t allocations;
static bool exhausted; /* no more memory for those who can hear of it */

static void *counted(std::size_t bytes)
{
	allocations++;
	return std::malloc(bytes ? bytes : 1);
}

[[gnu::noinline]] void *operator new(std::size_t bytes)
{
	void *memory = counted(bytes);

	if (!memory)
		std::abort();
	return memory;
}

[[gnu::noinline]] void *operator new(std::size_t bytes, const std::nothrow_t &) noexcept
{
	return exhausted ? nullptr : counted(bytes);
}

[[gnu::noinline]] void operator delete(void *memory) noexcept
{
	std::free(memory);
}

[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept
{
	std::free(memory);
}

/* ---- Results. ---- */

static duet::task<duet::result<std::size_t>> echo(duet_handle from, duet_handle to)
{
	std::array<char, 16> text;
	auto received = co_await duet::recv(from, text);

	if (!received)
		co_return received;
	co_return co_await duet::send_all(to, {text.data(), *received});
}

START_TEST(a_task_receives_sends_and_returns_what_it_sent)
{
	stream pair;
	char text[5];

	stream_send(pair.near, "hello", 5);
	ck_assert_uint_eq(result_of(echo(pair.far, pair.far)).value().value(), 5);
	stream_recv(pair.near, text, 5);
	ck_assert_mem_eq(text, "hello", 5);
}
END_TEST

static duet::task<int> sum(int a, int b)
{
	duet::result<void> done = co_await duet::nop();

	ck_assert(done.has_value());
	co_return a + b;
}

static duet::task<std::string> say(int a, int b)
{
	co_return std::to_string(co_await sum(a, b)) + std::to_string(co_await sum(b, b));
}

START_TEST(a_task_calls_others_and_has_their_values)
{
	const std::string said = *result_of(say(1, 2));

	ck_assert_str_eq(said.c_str(), "34");
	ck_assert_int_eq(result_of(sum(20, 22)).value(), 42);
}
END_TEST

START_TEST(an_error_is_a_result_with_its_disposition_and_no_exception)
{
	duet::result<duet::handle> opened{duet::outcome{}};

	auto open = [](duet::result<duet::handle> &result) -> duet::task<int> {
		result = co_await duet::open("/nowhere/at/all", O_RDONLY);
		co_return result.error();
	};
	auto ended = result_of(open(opened));

	ck_assert_int_eq(*ended, -ENOENT);
	ck_assert(!opened);
	ck_assert_int_eq(opened.error(), -ENOENT);
	ck_assert_int_eq(opened.disposition(), DUET_FAILED);
	ck_assert_int_eq(opened.cause(), DUET_CAUSE_ITSELF);
	ck_assert(opened.code() == std::errc::no_such_file_or_directory);
	try {
		(void)opened.value();
		ck_abort_msg("nothing thrown");
	} catch (const std::system_error &error) {
		ck_assert(error.code() == std::errc::no_such_file_or_directory);
	}
}
END_TEST

static duet::task<int> await_plainly(duet_op *op)
{
	duet::outcome how = co_await *op;

	co_return how.code;
}

START_TEST(any_operation_can_be_awaited_and_refusals_come_without_a_wait)
{
	const duet_handle none = DUET_HANDLE_NONE;
	duet::job<int> job;
	duet_op op;
	char byte;

	duet_op_init(&op, nullptr, nullptr);
	duet_op_timeout(&op, duet_loop_now_ns(stage.loop) + MILLISECOND_NS);
	ck_assert_int_eq(*result_of(await_plainly(&op)), 0);
	duet_op_recv(&op, none, &byte, 1, 0);
	play(job, await_plainly(&op));
	ck_assert_int_eq(job.error(), -EBADF);
	ck_assert_int_eq(op.disposition, DUET_FAILED);
	duet_op_accept(&op, none, DUET_MULTISHOT);
	ck_assert_int_eq(*result_of(await_plainly(&op)), -EINVAL);
}
END_TEST

/* ---- Exceptions. ---- */

static duet::task<int> throwing(int what)
{
	(void)co_await duet::nop();
	switch (what) {
	case 0:
		throw std::runtime_error("just so");
	case 1:
		throw std::system_error(ENOSPC, std::system_category());
	case 2:
		throw std::bad_alloc();
	default:
		co_return what;
	}
}

static duet::task<int> catching(int what)
{
	try {
		co_return co_await throwing(what);
	} catch (const std::runtime_error &error) {
		co_return 100;
	}
}

START_TEST(an_exception_comes_up_to_who_awaits_the_task)
{
	ck_assert_int_eq(*result_of(catching(0)), 100);
	ck_assert_int_eq(*result_of(catching(7)), 7);
}
END_TEST

START_TEST(an_exception_that_leaves_a_task_is_its_failure_and_kept)
{
	static const int errors[] = { -EIO, -ENOSPC, -ENOMEM };

	for (int what = 0; what < 3; what++) {
		duet::job<int> job;
		ground ground;

		ck_assert_int_eq(ground.scope.spawn(job, throwing(what)), 0);
		ck_assert_int_eq(ground.join(), errors[what]);
		ck_assert_int_eq(job.error(), errors[what]);
		ck_assert(job.thrown() != nullptr);
		ck_assert_int_eq(job.take().error(), errors[what]);
	}
}
END_TEST

/* ---- Calls. ---- */

enum { DEPTH = 1000 };

static duet::task<int> descend(int depth, std::uintptr_t *stack)
{
	/* The last step is resumed from the loop. */
	if (depth == DEPTH) {
		(void)co_await duet::sleep_for(1ms);
		co_return 0;
	}
	if (depth < 3 || depth == DEPTH - 1)
		stack[depth < 3 ? depth : 3] =
			reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
	co_return 1 + co_await descend(depth + 1, stack);
}

START_TEST(calls_a_thousand_deep_take_no_stack)
{
	std::uintptr_t stack[4] = {};

	ck_assert_int_eq(*result_of(descend(0, stack)), DEPTH);
	ck_assert_uint_eq(stack[2], stack[3]);
}
END_TEST

static duet::task<> at_once(int *count)
{
	++*count;
	co_return;
}

static duet::task<> a_million_times()
{
	int count = 0;

	for (int i = 0; i < 1000000; i++)
		co_await at_once(&count);
	ck_assert_int_eq(count, 1000000);
}

START_TEST(a_million_calls_that_never_suspend_take_no_stack)
{
	ck_assert(result_of(a_million_times()).has_value());
}
END_TEST

/* ---- Frames. ---- */

struct witness {
	int *alive;

	explicit witness(int *counter) : alive(counter) { ++*alive; }
	witness(const witness &other) : alive(other.alive) { ++*alive; }
	~witness() { --*alive; }
};

static duet::task<> hold(witness argument, int *alive)
{
	witness local(alive);

	(void)argument;
	(void)co_await duet::sleep_for(1ms);
}

START_TEST(a_frame_goes_with_its_task_run_or_not)
{
	int alive = 0;

	{
		duet::task<> never = hold(witness(&alive), &alive);

		ck_assert_int_eq(alive, 1);
	}
	ck_assert_int_eq(alive, 0);
	{
		duet::job<> job;

		play(job, hold(witness(&alive), &alive));
		/* Of one that has ended the arguments are still there; so the frame is. */
		ck_assert_int_eq(alive, 1);
	}
	ck_assert_int_eq(alive, 0);
}
END_TEST

START_TEST(a_hot_task_that_was_let_go_leaves_no_frame)
{
	for (int late = 0; late < 2; late++) {
		int alive = 0;
		ground ground;

		{
			duet::hot<> hot = ground.scope.start(hold(witness(&alive), &alive));

			turn_until(ground.scheduler.live == !late);
		}
		ck_assert_int_eq(ground.join(), 0);
		ck_assert_int_eq(alive, 0);
	}
}
END_TEST

/* Not inlined: the compiler may put a frame that it sees the end of into its caller's. */
__attribute__((noinline)) static duet::task<int> pooled_leaf(std::allocator_arg_t,
							     duet_frame_pool *, int n)
{
	auto done = co_await duet::sleep_for(1ms);

	co_return done ? n : done.error();
}

static duet::task<int> pooled(std::allocator_arg_t, duet_frame_pool *pool, int n)
{
	int twice = co_await pooled_leaf(std::allocator_arg, pool, n);

	co_return twice + co_await pooled_leaf(std::allocator_arg, pool, n);
}

static duet_frame_stats stats_of(const duet_frame_pool *pool)
{
	duet_frame_stats stats;

	duet_frame_pool_stats(pool, &stats);
	return stats;
}

START_TEST(with_frames_from_a_pool_nothing_is_allocated)
{
	duet_frame_pool *pool;

	ck_assert_int_eq(duet_frame_pool_create(&pool, 2, 2048), 0);
	{
		duet::job<int> job;
		ground ground;
		const std::size_t before = allocations;

		ck_assert_int_eq(ground.scope.spawn(job, pooled(std::allocator_arg, pool, 21)), 0);
		ground.join();
		ck_assert_uint_eq(allocations, before);
		ck_assert_int_eq(*job.take(), 42);
	}
	ck_assert_uint_eq(stats_of(pool).used_max, 2);
	ck_assert_uint_eq(stats_of(pool).used, 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

START_TEST(without_a_frame_left_a_task_is_empty_and_the_failure_is_told)
{
	duet_frame_pool *pool;

	ck_assert_int_eq(duet_frame_pool_create(&pool, 1, 2048), 0);
	{
		duet::job<int> job;
		duet::job<int> second;
		ground ground;

		ck_assert_int_eq(ground.scope.spawn(job, pooled(std::allocator_arg, pool, 1)), 0);
		ck_assert_int_eq(ground.scope.spawn(second, pooled(std::allocator_arg, pool, 1)),
			-ENOMEM);
		ground.join();
		ck_assert_int_eq(job.error(), -ENOMEM);
	}
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

static duet::task<int> call_without_memory()
{
	int error = 0;

	exhausted = true;
	try {
		co_await pooled_leaf(std::allocator_arg, nullptr, 1);
	} catch (const std::system_error &thrown) {
		error = -thrown.code().value();
	}
	exhausted = false;
	co_return error;
}

START_TEST(without_memory_a_task_is_empty_and_the_failure_is_told)
{
	ground ground;

	exhausted = true;
	ck_assert_int_eq(ground.scope.spawn(pooled_leaf(std::allocator_arg, nullptr, 1)), -ENOMEM);
	ck_assert_int_eq(ground.scope.defer(duet::task<>()), -ENOMEM);
	exhausted = false;
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_int_eq(*result_of(call_without_memory()), -ENOMEM);
}
END_TEST

START_TEST(a_lambda_takes_its_frame_from_a_pool_too)
{
	duet_frame_pool *pool;

	ck_assert_int_eq(duet_frame_pool_create(&pool, 1, 2048), 0);
	{
		auto brief = [](std::allocator_arg_t, duet_frame_pool *) -> duet::task<int> {
			co_return 1;
		};
		duet::job<int> job;

		play(job, brief(std::allocator_arg, pool));
		ck_assert_uint_eq(stats_of(pool).used, 1);
	}
	ck_assert_uint_eq(stats_of(pool).used, 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

/* ---- Many. ---- */

enum { MANY = 10000 };

static duet::task<int> one_of_many(std::uint64_t due_ns)
{
	auto done = co_await duet::sleep_until(due_ns);

	co_return done.error();
}

START_TEST(ten_thousand_wait_at_once)
{
	duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = MANY + 16;
	stage_reopen(&options, nullptr);
	{
		auto jobs = std::make_unique<duet::job<int>[]>(MANY);
		const std::uint64_t due_ns = duet_loop_now_ns(stage.loop) + 50 * MILLISECOND_NS;
		ground ground;

		for (unsigned i = 0; i < MANY; i++)
			ck_assert_int_eq(ground.scope.spawn(jobs[i], one_of_many(due_ns)), 0);
		ck_assert_int_eq(ground.join(), 0);
		for (unsigned i = 0; i < MANY; i++)
			ck_assert(jobs[i].ended() && jobs[i].error() == 0);
	}
}
END_TEST

static duet::task<> count_in_turns(unsigned *line, unsigned mine)
{
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq((*line)++, i * 2 + mine);
		co_await duet::yield;
	}
}

START_TEST(those_who_give_up_their_turn_take_turns)
{
	ground ground;
	unsigned line = 0;

	ck_assert_int_eq(ground.scope.spawn(count_in_turns(&line, 0)), 0);
	ck_assert_int_eq(ground.scope.spawn(count_in_turns(&line, 1)), 0);
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_uint_eq(line, 10);
}
END_TEST

/* ---- For people. ---- */

static int held_line; /* behind which the loop is held */
static bool told;

static void note_stalled(duet_scheduler *, const duet_task *task, const duet_site *from,
			 std::uint64_t)
{
	told |= from && from->line == held_line && task->site &&
		task->site->line == held_line + 2 && std::strstr(from->file, "task.cpp");
}

static duet::task<> hold_the_loop()
{
	held_line = __LINE__ + 1;
	(void)co_await duet::sleep_for(1ms);
	clock_pass(clock_ns() + 2 * MILLISECOND_NS);
	(void)co_await duet::sleep_for(1ms);
}

START_TEST(a_step_that_holds_the_loop_is_told_with_its_lines)
{
	duet_scheduler_options options;
	duet_scheduler scheduler;
	duet::job<> job;

	duet_scheduler_options_init(&options);
	options.step_limit_ns = MILLISECOND_NS;
	options.stalled = note_stalled;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &options), 0);
	ck_assert_int_eq(job.spawn(scheduler, nullptr, hold_the_loop()), 0);
	told = false;
	turn_until(job.ended());
	/* Where time is the backend's own it doesn't pass in a step. */
	ck_assert_int_eq(told, stage.arm->kernel);
}
END_TEST

int main()
{
	static const TTest *const cases[] = { a_task_receives_sends_and_returns_what_it_sent,
		a_task_calls_others_and_has_their_values,
		an_error_is_a_result_with_its_disposition_and_no_exception,
		any_operation_can_be_awaited_and_refusals_come_without_a_wait,
		an_exception_comes_up_to_who_awaits_the_task,
		an_exception_that_leaves_a_task_is_its_failure_and_kept,
		calls_a_thousand_deep_take_no_stack,
		a_million_calls_that_never_suspend_take_no_stack,
		a_frame_goes_with_its_task_run_or_not, a_hot_task_that_was_let_go_leaves_no_frame,
		with_frames_from_a_pool_nothing_is_allocated,
		without_a_frame_left_a_task_is_empty_and_the_failure_is_told,
		without_memory_a_task_is_empty_and_the_failure_is_told,
		a_lambda_takes_its_frame_from_a_pool_too,
		ten_thousand_wait_at_once, those_who_give_up_their_turn_take_turns,
		a_step_that_holds_the_loop_is_told_with_its_lines, nullptr };

	return contract_run("cxx-task", cases, nullptr);
}
