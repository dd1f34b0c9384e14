/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/support/harness.h"

/* Names to addresses. The resolver is this file's: it needs no network, and is as slow as a case wants. */

static sem_t begun, may_end;
static atomic_bool slow;
static atomic_uint calls, lists; /* lists: those that were made and not freed */
static _Atomic(pthread_t) caller;
static char asked_node[64], asked_service[64];
static int asked_family;

static const struct {
	const char *name;
	int code, error;
} refusals[] = { { "noname", EAI_NONAME, 0 }, { "service", EAI_SERVICE, 0 },
	{ "again", EAI_AGAIN, 0 }, { "fail", EAI_FAIL, 0 }, { "family", EAI_FAMILY, 0 },
	{ "socktype", EAI_SOCKTYPE, 0 }, { "flags", EAI_BADFLAGS, 0 },
	{ "memory", EAI_MEMORY, 0 }, { "system", EAI_SYSTEM, ECONNREFUSED },
	{ "canceled", EAI_SYSTEM, ECANCELED }, { "nothing", EAI_SYSTEM, 0 },
	{ "nodata", EAI_NODATA, 0 }, { "overflow", EAI_OVERFLOW, 0 } };

static struct addrinfo *address_of(uint32_t address, struct addrinfo *next)
{
	struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));
	struct sockaddr_in *there = (void *)(info + 1);

	there->sin_family = AF_INET;
	there->sin_addr.s_addr = htonl(address);
	there->sin_port = htons(80);
	*info = (struct addrinfo){ .ai_family = AF_INET, .ai_addrlen = sizeof(*there),
				   .ai_addr = (struct sockaddr *)there, .ai_next = next };
	return info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	atomic_fetch_add(&calls, 1);
	caller = pthread_self();
	snprintf(asked_node, sizeof(asked_node), "%s", node ? node : "(none)");
	snprintf(asked_service, sizeof(asked_service), "%s", service ? service : "(none)");
	asked_family = hints->ai_family;
	if (slow) {
		sem_post(&begun);
		sem_wait(&may_end);
	}
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (!node || strcmp(node, refusals[i].name))
			continue;
		errno = refusals[i].error;
		return refusals[i].code;
	}
	atomic_fetch_add(&lists, 1);
	*list = address_of(INADDR_LOOPBACK, address_of(INADDR_LOOPBACK + 1, NULL));
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	atomic_fetch_sub(&lists, 1);
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

static void open_with(uint32_t work_threads)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.work_threads = work_threads;
	stage_reopen(&options, NULL);
	sem_init(&begun, 0, 0);
	sem_init(&may_end, 0, 0);
	slow = false;
	calls = lists = 0;
}

static void start(struct trial *trial, const char *node)
{
	trial_init(trial);
	duet_op_resolve(&trial->op, node, "http", NULL);
	trial_start(trial);
}

/* Nothing was forgotten by the time that the loop is empty. */
static void expect_all_freed(void)
{
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(3);
	ck_assert_uint_eq(lists, 0);
}

START_TEST(addresses_come_in_a_turn_and_are_the_caller_s)
{
	struct trial trial;
	struct addrinfo *found;

	open_with(1);
	start(&trial, "here");
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_ptr_null(duet_op_addresses(&trial.op));
	await(&trial);
	expect(&trial, 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_int_eq(duet_op_resolve_code(&trial.op), 0);
	found = duet_op_addresses(&trial.op);
	ck_assert_uint_eq(((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr,
		htonl(INADDR_LOOPBACK));
	ck_assert_ptr_nonnull(found->ai_next);
	duet_addrinfo_free(found);
	duet_addrinfo_free(NULL);
	ck_assert_int_eq(!pthread_equal(caller, pthread_self()), stage.arm->kernel);
	expect_all_freed();
}
END_TEST

START_TEST(what_is_asked_is_copied)
{
	char node[] = "here", service[] = "http";
	struct addrinfo hints = { .ai_family = AF_INET };
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_resolve(&trial.op, node, service, &hints);
	trial_start(&trial);
	memset(node, 'x', sizeof(node));
	memset(service, 'x', sizeof(service));
	memset(&hints, 0xff, sizeof(hints));
	await(&trial);
	expect(&trial, 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	if (stage.arm->kernel)
		ck_assert_str_ne(asked_node, "");
	duet_addrinfo_free(duet_op_addresses(&trial.op));
	slow = !stage.arm->kernel ? false : true;
	/* In line behind one that is slow, it is still what was asked in the start. */
	if (slow)
		start(&trial, "here");
	if (slow) {
		struct trial behind;

		sem_wait(&begun);
		slow = false;
		strcpy(node, "abcd");
		strcpy(service, "efgh");
		hints = (struct addrinfo){ .ai_family = AF_INET6 };
		trial_init(&behind);
		duet_op_resolve(&behind.op, node, service, &hints);
		trial_start(&behind);
		memset(node, 'x', sizeof(node) - 1);
		memset(service, 'x', sizeof(service) - 1);
		hints.ai_family = 0;
		sem_post(&may_end);
		await(&behind);
		ck_assert_str_eq(asked_node, "abcd");
		ck_assert_str_eq(asked_service, "efgh");
		ck_assert_int_eq(asked_family, AF_INET6);
		duet_addrinfo_free(duet_op_addresses(&trial.op));
		duet_addrinfo_free(duet_op_addresses(&behind.op));
	}
	expect_all_freed();
}
END_TEST

START_TEST(each_refusal_has_its_error_and_its_code)
{
	static const int errors[] = { -ENOENT, -ENOENT, -EAGAIN, -EIO, -EAFNOSUPPORT,
		-ESOCKTNOSUPPORT, -EINVAL, -ENOMEM, -ECONNREFUSED, -ECANCELED, -EIO,
		-EADDRNOTAVAIL, -EOVERFLOW };
	struct trial trial;

	open_with(1);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		start(&trial, refusals[i].name);
		await(&trial);
		expect(&trial, errors[i], DUET_FAILED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(duet_op_resolve_code(&trial.op), refusals[i].code);
		ck_assert_ptr_null(duet_op_addresses(&trial.op));
	}
	expect_all_freed();
}
END_TEST

START_TEST(a_cancel_before_its_turn_ends_it_untouched)
{
	struct trial trial;

	open_with(1);
	start(&trial, "here");
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_ptr_null(duet_op_addresses(&trial.op));
	ck_assert_int_eq(duet_op_resolve_code(&trial.op), 0);
	expect_all_freed();
}
END_TEST

START_TEST(a_late_cancel_does_nothing)
{
	struct trial trial;

	open_with(1);
	start(&trial, "here");
	await(&trial);
	trial_cancel(&trial);
	stage_settle(3);
	expect(&trial, 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_addrinfo_free(duet_op_addresses(&trial.op));
	expect_all_freed();
}
END_TEST

START_TEST(it_never_ends_in_its_start)
{
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_resolve(&trial.op, "here", NULL, NULL);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 0);
	await(&trial);
	expect(&trial, 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_addrinfo_free(duet_op_addresses(&trial.op));
	expect_all_freed();
}
END_TEST

START_TEST(without_threads_for_it_it_is_absent)
{
	struct trial trial;

	open_with(0);
	ck_assert_int_eq(duet_loop_capability(stage.loop, DUET_RESOLVE), DUET_ABSENT);
	trial_init(&trial);
	duet_op_resolve(&trial.op, "here", NULL, NULL);
	ck_assert_int_eq(trial_try(&trial), -EOPNOTSUPP);
	open_with(1);
	ck_assert_int_eq(duet_loop_capability(stage.loop, DUET_RESOLVE), DUET_EMULATED);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	struct addrinfo hints = { .ai_next = &hints };
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_resolve(&trial.op, NULL, NULL, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_resolve(&trial.op, "here", NULL, &hints);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_resolve(&trial.op, NULL, "http", NULL);
	ck_assert_int_eq(trial_run(&trial), 2);
	ck_assert_str_eq(asked_node, "(none)");
	duet_addrinfo_free(duet_op_addresses(&trial.op));
	expect_all_freed();
}
END_TEST

START_TEST(it_needs_two_places)
{
	struct duet_loop_options options;
	struct trial trial;

	open_with(1);
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.work_threads = 1;
	options.operations_max = 1;
	stage_reopen(&options, NULL);
	trial_init(&trial);
	duet_op_resolve(&trial.op, "here", NULL, NULL);
	ck_assert_int_eq(trial_try(&trial), -ENOBUFS);
	options.operations_max = 2;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(trial_run(&trial), 2);
	duet_addrinfo_free(duet_op_addresses(&trial.op));
	expect_all_freed();
}
END_TEST

START_TEST(without_anybody_to_tell_the_list_is_freed)
{
	struct duet_op op;

	open_with(1);
	duet_op_init(&op, NULL, NULL);
	duet_op_resolve(&op, "here", NULL, NULL);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	turn_until(!duet_op_pending(&op));
	ck_assert_ptr_null(duet_op_addresses(&op));
	expect_all_freed();
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(an_abandoned_one_leaves_nothing)
{
	struct duet_loop_options options;
	struct duet_op *op;

	for (unsigned turns = 0; turns < 4; turns++) {
		open_with(1);
		duet_loop_options_init(&options);
		options.work_threads = 1;
		options.owned_max = 1;
		stage_reopen(&options, NULL);
		ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
		duet_op_resolve(op, "here", NULL, NULL);
		ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
		if (turns > 1)
			clock_pass(clock_ns() + 1000000);
		ck_assert_int_eq(duet_op_abandon(op), 0);
		expect_all_freed();
	}
}
END_TEST

START_TEST(a_scope_cancels_it)
{
	struct trial trial;
	struct duet_scope scope;
	struct duet_member member;

	open_with(1);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	trial_init(&trial);
	duet_op_resolve(&trial.op, "here", NULL, NULL);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	duet_scope_cancel(&scope);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(duet_scope_join(&scope, NULL), 0);
	expect_all_freed();
}
END_TEST

/* ---- While the call runs: where there are threads. ---- */

static void begin_slowly(struct trial *trial)
{
	open_with(1);
	slow = true;
	start(trial, "here");
	sem_wait(&begun);
}

/* The one who asked has its answer at once; what comes later is nobody's. */
static void end_slowly(void)
{
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 1);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	sem_post(&may_end);
	expect_all_freed();
	ck_assert_uint_eq(calls, 1);
}

START_TEST(a_cancel_ends_it_at_once_while_the_call_runs)
{
	struct trial trial;

	begin_slowly(&trial);
	trial_cancel(&trial);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	end_slowly();
}
END_TEST

START_TEST(its_memory_is_the_caller_s_again_while_the_call_runs)
{
	struct trial *trial = malloc(sizeof(*trial));

	begin_slowly(trial);
	trial_cancel(trial);
	await(trial);
	memset(trial, 0xee, sizeof(*trial));
	free(trial);
	end_slowly();
}
END_TEST

START_TEST(a_deadline_ends_it_while_the_call_runs)
{
	struct trial trial;

	open_with(1);
	slow = true;
	trial_init(&trial);
	duet_op_resolve(&trial.op, "here", NULL, NULL);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 3000000);
	trial_start(&trial);
	await(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	if (duet_loop_pending(stage.loop)) {
		sem_post(&may_end);
		expect_all_freed();
	}
}
END_TEST

START_TEST(a_result_that_is_there_but_was_not_told_is_freed_with_a_cancel)
{
	struct trial trial;

	begin_slowly(&trial);
	sem_post(&may_end);
	while (!lists)
		clock_pass(clock_ns() + 100000);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect_all_freed();
}
END_TEST

START_TEST(a_shutdown_waits_for_the_call)
{
	struct trial trial;

	begin_slowly(&trial);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop)), -EBUSY);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	end_slowly();
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
}
END_TEST

START_TEST(in_line_behind_another_it_is_taken_out)
{
	struct trial first, second;

	begin_slowly(&first);
	start(&second, "there");
	stage_settle(2);
	trial_cancel(&second);
	await(&second);
	expect(&second, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	sem_post(&may_end);
	await(&first);
	expect(&first, 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(calls, 1);
	duet_addrinfo_free(duet_op_addresses(&first.op));
	expect_all_freed();
}
END_TEST

START_TEST(an_inherited_deadline_in_line_is_its_own)
{
	struct trial first, second;
	struct duet_scope scope;
	struct duet_scope_options options;
	struct duet_member member;

	begin_slowly(&first);
	duet_scope_options_init(&options);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 2000000;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	trial_init(&second);
	duet_op_resolve(&second.op, "there", NULL, NULL);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &second.op), 0);
	await(&second);
	ck_assert_int_eq(second.op.disposition, DUET_UNTOUCHED);
	ck_assert_int_eq(second.op.result, -ETIMEDOUT);
	sem_post(&may_end);
	await(&first);
	duet_addrinfo_free(duet_op_addresses(&first.op));
	ck_assert_int_eq(duet_scope_join(&scope, NULL), 0);
	expect_all_freed();
}
END_TEST

int main(void)
{
	return contract_run("resolve",
		CASES(addresses_come_in_a_turn_and_are_the_caller_s, what_is_asked_is_copied,
			each_refusal_has_its_error_and_its_code,
			a_cancel_before_its_turn_ends_it_untouched, a_late_cancel_does_nothing,
			it_never_ends_in_its_start, without_threads_for_it_it_is_absent,
			bad_arguments_are_refused, it_needs_two_places,
			without_anybody_to_tell_the_list_is_freed, an_abandoned_one_leaves_nothing,
			a_scope_cancels_it),
		CASES(a_cancel_ends_it_at_once_while_the_call_runs,
			its_memory_is_the_caller_s_again_while_the_call_runs,
			a_deadline_ends_it_while_the_call_runs,
			a_result_that_is_there_but_was_not_told_is_freed_with_a_cancel,
			a_shutdown_waits_for_the_call, in_line_behind_another_it_is_taken_out,
			an_inherited_deadline_in_line_is_its_own));
}
