/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/combinator.h>
#include <errno.h>
#include <stdbool.h>

#include "core/scope.h"

/*
 * Again until it works: a scope for the whole, in which one scope for each attempt and the pauses come
 * one after the other. Beside them `body` is a member from the beginning to the end, and says what
 * the whole has come to.
 */

static const uint64_t backoff_default_ns = 10000000;
static const uint64_t backoff_max_default_ns = 1000000000;

/* What is asked is the attempt, or the pause: both are members by themselves. */
static void nothing_to_ask(struct duet_member *member, enum duet_cause cause)
{
	(void)member;
	(void)cause;
}

static void joined(struct duet_scope *scope)
{
	struct duet_retry *retry = CORE_CONTAINER(struct duet_retry, scope, scope);

	if (retry->ended)
		retry->ended(retry);
}

static void finish(struct duet_retry *retry, int result)
{
	retry->result = result;
	core_scope_forgive(&retry->scope);
	duet_member_leave(&retry->body, result);
	(void)!duet_scope_join(&retry->scope, joined);
}

static void pause_for(struct duet_retry *retry, uint64_t backoff_ns)
{
	int error;

	duet_op_timeout(&retry->pause, duet_loop_now_ns(retry->scope.loop) + backoff_ns);
	error = duet_scope_start(&retry->scope, &retry->pausing, &retry->pause);
	if (error)
		finish(retry, error);
}

static bool is_last(struct duet_retry *retry)
{
	const struct duet_retry_options *options = &retry->options;

	return !retry->result ||
	       (options->attempts_max && retry->attempts >= options->attempts_max) ||
	       (options->again && !options->again(retry, retry->result));
}

static void decide(struct duet_message *message)
{
	struct duet_retry *retry = CORE_CONTAINER(struct duet_retry, message, message);
	uint64_t backoff_ns = retry->backoff_ns, max_ns = retry->options.backoff_max_ns;
	int asked = duet_scope_check(&retry->scope);

	if (retry->result && asked) {
		finish(retry, asked);
		return;
	}
	if (is_last(retry)) {
		finish(retry, retry->result);
		return;
	}
	retry->backoff_ns = backoff_ns < max_ns / 2 ? backoff_ns * 2 : max_ns;
	pause_for(retry, backoff_ns);
}

/* The whole hears of this end only after this call: what follows from it is for later. */
static void attempt_joined(struct duet_scope *scope)
{
	struct duet_retry *retry = CORE_CONTAINER(struct duet_retry, trying, scope);

	retry->result = scope->result ? scope->result : retry->refused;
	retry->message.fn = decide;
	duet_loop_defer(retry->scope.loop, &retry->message);
}

static int open_attempt(struct duet_retry *retry)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.context = retry->scope.context;
	if (retry->options.attempt_ns)
		options.deadline_ns =
			duet_loop_now_ns(retry->scope.loop) + retry->options.attempt_ns;
	return duet_scope_open(&retry->trying, retry->scope.loop, &retry->scope, &options);
}

static void begin(struct duet_retry *retry)
{
	int error = open_attempt(retry);

	if (error) {
		finish(retry, error);
		return;
	}
	retry->attempts++;
	error = retry->attempt(retry, &retry->trying);
	retry->refused = error < 0 ? error : 0;
	if (retry->refused) {
		if (!duet_scope_enter(&retry->trying, &retry->refusal, nothing_to_ask))
			duet_member_leave(&retry->refusal, error);
		duet_scope_cancel(&retry->trying);
	}
	/* The attempt may have joined it against the rule: its end is the retry's to hear of, all the same. */
	if (duet_scope_join(&retry->trying, attempt_joined))
		retry->trying.joined = attempt_joined;
}

static void begin_first(struct duet_message *message)
{
	begin(CORE_CONTAINER(struct duet_retry, message, message));
}

static void paused(struct duet_op *op)
{
	struct duet_retry *retry = op->context;

	if (op->result)
		finish(retry, op->result);
	else
		begin(retry);
}

void duet_retry_options_init(struct duet_retry_options *options)
{
	*options = (struct duet_retry_options){.size = sizeof(*options),
					       .deadline_ns = DUET_NO_DEADLINE,
					       .backoff_ns = backoff_default_ns,
					       .backoff_max_ns = backoff_max_default_ns};
}

static bool in_range(const struct duet_retry_options *options)
{
	return options->size == sizeof(*options) && options->backoff_ns <= options->backoff_max_ns &&
	       options->backoff_max_ns <= INT64_MAX && options->attempt_ns <= INT64_MAX &&
	       (options->attempts_max || options->deadline_ns != DUET_NO_DEADLINE);
}

int duet_retry_start(struct duet_retry *retry, struct duet_loop *loop, struct duet_scope *parent,
	       const struct duet_retry_options *options, duet_attempt_fn *attempt,
	       duet_retry_fn *ended)
{
	struct duet_scope_options own;
	int error;

	if (!in_range(options))
		return -EINVAL;
	*retry = (struct duet_retry){.options = *options,
				     .attempt = attempt,
				     .ended = ended,
				     .backoff_ns = options->backoff_ns,
				     .message.fn = begin_first};
	duet_op_init(&retry->pause, paused, retry);
	duet_scope_options_init(&own);
	own.deadline_ns = options->deadline_ns;
	own.context = options->context;
	error = duet_scope_open(&retry->scope, loop, parent, &own);
	if (error)
		return error;
	duet_loop_defer(loop, &retry->message);
	return duet_scope_enter(&retry->scope, &retry->body, nothing_to_ask);
}
