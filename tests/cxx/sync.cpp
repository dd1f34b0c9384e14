/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <array>

/* Tasks that wait for one another: what is held has an owner, and who was stopped holds nothing. */

using namespace std::literals;

enum { TASKS = 8 };

struct meeting {
	unsigned inside = 0;
	unsigned most = 0;
	unsigned came = 0;

	duet::task<int> stay()
	{
		if (++inside > most)
			most = inside;
		auto slept = co_await duet::sleep_for(1ms);

		inside--;
		came += slept.has_value();
		co_return slept.error();
	}
};

static duet::task<int> meet(duet_semaphore &semaphore, meeting &meeting)
{
	auto permit = co_await duet::acquire(semaphore);

	if (!permit)
		co_return permit.error();
	co_return co_await meeting.stay();
}

START_TEST(no_more_than_have_a_permit_and_all_in_the_end)
{
	duet_semaphore semaphore;
	meeting meeting;
	ground ground;

	duet_semaphore_init(&semaphore, stage.loop, 3);
	for (int i = 0; i < TASKS; i++)
		ck_assert_int_eq(ground.scope.spawn(meet(semaphore, meeting)), 0);
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_uint_eq(meeting.most, 3);
	ck_assert_uint_eq(meeting.came, TASKS);
	ck_assert_uint_eq(semaphore.permits, 3);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

START_TEST(who_is_stopped_in_line_has_no_permit_and_who_has_one_gives_it_back)
{
	duet_semaphore semaphore;
	meeting meeting;
	ground ground;

	duet_semaphore_init(&semaphore, stage.loop, 3);
	for (int i = 0; i < TASKS; i++)
		ck_assert_int_eq(ground.scope.spawn(meet(semaphore, meeting)), 0);
	turn_until(meeting.inside == 3);
	ground.scope.cancel();
	ck_assert_int_eq(ground.join(), -ECANCELED);
	ck_assert_uint_eq(semaphore.permits, 3);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

static duet::task<int> take_from(duet_semaphore &semaphore)
{
	co_return (co_await duet::acquire(semaphore)).error();
}

START_TEST(permits_that_could_not_go_back_from_here_are_refused)
{
	duet_semaphore semaphore;
	duet_loop *other;
	ground ground;

	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), nullptr), 0);
	duet_semaphore_init(&semaphore, other, 1);
	ck_assert_int_eq(ground.scope.spawn(take_from(semaphore)), 0);
	ck_assert_int_eq(ground.join(), -EINVAL);
	ck_assert_uint_eq(semaphore.permits, 1);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
}
END_TEST

static duet::task<int> lock_and_meet(duet_mutex &mutex, meeting &meeting)
{
	auto lock = co_await duet::lock(mutex);

	ck_assert(lock.has_value());
	ck_assert_int_eq((co_await duet::lock(mutex)).error(), -EDEADLK);
	co_return co_await meeting.stay();
}

START_TEST(a_lock_is_held_by_one_task_and_goes_with_its_owner)
{
	duet_mutex mutex;
	meeting meeting;
	ground ground;

	duet_mutex_init(&mutex, stage.loop);
	for (int i = 0; i < TASKS; i++)
		ck_assert_int_eq(ground.scope.spawn(lock_and_meet(mutex, meeting)), 0);
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_uint_eq(meeting.most, 1);
	ck_assert_uint_eq(meeting.came, TASKS);
	ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
}
END_TEST

static duet::task<int> trade(duet_mutex *mutexes, duet_semaphore &semaphore)
{
	auto lock = (co_await duet::lock(mutexes[0])).value();
	auto other = (co_await duet::lock(mutexes[1])).value();
	auto permits = (co_await duet::acquire(semaphore, 2)).value();
	auto more = (co_await duet::acquire(semaphore)).value();
	auto &same = permits;

	lock = std::move(other);
	ck_assert(co_await duet::lock(mutexes[0]));
	ck_assert_int_eq((co_await duet::lock(mutexes[1])).error(), -EDEADLK);
	permits = std::move(more);
	ck_assert_uint_eq(semaphore.permits, 2);
	permits = std::move(same);
	ck_assert_uint_eq(semaphore.permits, 2);
	co_return 0;
}

/* At once, and not with the end of what took its place. */
START_TEST(what_an_owner_gives_up_for_another_goes_back)
{
	duet_mutex mutexes[2];
	duet_semaphore semaphore;

	for (auto &mutex : mutexes)
		duet_mutex_init(&mutex, stage.loop);
	duet_semaphore_init(&semaphore, stage.loop, 3);
	ck_assert_int_eq(result_of(trade(mutexes, semaphore)).error(), 0);
	ck_assert_uint_eq(semaphore.permits, 3);
	for (auto &mutex : mutexes)
		ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

static duet::task<int> count_down(duet_channel &channel, int from)
{
	for (int i = from; i > 0; i--)
		(co_await duet::channel_send(channel, i)).value();
	duet_channel_close(&channel);
	co_return 0;
}

static duet::task<int> add_up(duet_channel &channel)
{
	int element = 0, sum = 0;

	while ((co_await duet::channel_recv(channel, element)).value())
		sum += element;
	co_return sum;
}

START_TEST(what_is_sent_through_a_channel_comes_until_it_is_closed)
{
	for (unsigned capacity = 0; capacity < 3; capacity++) {
		std::array<int, 2> memory;
		duet_channel channel;
		duet::job<int> job;
		ground ground;

		ck_assert_int_eq(duet_channel_init(&channel, stage.loop,
					 capacity ? memory.data() : nullptr, capacity, sizeof(int)),
			0);
		ck_assert_int_eq(ground.scope.spawn(job, add_up(channel)), 0);
		ck_assert_int_eq(ground.scope.spawn(count_down(channel, 100)), 0);
		ck_assert_int_eq(ground.join(), 0);
		ck_assert_int_eq(*job.take(), 5050);
		ck_assert_int_eq(duet_channel_fini(&channel), 0);
	}
}
END_TEST

static duet::task<int> come(duet_barrier &barrier, duet_wait_group &group, unsigned &last)
{
	last += (co_await duet::arrive(barrier)).value();
	duet_wait_group_done(&group);
	co_return 0;
}

static duet::task<int> wait_for_all(duet_wait_group &group, duet_notify &notify)
{
	(co_await duet::wait(group)).value();
	duet_notify_one(&notify);
	co_return 0;
}

static duet::task<int> hear(duet_notify &notify)
{
	co_return (co_await duet::notified(notify)).error();
}

START_TEST(a_barrier_a_wait_group_and_a_notify_are_waited_for)
{
	duet_wait_group group;
	duet_barrier barrier;
	duet_notify notify;
	unsigned last = 0;
	ground ground;

	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 3), 0);
	duet_wait_group_init(&group, stage.loop);
	duet_notify_init(&notify, stage.loop);
	duet_wait_group_add(&group, 3);
	ck_assert_int_eq(ground.scope.spawn(hear(notify)), 0);
	ck_assert_int_eq(ground.scope.spawn(wait_for_all(group, notify)), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ground.scope.spawn(come(barrier, group, last)), 0);
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_uint_eq(last, 1);
	ck_assert_int_eq(duet_barrier_fini(&barrier), 0);
	ck_assert_int_eq(duet_wait_group_fini(&group), 0);
	ck_assert_int_eq(duet_notify_fini(&notify), 0);
}
END_TEST

int main()
{
	static const TTest *const cases[] = { no_more_than_have_a_permit_and_all_in_the_end,
		who_is_stopped_in_line_has_no_permit_and_who_has_one_gives_it_back,
		permits_that_could_not_go_back_from_here_are_refused,
		a_lock_is_held_by_one_task_and_goes_with_its_owner,
		what_an_owner_gives_up_for_another_goes_back,
		what_is_sent_through_a_channel_comes_until_it_is_closed,
		a_barrier_a_wait_group_and_a_notify_are_waited_for, nullptr };

	return contract_run("cxx-sync", cases, nullptr);
}
