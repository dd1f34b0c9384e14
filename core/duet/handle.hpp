/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_HANDLE_HPP
#define DUET_HANDLE_HPP

#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/operation.h>
#include <duet/result.hpp>

#include <cstddef>
#include <new>
#include <utility>

namespace duet {

/*
 * Owns a handle. To close is an operation, which a destructor can't wait for: say
 *
 *	co_await handle.close();
 *
 * or hand it to a scope (scope::defer_close()), in the step that makes it. One that was forgotten,
 * that is, destroyed while it owns a handle, stops a debug build (DUET_DEBUG). Otherwise, and where
 * an exception passes by, or a task that it was handed to can't be spawned, its close is started
 * and nobody waits for it: what is pending on the handle ends first, the descriptor is closed in
 * one of the next turns, and the loop is busy until then. If not even that can be started (no
 * memory, operations_max, a loop that shuts down), the handle stays the loop's, which closes it
 * when it is destroyed. On the loop's thread, and not beyond the loop.
 */
class handle {
public:
	handle() noexcept = default;
	handle(duet_loop *loop, duet_handle owned) noexcept
		: loop_(loop), owned_(owned), unwinding_(detail::unwinding())
	{
	}
	handle(handle &&other) noexcept
	    : loop_(other.loop_), owned_(other.release()), unwinding_(detail::unwinding())
	{
	}
	handle &operator=(handle &&other) noexcept
	{
		if (this != &other) {
			forget();
			loop_ = other.loop_;
			owned_ = other.release();
			unwinding_ = detail::unwinding();
		}
		return *this;
	}
	~handle() { forget(); }

	/* A lent value, for operations: not of one that goes with the expression. */
	duet_handle get() const noexcept { return owned_; }
	operator duet_handle() const & noexcept { return owned_; }
	operator duet_handle() const && = delete;
	duet_loop *loop() const noexcept { return loop_; }
	explicit operator bool() const noexcept { return owned_.generation != 0; }

	/* The caller's again. */
	duet_handle release() noexcept { return std::exchange(owned_, duet_handle{0, 0}); }

	/* To be awaited; the handle is given up from the call on. Defined in <duet/io.hpp>. */
	auto close() noexcept;

private:
	/* A close that nobody waits for: its memory goes with its end. */
	struct closing {
		duet_op op;

		static void done(duet_op *op) { delete static_cast<closing *>(op->context); }
	};

	void forget() noexcept
	{
		closing *last;

		if (!*this)
			return;
#ifdef DUET_DEBUG
		if (detail::unwinding() <= unwinding_)
			detail::stop("a duet::handle was destroyed open: co_await its close(), or "
				     "hand it to a "
				     "scope by defer_close()");
#endif
		last = new (std::nothrow) closing;
		if (!last)
			return;
		duet_op_init(&last->op, closing::done, last);
		duet_op_close(&last->op, release());
		if (duet_op_start(loop_, &last->op) != 0)
			delete last;
	}

	duet_loop *loop_ = nullptr;
	duet_handle owned_ = {0, 0};
	int unwinding_ = 0; /* what was under way when it came to own the handle */
};

/* Owns a received buffer of a pool, and returns it. */
class buffer {
public:
	buffer() noexcept = default;
	buffer(duet_loop *loop, const duet_buffer &held) noexcept : loop_(loop), held_(held) {}
	buffer(buffer &&other) noexcept
	    : loop_(std::exchange(other.loop_, nullptr)), held_(other.held_)
	{
	}
	buffer &operator=(buffer &&other) noexcept
	{
		if (this != &other) {
			give_back();
			loop_ = std::exchange(other.loop_, nullptr);
			held_ = other.held_;
		}
		return *this;
	}
	~buffer() { give_back(); }

	/* Empty: the end of the stream, which holds no buffer. */
	std::size_t size() const noexcept { return loop_ ? held_.length_bytes : 0; }
	bool empty() const noexcept { return size() == 0; }
	unsigned char *data() const noexcept { return loop_ ? held_.data : nullptr; }
	unsigned char *begin() const noexcept { return data(); }
	unsigned char *end() const noexcept { return data() + size(); }

	void give_back() noexcept
	{
		if (duet_loop *loop = std::exchange(loop_, nullptr))
			duet_buffer_return(loop, &held_);
	}

private:
	duet_loop *loop_ = nullptr;
	duet_buffer held_ = {};
};

} /* namespace duet */

#endif
