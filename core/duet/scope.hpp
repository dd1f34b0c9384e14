/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SCOPE_HPP
#define DUET_SCOPE_HPP

#include <duet/handle.hpp>
#include <duet/join.h>
#include <duet/loop.h>
#include <duet/scheduler.h>
#include <duet/scope.h>
#include <duet/task.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

namespace duet {

class scope;
class stop_link;

/*
 * A task at work: what a duet::task becomes when it is spawned, beside who spawned it. Its memory
 * is the caller's, anywhere, and stays where it is until the task has ended; then what became of it
 * is here. In a scope it is a member: the scope doesn't end before it, and its failure is the
 * scope's to judge. An exception that leaves it is a failure: its errno if it is a
 * std::system_error's of the system, -ENOMEM, or -EIO; the exception itself is kept. `name` and
 * `deadline_ns` may be set before spawn.
 */
template <class T = void> class job {
public:
	job() noexcept { run_.duet_task::result = -EINVAL; }
	job(const job &) = delete;
	job &operator=(const job &) = delete;
	~job()
	{
		if (state_ == RUNNING)
			detail::stop(
				"a duet::job was destroyed while its task runs: join its scope, or "
				"co_await it, before");
	}

	const char *name = nullptr; /* lent */
	std::uint64_t deadline_ns = DUET_NO_DEADLINE;

	/* Of a new job, or again of one that has ended. As duet_task_spawn(); -ENOMEM for an empty
	 * task. On an error the task stays the caller's, and what became of the job is that error. */
	int spawn(duet_scheduler &scheduler, duet_scope *scope, task<T> &&started) noexcept
	{
		int error;

		if (state_ == RUNNING)
			return -EBUSY;
		if (!started)
			return refuse(started, -ENOMEM);
		run_.begin(started.frame(), finish);
		run_.owner = this;
		run_.name = name;
		run_.deadline_ns = deadline_ns;
		run_.ended = ended_task;
		started.frame().promise().context = &run_;
		error = duet_task_spawn(&scheduler, scope, &run_);
		if (error)
			return refuse(started, error);
		task_ = std::move(started);
		state_ = RUNNING;
		return 0;
	}

	/* Requests its end, on the loop's thread. */
	void cancel() noexcept
	{
		if (state_ == RUNNING)
			duet_task_cancel(&run_);
	}

	bool ended() const noexcept { return state_ == ENDED; }
	const task_context &context() const noexcept { return run_; }
	task_context &context() noexcept { return run_; }

	/* ---- Of one that has ended; or that never began: -EINVAL, or why not. ---- */

	/* As its scope was told it. */
	int error() const noexcept { return code() < 0 ? code() : 0; }
	/* What was thrown, if anything was. */
	std::exception_ptr thrown() const noexcept
	{
		return task_ ? task_.frame().promise().thrown : nullptr;
	}
	/* What was returned, or the error. What can't be copied as bytes is moved out, once: later it
	 * is -EALREADY. */
	result<T> take()
	{
		outcome how{missing(), 0, DUET_COMPLETED, DUET_CAUSE_ITSELF};

		if (how.code < 0)
			how.disposition = DUET_FAILED;
		if (how.code == -ECANCELED || how.code == -ETIMEDOUT)
			how.cause = static_cast<duet_cause>(run_.asked);
		return thrown() || !task_ || is_gone() ? result<T>(how) : taken(how);
	}

	/*
	 * Waits for its end, in a task of the same loop: gives what it has returned, as take() does, or
	 * throws what it has thrown. Who is asked to end meanwhile, or whose deadline comes, passes that
	 * on to it, and waits. Any number may. Itself: -EDEADLK is thrown;
	 * of another loop: -EINVAL.
	 */
	class awaiter : public detail::ending_awaiter {
	public:
		awaiter(job &waited_for, task_context &context, const duet_site *at) noexcept
			: ending_awaiter(has_ended, context, at), job_(waited_for)
		{
		}
		/* As an operation, since that knows the task's deadline. */
		bool await_ready() noexcept
		{
			if (job_.state_ != RUNNING)
				return true;
			duet_op_join(&context_.op, &job_.run_);
			if (!duet_task_await(&context_, &context_.op, &refused_))
				return false;
			return ending_awaiter::await_ready();
		}
		T await_resume()
		{
			if (is_misuse())
				detail::raise(refused_);
			if (std::exception_ptr thrown = job_.thrown())
				std::rethrow_exception(thrown);
			if (!job_.task_ || job_.is_gone())
				detail::raise(job_.missing());
			return job_.task_.frame().promise().take();
		}

	private:
		job &job_;
		std::int32_t refused_ = 0;

		bool is_misuse() const noexcept
		{
			return refused_ == -EDEADLK || refused_ == -EINVAL;
		}
		/* Asked when the operation has ended, or was refused; and each time after that. */
		static bool has_ended(detail::condition *self, task_context &waiting) noexcept
		{
			auto *awaiting = static_cast<awaiter *>(self);
			job &waited_for = awaiting->job_;

			if (waited_for.state_ != RUNNING || awaiting->is_misuse())
				return true;
			waited_for.ending_.add(*awaiting);
			if (waiting.op.cause != DUET_CAUSE_ITSELF || waiting.check() < 0)
				waited_for.cancel();
			return false;
		}
	};

	awaiter duet_await(task_context &context, const duet_site *at) & noexcept
	{
		return {*this, context, at};
	}

	/* Called when it has ended, instead of whom it wakes; it may destroy the job. */
	void (*then)(job *self) = nullptr;

private:
	friend class duet::scope;
	friend class stop_link;

	struct bottom : task_context {
		job *owner;
	};

	enum { IDLE, RUNNING, ENDED };

	std::int32_t code() const noexcept { return run_.duet_task::result; }
	duet_loop *loop() const noexcept { return state_ == RUNNING ? run_.loop() : nullptr; }
	static std::int32_t finish(task_context &context) noexcept
	{
		auto &promise = static_cast<bottom &>(context).owner->task_.frame().promise();

		return promise.thrown ? error_of(promise.thrown) : promise.told();
	}
	static void ended_task(duet_task *task) noexcept
	{
		job *self = static_cast<bottom *>(task)->owner;

		self->run_.drop_token();
		self->state_ = ENDED;
		self->ending_.has_come();
		if (self->then)
			self->then(self);
	}
	int refuse(task<T> &refused, int error) noexcept
	{
		if (refused)
			refused.frame().promise().context = &run_;
		task_ = task<T>();
		run_.duet_task::result = error;
		state_ = IDLE;
		return error;
	}
	bool is_gone() const noexcept { return !task_.frame().promise().has_value(); }
	/* Why there is no value, if none is. */
	std::int32_t missing() const noexcept
	{
		return task_ && !thrown() && is_gone() ? -EALREADY : code();
	}
	result<T> taken(const outcome &how)
	{
		if constexpr (std::is_void_v<T>)
			return result<T>(how);
		else
			return result<T>(task_.frame().promise().take(), how);
	}

	bottom run_{};
	task<T> task_;
	detail::ending ending_;
	std::uint8_t state_ = IDLE;
};

/*
 * A task that was started when it was made (hot), on the heap: see scope::start(). To be awaited,
 * once, for what it returns; let go before its end it goes on, and its scope alone waits for it.
 */
template <class T = void> class [[nodiscard]] hot {
public:
	hot() noexcept = default;
	explicit hot(int error) noexcept : error_(error) {}
	explicit hot(job<T> *at_work) noexcept : job_(at_work) {}
	hot(hot &&other) noexcept : job_(std::exchange(other.job_, nullptr)), error_(other.error_)
	{
	}
	hot &operator=(hot &&other) noexcept
	{
		if (this != &other) {
			let_go();
			job_ = std::exchange(other.job_, nullptr);
			error_ = other.error_;
		}
		return *this;
	}
	~hot() { let_go(); }

	/* 0, or why it never began. */
	int error() const noexcept { return error_; }
	void cancel() noexcept
	{
		if (job_)
			job_->cancel();
	}
	typename job<T>::awaiter duet_await(task_context &context, const duet_site *at)
	{
		if (!job_)
			detail::raise(error_ ? error_ : -EINVAL);
		return job_->duet_await(context, at);
	}

private:
	void let_go() noexcept
	{
		if (!job_)
			return;
		if (job_->ended())
			delete job_;
		else
			job_->then = [](job<T> *ended) { delete ended; };
	}

	job<T> *job_ = nullptr;
	int error_ = 0;
};

/*
 * A scope whose end is awaited:
 *
 *	duet::scope scope;
 *	scope.open(co_await duet::here);
 *	scope.spawn(fetch(1));
 *	scope.spawn(fetch(2));
 *	int error = co_await scope.join();
 *
 * To wait is what a destructor can't do: one that is destroyed before its join has ended terminates
 * the program. So an exception must not pass it by; what may throw stands in the tasks, or in a try
 * block with the join behind it.
 */
class scope {
public:
	scope() noexcept { bottom_.result = -ESHUTDOWN; }
	scope(const scope &) = delete;
	scope &operator=(const scope &) = delete;
	~scope()
	{
		if (state_ == OPEN || state_ == JOINING)
			detail::stop("a duet::scope was destroyed before its end: co_await "
				     "scope.join()");
	}

	/* As duet_scope_open(). One that was refused refuses all that is to be in it, for the same
	 * reason, which is also what its join gives. */
	int open(duet_scheduler &scheduler, duet_scope *parent = nullptr,
		 const duet_scope_options *options = nullptr) noexcept
	{
		if (state_ == OPEN || state_ == JOINING)
			return -EBUSY;
		return opened(scheduler,
			      duet_scope_open(&bottom_, scheduler.loop, parent, options));
	}

	/* As duet_task_scope_open(): for what this task spawns, until its deadline at most. */
	int open(task_context &opener, duet_policy chosen = DUET_WAIT_ALL) noexcept
	{
		duet_scope_options options;

		if (state_ == OPEN || state_ == JOINING)
			return -EBUSY;
		duet_scope_options_init(&options);
		options.policy = chosen;
		options.deadline_ns = opener.bound_ns();
		return opened(*opener.scheduler,
			      duet_task_scope_open(&opener, &bottom_, &options));
	}

	/* Spawns a task whose memory is on the heap and goes with it; -ENOMEM. */
	template <class T> int spawn(task<T> &&started) noexcept
	{
		return start(std::move(started)).error();
	}
	/* The same, to be awaited by itself. */
	template <class T> hot<T> start(task<T> &&started) noexcept
	{
		auto at_work = std::unique_ptr<job<T>>(new (std::nothrow) job<T>);
		int error = at_work ? spawn(*at_work, std::move(started)) : -ENOMEM;

		return error ? hot<T>(error) : hot<T>(at_work.release());
	}
	/* In the caller's memory. */
	template <class T> int spawn(job<T> &at_work, task<T> &&started) noexcept
	{
		if (int error = refusal())
			return at_work.refuse(started, error);
		return at_work.spawn(*scheduler_, &bottom_, std::move(started));
	}

	/*
	 * To be done at the end of the scope, last registered first: the task is made now, and
	 * begins then, shielded, with what is left of the budget of the cleanup. One that finds
	 * nothing left doesn't begin; its frame is destroyed. -ENOMEM; the errors of
	 * duet_scope_defer(): the task stays the caller's then.
	 */
	int defer(task<void> &&cleanup) noexcept
	{
		auto step = std::unique_ptr<deferred>(new (std::nothrow) deferred);
		int error = step && cleanup ? refusal() : -ENOMEM;

		if (error)
			return error;
		step->run = deferred::begin;
		step->then = deferred::done;
		error = duet_scope_defer(&bottom_, step.get());
		if (error)
			return error;
		step->cleanup = std::move(cleanup);
		step.release();
		return 0;
	}

	/* Closes it then, whatever is left of the budget. On an error the handle stays the
	 * caller's. */
	int defer_close(handle &owned) noexcept
	{
		auto step = std::unique_ptr<closing>(new (std::nothrow) closing);
		int error = step ? refusal() : -ENOMEM;

		if (!error)
			error = duet_scope_defer_close(&bottom_, &step->step, owned.get());
		if (error)
			return error;
		owned.release();
		step->next = std::exchange(closings_, nullptr);
		closings_ = step.release();
		return 0;
	}

	void cancel() noexcept { duet_scope_cancel(&bottom_); }
	int check() const noexcept { return duet_scope_check(&bottom_); }
	int deadline(std::uint64_t deadline_ns) noexcept
	{
		return duet_scope_deadline(&bottom_, deadline_ns);
	}
	/* For children, and for functions of the C interface. */
	duet_scope *get() noexcept { return &bottom_; }
	duet_scheduler &scheduler() noexcept { return *scheduler_; }

	/* No more comes from outside. For who isn't a task: joined() says when it is over. */
	int begin_join() noexcept
	{
		int error;

		if (state_ != OPEN)
			return state_ == JOINING ? -EALREADY : -ESHUTDOWN;
		error = duet_scope_join(&bottom_, has_ended);
		if (!error)
			state_ = JOINING;
		return error;
	}
	bool joined() const noexcept { return state_ != OPEN && state_ != JOINING; }
	/* Of one that has joined: see duet_scope_join(). Of one that isn't open: why. */
	int error() const noexcept { return bottom_.result; }
	duet_cause cause() const noexcept { return static_cast<duet_cause>(bottom_.cause); }
	bool overran() const noexcept { return bottom_.overran; }
	duet_member *winner() const noexcept { return bottom_.winner; }

	/* Waits for its end, and gives its result. A task that is asked to end meanwhile asks the
	 * scope, and waits; its deadline is from now on the scope's. Any number may. */
	class awaiter : public detail::ending_awaiter {
	public:
		awaiter(scope &joined, task_context &context, const duet_site *at) noexcept
			: ending_awaiter(has_joined, context, at), scope_(joined)
		{
		}
		int await_resume() const noexcept { return scope_.error(); }

	private:
		scope &scope_;

		static bool has_joined(detail::condition *self, task_context &waiting) noexcept
		{
			scope &joined = static_cast<awaiter *>(self)->scope_;

			if (joined.joined())
				return true;
			joined.ending_.add(*static_cast<awaiter *>(self));
			if (waiting.check() < 0)
				joined.cancel();
			return false;
		}
	};

	struct [[nodiscard]] join_request {
		scope &joined;

		awaiter duet_await(task_context &context, const duet_site *at) const noexcept
		{
			if (context.bound_ns() != DUET_NO_DEADLINE)
				joined.deadline(context.bound_ns());
			joined.begin_join();
			return {joined, context, at};
		}
	};
	join_request join() noexcept { return {*this}; }

private:
	friend class stop_link;

	enum { CLOSED, OPEN, JOINING, ENDED };

	int opened(duet_scheduler &scheduler, int error) noexcept
	{
		state_ = error ? CLOSED : OPEN;
		if (error)
			bottom_.result = error;
		else
			scheduler_ = &scheduler;
		return error;
	}
	/* Why nothing can be in it, or 0: it is duet_scope_enter()'s to say. */
	int refusal() const noexcept
	{
		return state_ == CLOSED ? error() : state_ == ENDED ? -ESHUTDOWN : 0;
	}
	duet_loop *loop() const noexcept { return joined() ? nullptr : scheduler_->loop; }

	struct own_scope : duet_scope {
		scope *owner;
	};

	struct deferred : duet_cleanup, job<void> {
		task<void> cleanup;

		static void begin(duet_scope *ending, duet_cleanup *step) noexcept
		{
			auto *self = static_cast<deferred *>(step);

			scope *owner = static_cast<own_scope *>(ending)->owner;

			if (owner->spawn(*self, std::move(self->cleanup)))
				delete self;
		}
		static void done(job<void> *ended) noexcept
		{
			delete static_cast<deferred *>(ended);
		}
	};

	struct closing {
		duet_closing step;
		closing *next;
	};

	static void has_ended(duet_scope *ended) noexcept
	{
		scope *self = static_cast<own_scope *>(ended)->owner;

		self->state_ = ENDED;
		while (closing *step = self->closings_) {
			self->closings_ = step->next;
			delete step;
		}
		self->ending_.has_come();
	}

	own_scope bottom_{{}, this};
	duet_scheduler *scheduler_ = nullptr;
	detail::ending ending_;
	closing *closings_ = nullptr;
	std::uint8_t state_ = CLOSED;
};

/*
 * As long as it lives, a stop of the token asks a scope or a job to end: at once on the loop's
 * thread, by a message from others. Of a scope that isn't open, or a job that isn't at work,
 * nobody is asked. Made and destroyed on the loop's thread, not after what it names. The loop has
 * to outlive the stop_source's last request, as any sender's: see duet_loop_post().
 */
class [[nodiscard]] stop_link {
public:
	stop_link(const std::stop_token &token, scope &asked)
		: stop_link(token, new link{asked.loop(), asked.get(), nullptr})
	{
	}
	template <class T>
	stop_link(const std::stop_token &token, job<T> &asked)
		: stop_link(token, new link{asked.loop(), nullptr, &asked.context()})
	{
	}
	stop_link(const stop_link &) = delete;
	stop_link &operator=(const stop_link &) = delete;
	~stop_link()
	{
		/* Waits for a request that another thread is just making. */
		callback_.reset();
		link_->scope_ = nullptr;
		link_->task_ = nullptr;
		link_->let_go();
	}

private:
	/* The message on its way may come after the link has gone: it belongs to both. */
	struct link : duet_message {
		duet_loop *loop_;
		duet_scope *scope_;
		duet_task *task_;
		std::thread::id owner_ = std::this_thread::get_id();
		std::atomic<unsigned> holders_ = 1;

		link(duet_loop *loop, duet_scope *scope, duet_task *task) noexcept
			: duet_message{arrived, nullptr}, loop_(loop), scope_(scope), task_(task)
		{
		}
		void ask() noexcept
		{
			if (scope_)
				duet_scope_cancel(scope_);
			if (task_)
				duet_task_cancel(task_);
		}
		void let_go() noexcept
		{
			if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1)
				delete this;
		}
		void request() noexcept
		{
			if (!loop_)
				return;
			if (std::this_thread::get_id() == owner_) {
				ask();
				return;
			}
			holders_.fetch_add(1, std::memory_order_relaxed);
			duet_loop_post(loop_, this);
		}
		static void arrived(duet_message *message) noexcept
		{
			auto *self = static_cast<link *>(message);

			self->ask();
			self->let_go();
		}
	};

	struct call {
		link *link_;

		void operator()() const noexcept { link_->request(); }
	};

	stop_link(const std::stop_token &token, link *made)
		: link_(made), callback_(std::in_place, token, call{made})
	{
	}

	link *link_;
	std::optional<std::stop_callback<call>> callback_;
};

} /* namespace duet */

#endif
