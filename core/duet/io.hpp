/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_IO_HPP
#define DUET_IO_HPP

#include <duet/handle.hpp>
#include <duet/operation.h>
#include <duet/result.hpp>
#include <duet/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <iterator>
#include <type_traits>
#include <utility>

/*
 * The operations of <duet/operation.h>, each made and awaited in one expression:
 *
 *	duet::result<std::size_t> n = co_await duet::recv(handle, text);
 *
 * The memory that they name is lent until the expression ends, and it ends with the terminal
 * completion, whatever was asked meanwhile. What was made or received is owned: a duet::handle, a
 * duet::buffer. Bytes that came with an error are in transferred(). A std::string_view or an array
 * of bytes will do for memory; a literal's end counts.
 */
namespace duet {

/* Memory to be filled, and memory to be read. */
struct bytes {
	void *data;
	std::size_t size;

	bytes(void *memory, std::size_t length) noexcept : data(memory), size(length) {}
	template <class Range, class = decltype(std::data(std::declval<Range &>()))>
	bytes(Range &&range) noexcept
		: data(std::data(range)), size(std::size(range) * sizeof(*std::data(range)))
	{
		static_assert(std::is_trivially_copyable_v<
				      std::remove_reference_t<decltype(*std::data(range))>>,
			      "only what is bytes can be received");
	}
};

struct const_bytes {
	const void *data;
	std::size_t size;

	const_bytes(const void *memory, std::size_t length) noexcept : data(memory), size(length) {}
	const_bytes(const buffer &held) noexcept : data(held.data()), size(held.size()) {}
	template <class Range, class = decltype(std::data(std::declval<const Range &>()))>
	const_bytes(const Range &range) noexcept
		: data(std::data(range)), size(std::size(range) * sizeof(*std::data(range)))
	{
		static_assert(std::is_trivially_copyable_v<
				      std::remove_reference_t<decltype(*std::data(range))>>,
			      "only what is bytes can be sent");
	}
};

namespace detail {

/* The value of an operation that went well. */
template <class T> result<T> value_of(task_context &context, const duet_op &op, const outcome &how)
{
	if constexpr (std::is_void_v<T>)
		return result<T>(how);
	else if (how.code < 0)
		return result<T>(how);
	else if constexpr (std::is_same_v<T, handle>)
		return result<T>(handle(context.loop(), op.made), how);
	else if constexpr (std::is_same_v<T, buffer>)
		return result<T>(how.transferred ? buffer(context.loop(), op.buffer) : buffer(),
				 how);
	else
		return result<T>(static_cast<T>(how.code), how);
}

/* Gives the value by its type alone. */
template <class T> struct by_type {
	result<T> operator()(task_context &context, const duet_op &op, const outcome &how) const
	{
		return value_of<T>(context, op, how);
	}
};

/* Says what the task's operation is to do when it is awaited: nothing happens before. Finish makes
 * the result of what it has done. */
template <class T, class Prepare, class Finish = by_type<T>> class [[nodiscard]] request {
public:
	explicit request(Prepare prepare, Finish finish = {}) noexcept
		: prepare_(std::move(prepare)), finish_(std::move(finish))
	{
	}

	/* Ends it then at the latest: absolute, on the loop's clock. */
	request &&until(std::uint64_t deadline_ns) && noexcept
	{
		deadline_ns_ = deadline_ns;
		return std::move(*this);
	}

	class awaiter : public operation_awaiter {
	public:
		awaiter(task_context &context, const duet_site *at, const Finish &finish) noexcept
			: operation_awaiter(context, &context.op, at), finish_(finish)
		{
		}
		result<T> await_resume()
		{
			return finish_(context_, *op_, operation_awaiter::await_resume());
		}

	private:
		[[no_unique_address]] Finish finish_;
	};

	awaiter duet_await(task_context &context, const duet_site *at) && noexcept
	{
		prepare_(context.op, context);
		if (deadline_ns_ != DUET_NO_DEADLINE)
			duet_op_deadline(&context.op, deadline_ns_);
		return {context, at, finish_};
	}

private:
	Prepare prepare_;
	[[no_unique_address]] Finish finish_;
	std::uint64_t deadline_ns_ = DUET_NO_DEADLINE;
};

template <class T, class Prepare> request<T, Prepare> make(Prepare prepare) noexcept
{
	return request<T, Prepare>(std::move(prepare));
}

template <class T, class Prepare, class Finish>
request<T, Prepare, Finish> make(Prepare prepare, Finish finish) noexcept
{
	return request<T, Prepare, Finish>(std::move(prepare), std::move(finish));
}

} /* namespace detail */

inline auto nop() noexcept
{
	return detail::make<void>([](duet_op &op, task_context &) { duet_op_nop(&op); });
}

/* On the loop's clock: duet_loop_now_ns(). */
inline auto sleep_until(std::uint64_t due_ns) noexcept
{
	return detail::make<void>(
		[=](duet_op &op, task_context &) { duet_op_timeout(&op, due_ns); });
}

inline auto sleep_for(std::chrono::nanoseconds time) noexcept
{
	return detail::make<void>([=](duet_op &op, task_context &context) {
		const auto span_ns =
			time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;

		duet_op_timeout(&op, duet_loop_now_ns(context.loop()) + span_ns);
	});
}

/* The ready events. */
inline auto poll(duet_handle handle, std::uint32_t events) noexcept
{
	return detail::make<std::uint32_t>(
		[=](duet_op &op, task_context &) { duet_op_poll(&op, handle, events); });
}

inline auto accept(duet_handle listener) noexcept
{
	return detail::make<handle>(
		[=](duet_op &op, task_context &) { duet_op_accept(&op, listener, 0); });
}

/* The address is read when it is awaited. */
inline auto connect(duet_handle handle, const sockaddr *address, socklen_t length) noexcept
{
	return detail::make<void>([=](duet_op &op, task_context &) {
		duet_op_connect(&op, handle, address, length);
	});
}

/* At least one byte, 0 at the end of the stream; the other: as many as there is room for. */
inline auto recv(duet_handle handle, bytes memory, unsigned flags = 0) noexcept
{
	return detail::make<std::size_t>([=](duet_op &op, task_context &) {
		duet_op_recv(&op, handle, memory.data, memory.size, flags);
	});
}

inline auto recv_exactly(duet_handle handle, bytes memory) noexcept
{
	return recv(handle, memory, DUET_WHOLE);
}

/* Into a buffer of the pool, chosen when data arrives; an empty one is the end of the stream. */
inline auto recv_pooled(duet_handle handle, duet_pool *pool) noexcept
{
	return detail::make<buffer>(
		[=](duet_op &op, task_context &) { duet_op_recv_pooled(&op, handle, pool, 0); });
}

inline auto send(duet_handle handle, const_bytes memory, unsigned flags = 0) noexcept
{
	return detail::make<std::size_t>([=](duet_op &op, task_context &) {
		duet_op_send(&op, handle, memory.data, memory.size, flags);
	});
}

inline auto send_all(duet_handle handle, const_bytes memory) noexcept
{
	return send(handle, memory, DUET_WHOLE);
}

inline auto send_vector(duet_handle handle, const iovec *vectors, unsigned count,
			unsigned flags = 0) noexcept
{
	return detail::make<std::size_t>([=](duet_op &op, task_context &) {
		duet_op_send_vector(&op, handle, vectors, count, flags);
	});
}

inline auto read(duet_handle handle, bytes memory, std::uint64_t offset_bytes) noexcept
{
	return detail::make<std::size_t>([=](duet_op &op, task_context &) {
		duet_op_read(&op, handle, memory.data, memory.size, offset_bytes);
	});
}

inline auto write(duet_handle handle, const_bytes memory, std::uint64_t offset_bytes) noexcept
{
	return detail::make<std::size_t>([=](duet_op &op, task_context &) {
		duet_op_write(&op, handle, memory.data, memory.size, offset_bytes);
	});
}

/* path is lent. */
inline auto open(const char *path, int flags, unsigned mode = 0, int directory = AT_FDCWD) noexcept
{
	return detail::make<handle>([=](duet_op &op, task_context &) {
		duet_op_open(&op, directory, path, flags, mode);
	});
}

inline auto fsync(duet_handle handle, unsigned flags = 0) noexcept
{
	return detail::make<void>(
		[=](duet_op &op, task_context &) { duet_op_fsync(&op, handle, flags); });
}

inline auto shutdown(duet_handle handle, int how) noexcept
{
	return detail::make<void>(
		[=](duet_op &op, task_context &) { duet_op_shutdown(&op, handle, how); });
}

namespace detail {

/* Shielded: to a task that was asked to end, too, a close is the least that is done. */
class [[nodiscard]] close_request {
public:
	explicit close_request(handle closed) noexcept : closed_(std::move(closed)) {}

	class awaiter : public operation_awaiter {
	public:
		awaiter(task_context &context, const duet_site *at) noexcept
			: operation_awaiter(context, &context.op, at)
		{
		}
		bool await_ready() noexcept
		{
			/* A close knows no deadline: it is as good as any. */
			outer_ns_ = duet_task_shield(&context_, 1000000000);
			return operation_awaiter::await_ready();
		}
		result<void> await_resume() noexcept
		{
			duet_task_unshield(&context_, outer_ns_);
			return result<void>(operation_awaiter::await_resume());
		}

	private:
		std::uint64_t outer_ns_ = 0;
	};

	awaiter duet_await(task_context &context, const duet_site *at) && noexcept
	{
		duet_op_close(&context.op, closed_.release());
		return {context, at};
	}

private:
	handle closed_;
};

} /* namespace detail */

inline auto socket(int domain, int type, int protocol = 0) noexcept
{
	return detail::make<handle>([=](duet_op &op, task_context &) {
		duet_op_socket(&op, domain, type, protocol);
	});
}

inline auto bind(duet_handle handle, const sockaddr *address, socklen_t length) noexcept
{
	return detail::make<void>(
		[=](duet_op &op, task_context &) { duet_op_bind(&op, handle, address, length); });
}

inline auto listen(duet_handle handle, int backlog) noexcept
{
	return detail::make<void>(
		[=](duet_op &op, task_context &) { duet_op_listen(&op, handle, backlog); });
}

inline auto handle::close() noexcept
{
	return detail::close_request(std::move(*this));
}

/* Of one that nobody owns. */
inline auto close(task_context &context, duet_handle lent) noexcept
{
	return detail::close_request(handle(context.loop(), lent));
}

} /* namespace duet */

#endif
