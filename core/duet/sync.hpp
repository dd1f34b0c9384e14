/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SYNC_HPP
#define DUET_SYNC_HPP

#include <duet/barrier.h>
#include <duet/channel.h>
#include <duet/io.hpp>
#include <duet/mutex.h>
#include <duet/notify.h>
#include <duet/semaphore.h>
#include <duet/wait_group.h>

#include <cstdint>
#include <type_traits>
#include <utility>

/*
 * What tasks need of one another, made and awaited in one expression: see <duet/waiters.h>, and
 * each header. Permits and a lock have an owner, and go back with it; who was stopped has got none.
 */
namespace duet {

/* Permits of a semaphore, which they go back to before it ends. */
class permits {
public:
	permits(duet_semaphore &from, std::uint32_t count) noexcept : from_(&from), count_(count) {}
	permits(permits &&other) noexcept
		: from_(std::exchange(other.from_, nullptr)), count_(other.count_)
	{
	}
	permits &operator=(permits &&other) noexcept
	{
		if (this != &other) {
			give_back();
			from_ = std::exchange(other.from_, nullptr);
			count_ = other.count_;
		}
		return *this;
	}
	~permits() { give_back(); }

	void give_back() noexcept
	{
		if (duet_semaphore *from = std::exchange(from_, nullptr))
			duet_semaphore_release(from, count_);
	}
	/* They are somebody else's to give back. */
	void pass_on() noexcept { from_ = nullptr; }

private:
	duet_semaphore *from_;
	std::uint32_t count_;
};

/* Of a semaphore of the task's own loop, where they can go back at once; of another's it is -EINVAL:
 * there duet_op_acquire() and duet_op_release() are awaited, each as an operation. */
inline auto acquire(duet_semaphore &semaphore, std::uint32_t count = 1) noexcept
{
	return detail::make<permits>(
		[&semaphore, count](duet_op &op, task_context &context) {
			const bool own = semaphore.waiters.loop == context.loop();

			duet_op_acquire(&op, &semaphore, own ? count : 0);
		},
		[&semaphore, count](task_context &, const duet_op &, const outcome &how) {
			return how.code < 0 ? result<permits>(how)
					    : result<permits>(permits(semaphore, count), how);
		});
}

/* A mutex that this task has. To be unlocked in the same task. */
class locked {
public:
	locked(duet_mutex &mutex, const void *owner) noexcept : mutex_(&mutex), owner_(owner) {}
	locked(locked &&other) noexcept
		: mutex_(std::exchange(other.mutex_, nullptr)), owner_(other.owner_)
	{
	}
	locked &operator=(locked &&other) noexcept
	{
		if (this != &other) {
			unlock();
			mutex_ = std::exchange(other.mutex_, nullptr);
			owner_ = other.owner_;
		}
		return *this;
	}
	~locked() { unlock(); }

	void unlock() noexcept
	{
		if (duet_mutex *mutex = std::exchange(mutex_, nullptr))
			duet_mutex_unlock(mutex, owner_);
	}

private:
	duet_mutex *mutex_;
	const void *owner_;
};

inline auto lock(duet_mutex &mutex) noexcept
{
	return detail::make<locked>(
		[&mutex](duet_op &op, task_context &context) {
			duet_op_lock(&op, &mutex, &context);
		},
		[&mutex](task_context &context, const duet_op &, const outcome &how) {
			return how.code < 0 ? result<locked>(how)
					    : result<locked>(locked(mutex, &context), how);
		});
}

inline auto notified(duet_notify &notify) noexcept
{
	return detail::make<void>(
		[&notify](duet_op &op, task_context &) { duet_op_notified(&op, &notify); });
}

/* True for who came last. */
inline auto arrive(duet_barrier &barrier) noexcept
{
	return detail::make<bool>(
		[&barrier](duet_op &op, task_context &) { duet_op_barrier(&op, &barrier); });
}

inline auto wait(duet_wait_group &group) noexcept
{
	return detail::make<void>(
		[&group](duet_op &op, task_context &) { duet_op_wait_group(&op, &group); });
}

/* The element, of the channel's size, is lent until the expression ends. */
template <class T> auto channel_send(duet_channel &channel, const T &element) noexcept
{
	static_assert(std::is_trivially_copyable_v<T>,
		      "elements are copied as bytes: send a pointer");
	return detail::make<void>([&channel, &element](duet_op &op, task_context &) {
		duet_op_channel_send(&op, &channel, &element);
	});
}

/* False: the channel is closed and drained. */
template <class T> auto channel_recv(duet_channel &channel, T &element) noexcept
{
	static_assert(std::is_trivially_copyable_v<T>,
		      "elements are copied as bytes: send a pointer");
	return detail::make<bool>([&channel, &element](duet_op &op, task_context &) {
		duet_op_channel_recv(&op, &channel, &element);
	});
}

} /* namespace duet */

#endif
