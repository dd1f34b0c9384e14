/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_RESULT_HPP
#define DUET_RESULT_HPP

#include <duet/operation.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

/*
 * What became of an operation or a task, in C++20: a value or an error, with its disposition and
 * its cause. In the spirit of std::expected (C++23); no exceptions are needed, and who prefers them
 * asks for value().
 */
namespace duet {

namespace detail {

/* Misuse that leaves nothing to go on with. */
[[noreturn]] inline void stop(const char *what) noexcept
{
	std::fprintf(stderr, "duet: %s\n", what);
	std::terminate();
}

/* error: a negative errno. */
[[noreturn]] inline void raise(int error)
{
#ifdef __cpp_exceptions
	throw std::system_error(-error, std::generic_category());
#else
	std::fprintf(stderr, "duet: %s, and exceptions are switched off\n", duet_error_name(error));
	std::terminate();
#endif
}

#ifdef DUET_DEBUG
/* Frames under destruction on this thread which an exception has left, or which were refused. */
inline thread_local int frames_left = 0;
#endif

/* Whether an owner that is destroyed now was forgotten: compared with what this was when it came to
 * own. */
inline int unwinding() noexcept
{
#ifdef DUET_DEBUG
	return std::uncaught_exceptions() + frames_left;
#else
	return 0;
#endif
}

} /* namespace detail */

/* How it ended: the same words as in struct duet_op. */
struct outcome {
	std::int32_t code = 0;          /* 0 and more, or a negative errno */
	std::uint32_t transferred = 0;  /* bytes moved, whatever the code: a request loses none */
	duet_disposition disposition = DUET_COMPLETED;
	duet_cause cause = DUET_CAUSE_ITSELF;
};

/* A negative errno for what was thrown: a std::system_error's own, -ENOMEM, else -EIO. */
inline std::int32_t error_of(const std::exception_ptr &thrown) noexcept
{
#ifdef __cpp_exceptions
	try {
		std::rethrow_exception(thrown);
	} catch (const std::system_error &error) {
		const std::error_category &category = error.code().category();

		if (error.code().value() > 0 && (category == std::generic_category() ||
						 category == std::system_category()))
			return -error.code().value();
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	} catch (...) {
	}
#else
	(void)thrown;
#endif
	return -EIO;
}

/* The part that has nothing to do with the value. */
class result_base {
public:
	explicit result_base(const outcome &how) noexcept : how_(how) {}

	/* 0, or a negative errno. */
	int error() const noexcept { return how_.code < 0 ? how_.code : 0; }
	std::error_code code() const noexcept { return {-error(), std::generic_category()}; }
	duet_disposition disposition() const noexcept { return how_.disposition; }
	duet_cause cause() const noexcept { return how_.cause; }
	std::uint32_t transferred() const noexcept { return how_.transferred; }
	const outcome &how() const noexcept { return how_; }

protected:
	outcome how_;
};

template <class T> class [[nodiscard]] result : public result_base {
public:
	using value_type = T;

	result(T value, const outcome &how) : result_base(how), value_(std::move(value)) {}
	/* Without a value: how.code is the error. */
	explicit result(const outcome &how) noexcept : result_base(how) {}

	bool has_value() const noexcept { return value_.has_value(); }
	explicit operator bool() const noexcept { return has_value(); }

	/* Throws std::system_error if there is none. */
	T &value() & { return checked(), *value_; }
	const T &value() const & { return checked(), *value_; }
	T &&value() && { return checked(), *std::move(value_); }

	/* Only with a value. */
	T &operator*() & noexcept { return *value_; }
	const T &operator*() const & noexcept { return *value_; }
	T &&operator*() && noexcept { return *std::move(value_); }
	T *operator->() noexcept { return &*value_; }
	const T *operator->() const noexcept { return &*value_; }

	template <class U> T value_or(U &&other) const &
	{
		return value_.value_or(std::forward<U>(other));
	}
	template <class U> T value_or(U &&other) &&
	{
		return std::move(value_).value_or(std::forward<U>(other));
	}

private:
	void checked() const
	{
		if (!value_)
			detail::raise(error());
	}

	std::optional<T> value_;
};

template <> class [[nodiscard]] result<void> : public result_base {
public:
	using value_type = void;

	explicit result(const outcome &how) noexcept : result_base(how) {}

	bool has_value() const noexcept { return how_.code >= 0; }
	explicit operator bool() const noexcept { return has_value(); }
	void value() const
	{
		if (!has_value())
			detail::raise(error());
	}
};

namespace detail {

template <class T> struct is_result : std::false_type {};
template <class T> struct is_result<result<T>> : std::true_type {};

/* What a task that has returned this tells its scope, as struct duet_task's result. */
template <class T> std::int32_t told_of(const T &value) noexcept
{
	if constexpr (is_result<T>::value)
		return value.error();
	else if constexpr (std::is_same_v<T, int>)
		return value;
	else
		return 0;
}

} /* namespace detail */

} /* namespace duet */

#endif
