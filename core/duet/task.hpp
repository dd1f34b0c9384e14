/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_TASK_HPP
#define DUET_TASK_HPP

#include <duet/frame.h>
#include <duet/result.hpp>
#include <duet/scheduler.h>
#include <duet/task.h>

#include <coroutine>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

/*
 * 1: a call and a return are tail calls, as C++20 means them (symmetric transfer). 0: each is a
 * turn of a loop at the bottom of the task. Neither takes stack, whatever the depth, but gcc before
 * 15 makes tail calls of them only from -O2 on, and without it a million awaits in a row that never
 * suspend overflow the stack; so there it is 0 unless you say otherwise, the same in all of a
 * program.
 */
#ifndef DUET_SYMMETRIC_TRANSFER
#if defined(__clang__) || __GNUC__ >= 15
#define DUET_SYMMETRIC_TRANSFER 1
#else
#define DUET_SYMMETRIC_TRANSFER 0
#endif
#endif

namespace duet {

template <class T> class task;
class task_context;

namespace detail {

/* What a task waits for beside operations: asked each time that it goes on. */
struct condition {
	bool (*holds)(condition *self, task_context &context) noexcept;
};

class ending_awaiter;

/* Beside a task in its scope, to hear of a request at once. */
struct token : duet_member {
	std::stop_source source;
};

} /* namespace detail */

/*
 * The bottom of one C++ task: a struct duet_task, and what all of its coroutines share, above all
 * the operation that it waits for, since a task waits for one at a time. In each of its coroutines
 *
 *	duet::task_context &here = co_await duet::here;
 */
class task_context : public duet_task {
public:
	duet_loop *loop() const noexcept { return scheduler->loop; }
	/* NULL: it was spawned in none. */
	duet_scope *scope() const noexcept { return member.scope; }
	/* The checkpoint: 0, -ECANCELED or -ETIMEDOUT. */
	int check() const noexcept { return duet_task_check(this); }
	/* The deadline that counts now. */
	std::uint64_t bound_ns() const noexcept { return shields ? shield_ns : deadline_ns; }
	/*
	 * Stopped when the scope of the task is asked to end, at once, or the task alone, in its
	 * next step. For what knows std::stop_token and may be on another thread. Shields don't
	 * hold it back.
	 */
	std::stop_token stop_token();

	/* Its own. */
	void begin(std::coroutine_handle<> top, std::int32_t (*finish)(task_context &)) noexcept;
	void suspended(std::coroutine_handle<> where, const duet_site *at) noexcept
	{
		leaf_ = where;
		site = at;
	}
	void park(detail::condition *until) noexcept { until_ = until; }
	void leave(std::coroutine_handle<> to) noexcept
	{
		leaf_ = to;
		moved_ = bool(to);
	}
	void drop_token() noexcept;

	duet_op op; /* of the helpers in <duet/io.hpp> */

private:
	friend duet_readiness step_of(duet_task *task) noexcept;
	duet_readiness step() noexcept;
	static void asked_too(duet_member *member, duet_cause cause) noexcept;

	std::coroutine_handle<> leaf_;  /* who goes on; none: it has ended */
	bool moved_ = false;            /* leaf_ goes on in this step */
	detail::condition *until_ = nullptr;
	std::int32_t (*finish_)(task_context &) = nullptr;
	std::unique_ptr<detail::token> token_;
};

inline duet_readiness step_of(duet_task *task) noexcept
{
	return static_cast<task_context *>(task)->step();
}

inline const duet_task_model &task_model() noexcept
{
	static constexpr duet_task_model model = {"c++20", step_of, 1};

	return model;
}

inline void task_context::begin(std::coroutine_handle<> top,
				std::int32_t (*finish)(task_context &)) noexcept
{
	duet_task_init(this, &task_model());
	duet_op_init(&op, nullptr, nullptr);
	leaf_ = top;
	finish_ = finish;
}

inline duet_readiness task_context::step() noexcept
{
	if (asked && token_) [[unlikely]]
		token_->source.request_stop();
	if (until_) {
		if (!until_->holds(until_, *this))
			return DUET_PENDING;
		until_ = nullptr;
	}
	do {
		moved_ = false;
		leaf_.resume();
	} while (moved_);
	if (leaf_)
		return DUET_PENDING;
	duet_task::result = finish_(*this);
	return DUET_READY;
}

inline void task_context::asked_too(duet_member *member, duet_cause) noexcept
{
	static_cast<detail::token *>(member)->source.request_stop();
}

inline std::stop_token task_context::stop_token()
{
	if (!token_) {
		token_ = std::make_unique<detail::token>();
		if (asked || (scope() && duet_scope_enter(scope(), token_.get(), asked_too)))
			token_->source.request_stop();
	}
	return token_->source.get_token();
}

/* It leaves behind the task and with its result, so that it has no say of its own. */
inline void task_context::drop_token() noexcept
{
	if (token_ && static_cast<duet_member *>(token_.get())->scope)
		duet_member_leave(token_.get(), duet_task::result);
	token_.reset();
}

namespace detail {

/* ---- Frames: on the heap, or from a pool where the coroutine's arguments begin with one. ---- */

/* take() alone is called: gcc would hold the delete against each new (-Wmismatched-new-delete). */
struct frame_memory {
	[[gnu::always_inline]] static void *operator new(std::size_t bytes) noexcept
	{
		return take(nullptr, bytes);
	}
	template <class... Arguments>
	[[gnu::always_inline]] static void *
	operator new(std::size_t bytes, const std::allocator_arg_t &, duet_frame_pool *pool,
		     Arguments &&...) noexcept
	{
		return take(pool, bytes);
	}
	/* Of a member function or a lambda. */
	template <class Object, class... Arguments>
	[[gnu::always_inline]] static void *
	operator new(std::size_t bytes, Object &&, const std::allocator_arg_t &,
		     duet_frame_pool *pool, Arguments &&...) noexcept
	{
		return take(pool, bytes);
	}
	static void operator delete(void *frame, std::size_t bytes) noexcept
	{
		duet_frame_pool *pool;

		std::memcpy(&pool, static_cast<char *>(frame) + tail_of(bytes), sizeof(pool));
		if (pool)
			duet_frame_return(pool, frame);
		else
			::operator delete(frame);
	}

private:
	/* Whose it is stands behind the frame. */
	static constexpr std::size_t tail_of(std::size_t bytes) noexcept
	{
		return (bytes + alignof(duet_frame_pool *) - 1) & ~(alignof(duet_frame_pool *) - 1);
	}
	[[gnu::noinline]] static void *take(duet_frame_pool *pool, std::size_t bytes) noexcept
	{
		const std::size_t all = tail_of(bytes) + sizeof(pool);
		void *frame = pool ? duet_frame_take(pool, all) : ::operator new(all, std::nothrow);

		if (frame)
			std::memcpy(static_cast<char *>(frame) + tail_of(bytes), &pool,
				    sizeof(pool));
		return frame;
	}
};

/* ---- Calls and returns. ---- */

#if DUET_SYMMETRIC_TRANSFER
using transferred = std::coroutine_handle<>;

inline transferred transfer(task_context &, std::coroutine_handle<> to) noexcept
{
	return to;
}

inline transferred transfer_down(task_context &context) noexcept
{
	context.leave(nullptr);
	return std::noop_coroutine();
}
#else
using transferred = void;

inline void transfer(task_context &context, std::coroutine_handle<> to) noexcept
{
	context.leave(to);
}

inline void transfer_down(task_context &context) noexcept
{
	context.leave(nullptr);
}
#endif

/* ---- What a coroutine of a task may wait for. ---- */

/* An operation: the three steps over duet_task_await(). A result that is there suspends nobody. */
class operation_awaiter {
public:
	operation_awaiter(task_context &context, duet_op *op, const duet_site *at) noexcept
		: context_(context), op_(op), at_(at)
	{
	}
	bool await_ready() noexcept { return duet_task_await(&context_, op_, &code_) != 0; }
	void await_suspend(std::coroutine_handle<> where) noexcept
	{
		waited_ = true;
		context_.suspended(where, at_);
	}
	outcome await_resume() const noexcept
	{
		return {waited_ ? op_->result : code_, op_->transferred,
			static_cast<duet_disposition>(op_->disposition),
			static_cast<duet_cause>(op_->cause)};
	}

protected:
	task_context &context_;
	duet_op *op_;

private:
	std::int32_t code_ = 0;
	bool waited_ = false;
	const duet_site *at_;
};

/*
 * The end of something else on the loop, for which any number may wait. Who is asked to end
 * meanwhile asks that, and waits on: so what it waits for may stand in its own frame.
 */
class ending {
public:
	void add(ending_awaiter &awaiter) noexcept;
	void has_come() noexcept;

private:
	ending_awaiter *first_ = nullptr;
};

class ending_awaiter : protected condition {
public:
	ending_awaiter(bool (*has_come)(condition *, task_context &) noexcept,
		       task_context &context, const duet_site *at) noexcept
		: condition{has_come}, context_(context), at_(at)
	{
	}
	ending_awaiter(const ending_awaiter &) = delete;
	ending_awaiter &operator=(const ending_awaiter &) = delete;
	bool await_ready() noexcept { return holds(this, context_); }
	void await_suspend(std::coroutine_handle<> where) noexcept
	{
		context_.suspended(where, at_);
		context_.park(this);
	}

protected:
	task_context &context_;

private:
	friend ending;

	const duet_site *at_;
	ending_awaiter *next_ = nullptr;
	bool added_ = false;
};

inline void ending::add(ending_awaiter &awaiter) noexcept
{
	ending_awaiter **last = &first_;

	if (std::exchange(awaiter.added_, true))
		return;
	while (*last)
		last = &(*last)->next_;
	*last = &awaiter;
}

inline void ending::has_come() noexcept
{
	while (ending_awaiter *awaiter = first_) {
		first_ = awaiter->next_;
		duet_waker_wake(&awaiter->context_.waker);
	}
}

class yield_awaiter {
public:
	yield_awaiter(task_context &context, const duet_site *at) noexcept
		: context_(context), at_(at)
	{
	}
	bool await_ready() const noexcept { return false; }
	void await_suspend(std::coroutine_handle<> where) noexcept
	{
		context_.suspended(where, at_);
		duet_task_yield(&context_);
	}
	void await_resume() const noexcept {}

private:
	task_context &context_;
	const duet_site *at_;
};

struct here_awaiter {
	task_context &context;

	bool await_ready() const noexcept { return true; }
	void await_suspend(std::coroutine_handle<>) const noexcept {}
	task_context &await_resume() const noexcept { return context; }
};

struct here_request {
	here_awaiter duet_await(task_context &context, const duet_site *) const noexcept
	{
		return {context};
	}
};

struct yield_request {
	yield_awaiter duet_await(task_context &context, const duet_site *at) const noexcept
	{
		return {context, at};
	}
};

/* ---- Promises. ---- */

struct return_awaiter {
	bool await_ready() const noexcept { return false; }
	template <class Promise>
	transferred await_suspend(std::coroutine_handle<Promise> ended) const noexcept
	{
		auto &promise = ended.promise();

		if (promise.caller)
			return transfer(*promise.context, promise.caller);
		return transfer_down(*promise.context);
	}
	void await_resume() const noexcept {}
};

struct promise_base : frame_memory {
	task_context *context = nullptr;
	std::coroutine_handle<> caller; /* none: the task's first */
	std::exception_ptr thrown;

	std::suspend_always initial_suspend() const noexcept { return {}; }
	return_awaiter final_suspend() const noexcept { return {}; }
	void unhandled_exception() noexcept { thrown = std::current_exception(); }

	/* Each co_await has a type of its own by its default argument, and so a site of its own
	 * that is there as long as the program. */
	template <class Here = decltype([] {})>
	operation_awaiter await_transform(duet_op &op, const char *file = __builtin_FILE(),
					  int line = __builtin_LINE()) noexcept
	{
		static const duet_site site = {file, line};

		return {*context, &op, &site};
	}
	/* A call: it waits elsewhere. */
	template <class T> auto await_transform(task<T> &&called) noexcept
	{
		return std::move(called).duet_await(*context);
	}
	/* Everything else says itself how a task waits for it; an awaiter that knows of no task
	 * can't. */
	template <class Awaitable, class Here = decltype([] {})>
		requires(!std::is_same_v<std::remove_cvref_t<Awaitable>, duet_op>)
	decltype(auto) await_transform(Awaitable &&awaitable, const char *file = __builtin_FILE(),
				       int line = __builtin_LINE())
	{
		static const duet_site site = {file, line};

		return std::forward<Awaitable>(awaitable).duet_await(*context, &site);
	}
};

template <class T> struct promise_value : promise_base {
	std::optional<T> value;

	template <class U = T> void return_value(U &&returned)
	{
		value.emplace(std::forward<U>(returned));
	}
	/* Once, if it has to be moved: then it is no longer there. */
	T take()
	{
		T taken = std::move(*value);

		if constexpr (!std::is_trivially_copyable_v<T>)
			value.reset();
		return taken;
	}
	bool has_value() const noexcept { return value.has_value(); }
	std::int32_t told() const noexcept { return told_of(*value); }
};

template <> struct promise_value<void> : promise_base {
	void return_void() const noexcept {}
	void take() const noexcept {}
	bool has_value() const noexcept { return true; }
	std::int32_t told() const noexcept { return 0; }
};

} /* namespace detail */

/* The task that this coroutine is part of; and: those in line have their turn. */
inline constexpr detail::here_request here{};
inline constexpr detail::yield_request yield{};

/*
 * A coroutine that begins when it is awaited (cold), in the task of who awaits it, or when it is
 * spawned: see <duet/scope.hpp>. Its frame is on the heap, or, if its arguments begin with
 * std::allocator_arg and a duet_frame_pool *, in that pool; it is freed with the task, run or not.
 * Without memory the task is empty: to await it throws std::system_error (ENOMEM), to spawn it is
 * -ENOMEM.
 */
template <class T = void> class [[nodiscard]] task {
public:
	struct promise_type : detail::promise_value<T> {
		task get_return_object() noexcept
		{
			return task{std::coroutine_handle<promise_type>::from_promise(*this)};
		}
		static task get_return_object_on_allocation_failure() noexcept { return task{}; }
	};

	task() noexcept = default;
	task(task &&other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
	task &operator=(task &&other) noexcept
	{
		if (this != &other) {
			destroy();
			frame_ = std::exchange(other.frame_, nullptr);
		}
		return *this;
	}
	~task() { destroy(); }

	explicit operator bool() const noexcept { return bool(frame_); }
	std::coroutine_handle<promise_type> frame() const noexcept { return frame_; }

	class awaiter;
	awaiter duet_await(task_context &context) && noexcept
	{
		return awaiter{std::move(*this), context};
	}

private:
	explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
	/* Arguments stand in the frame, and go with it, when the exception is no longer under way.
	 * Of one that was to begin and hasn't ended the spawn was refused. */
	void destroy() noexcept
	{
		if (!frame_)
			return;
#ifdef DUET_DEBUG
		const auto &promise = frame_.promise();
		const bool left = promise.thrown || (promise.context && !frame_.done());

		detail::frames_left += left;
		frame_.destroy();
		detail::frames_left -= left;
#else
		frame_.destroy();
#endif
	}

	std::coroutine_handle<promise_type> frame_;
};

/* Has the task that is called: its frame goes with the expression that awaits it. */
template <class T> class task<T>::awaiter {
public:
	awaiter(task &&called, task_context &context) noexcept
		: called_(std::move(called)), context_(context)
	{
	}
	bool await_ready() const noexcept { return !called_; }
	detail::transferred await_suspend(std::coroutine_handle<> caller) noexcept
	{
		auto &promise = called_.frame_.promise();

		promise.context = &context_;
		promise.caller = caller;
		return detail::transfer(context_, called_.frame_);
	}
	T await_resume()
	{
		if (!called_)
			detail::raise(-ENOMEM);
		auto &promise = called_.frame_.promise();

		if (promise.thrown)
			std::rethrow_exception(promise.thrown);
		return promise.take();
	}

private:
	task called_;
	task_context &context_;
};

/*
 * What follows is cleanup, in this coroutine and those that it calls, until the shield goes:
 * requests don't come in, and nothing takes longer than budget_ns. See duet_task_shield().
 */
class [[nodiscard]] shield {
public:
	shield(task_context &context, std::uint64_t budget_ns) noexcept
		: context_(context), outer_ns_(duet_task_shield(&context, budget_ns))
	{
	}
	shield(const shield &) = delete;
	shield &operator=(const shield &) = delete;
	~shield() { duet_task_unshield(&context_, outer_ns_); }

private:
	task_context &context_;
	std::uint64_t outer_ns_;
};

} /* namespace duet */

#endif
