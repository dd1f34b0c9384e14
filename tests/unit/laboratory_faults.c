/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Workloads that do what must not be done: each is named, and the sweep goes on. */

struct faulty {
	struct duet_op op;
	struct duet_member member;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	int peer;
	void *lost;
	unsigned steps;
	unsigned char data[64];
};

static unsigned run_number; /* of this process */

static int set_up(struct duet_lab *lab, void *state)
{
	struct faulty *faulty = state;

	faulty->lab = lab;
	faulty->peer = duet_lab_pair(lab, &faulty->handle);
	if (faulty->peer < 0)
		return faulty->peer;
	duet_lab_peer_sends(lab, faulty->peer, 8);
	run_number++;
	return 0;
}

static void receive(struct faulty *faulty, duet_done_fn *done)
{
	duet_op_init(&faulty->op, done, faulty);
	duet_op_recv(&faulty->op, faulty->handle, faulty->data, sizeof(faulty->data), 0);
	duet_scope_start(faulty->scope, &faulty->member, &faulty->op);
}

static void heard(struct duet_op *op)
{
	struct faulty *faulty = op->context;

	duet_lab_received(faulty->lab, faulty->peer, faulty->data, op->transferred);
	if (op->transferred)
		duet_lab_finish(faulty->lab);
	else if (faulty->scope)
		receive(faulty, heard);
}

static void behave(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct faulty *faulty = state;

	(void)lab;
	faulty->scope = scope;
	receive(faulty, heard);
}

/* ---- What may go wrong. ---- */

static void crash_if_cancelled(struct duet_op *op)
{
	if (op->result < 0)
		abort(); /* a signal that the sanitizers leave alone */
	heard(op);
}

static void crash(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, crash_if_cancelled);
}

static void die_if_cancelled(struct duet_op *op)
{
	if (op->result < 0)
		raise(SIGKILL);
	heard(op);
}

static void die(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, die_if_cancelled);
}

static void exit_if_cancelled(struct duet_op *op)
{
	if (op->result < 0)
		_exit(9);
	heard(op);
}

static void leave(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, exit_if_cancelled);
}

static void spin_if_cancelled(struct duet_op *op)
{
	volatile bool for_ever = op->result < 0;

	while (for_ever)
		usleep(1000);
	heard(op);
}

static void spin(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, spin_if_cancelled);
}

static void leak_if_cancelled(struct duet_op *op)
{
	if (op->result < 0)
		(void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
	heard(op);
}

static void leak(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, leak_if_cancelled);
}

static void lose_if_cancelled(struct duet_op *op)
{
	if (op->result < 0)
		((struct faulty *)op->context)->lost = malloc(1000);
	heard(op);
}

static void lose(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	((struct faulty *)state)->scope = scope;
	receive(state, lose_if_cancelled);
}

/* A piece of each size that malloc() keeps aside: calloc() takes none of those that were freed. */
static void take_and_free(void)
{
	for (size_t bytes = 24; bytes <= 1032; bytes += 16) {
		void *volatile piece = calloc(1, bytes);

		free(piece);
	}
}

static void borrow(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	take_and_free();
	behave(lab, scope, state);
}

static void borrow_and_lose(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	take_and_free();
	lose(lab, scope, state);
}

/* Outside of the scope: it outlives it. */
static void stray(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct faulty *faulty = state;

	(void)scope;
	duet_op_init(&faulty->op, heard, faulty);
	duet_op_recv(&faulty->op, faulty->handle, faulty->data, sizeof(faulty->data), 0);
	duet_op_start(duet_lab_loop(lab), &faulty->op);
	duet_lab_finish(lab);
}

static void keep_what_came(struct duet_op *op)
{
	duet_lab_finish(((struct faulty *)op->context)->lab);
}

static void keep(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct faulty *faulty = state;
	struct duet_pool *pool;

	(void)lab;
	faulty->scope = scope;
	duet_pool_create(duet_lab_loop(lab), 1, 64, &pool);
	duet_op_init(&faulty->op, keep_what_came, faulty);
	duet_op_recv_pooled(&faulty->op, faulty->handle, pool, 0);
	duet_scope_start(scope, &faulty->member, &faulty->op);
}

static int set_up_moody(struct duet_lab *lab, void *state)
{
	int error = set_up(lab, state);

	if (run_number == 2)
		duet_lab_peer_sends(lab, 0, 0);
	return error;
}

/* Every second run of this process has one operation less. */
static void be_moody(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	if (run_number == 2)
		duet_lab_finish(lab);
	else
		behave(lab, scope, state);
}

/* Every third start of this process is another one. */
static void be_moody_later(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	static unsigned starts;
	struct faulty *faulty = state;

	(void)lab;
	faulty->scope = scope;
	if (++starts % 3) {
		receive(faulty, heard);
		return;
	}
	duet_op_init(&faulty->op, heard, faulty);
	duet_op_nop(&faulty->op);
	duet_scope_start(scope, &faulty->member, &faulty->op);
}

static int script_a_stranger(struct duet_lab *lab, void *state)
{
	int error = set_up(lab, state);

	duet_lab_peer_sends(lab, -ENOSPC, 1);
	duet_lab_peer_closes(lab, DUET_LAB_PEERS_MAX - 1);
	return error;
}

static void rested(struct duet_op *op)
{
	if (op->result == 0)
		receive(op->context, heard);
}

/* It says that it has less memory than it writes to. */
static void write_behind(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	((volatile unsigned char *)state)[sizeof(struct faulty) + _Alignof(max_align_t)] = 1;
	behave(lab, scope, state);
}

/* Nothing else happens meanwhile. */
static void rest(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct faulty *faulty = state;

	if (faulty->steps++) {
		behave(lab, scope, state);
		return;
	}
	faulty->scope = scope;
	duet_op_init(&faulty->op, rested, faulty);
	duet_op_timeout(&faulty->op, duet_loop_now_ns(duet_lab_loop(lab)) + 50000000);
	duet_scope_start(scope, &faulty->member, &faulty->op);
}

/* In the child the whole sweep would be made again. */
static void fork_and_go_on(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)!fork();
	behave(lab, scope, state);
}

static const char *complain(struct duet_lab *lab, void *state)
{
	(void)lab;
	(void)state;
	return "the books don't balance";
}

static void never_finish(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	(void)lab;
	(void)scope;
	(void)state;
}

static int refuse(struct duet_lab *lab, void *state)
{
	(void)lab;
	(void)state;
	return -ENOMEM;
}

/* ---- And how it is named. ---- */

/* Little patience only with the one that needs it: on a busy machine any run may take as long. */
static struct duet_lab_sweep sweep(const struct duet_lab_workload *workload)
{
	struct duet_lab_sweep made = {.workload = workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning,
				      .patience_ms = workload->body == spin ? 100 : 0};

	run_number = 0;
	stage_judge(); /* no thread of the stage's loop while children are forked */
	ck_assert_int_eq(duet_lab_run(&made), 0);
	return made;
}

static unsigned seen(const struct duet_lab_sweep *made, enum duet_lab_invariant invariant)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < made->outcome_count; i++)
		count += made->outcomes[i].verdict == DUET_LAB_VIOLATION &&
			 made->outcomes[i].invariant == (uint8_t)invariant;
	return count;
}

/* Nothing else is named but this; what may be cancelled without it, is still judged. */
static void expect_only(const struct duet_lab_workload *workload, enum duet_lab_invariant invariant,
			const char *text)
{
	struct duet_lab_sweep made = sweep(workload);
	unsigned count = seen(&made, invariant);
	bool said = false;

	for (uint32_t i = 0; i < made.outcome_count; i++)
		said = said || strstr(made.outcomes[i].text, text);
	ck_assert_msg(count > 0 && count == made.violations && said,
		      "%s: %u violations, %u of them %s: %s", workload->name, made.violations,
		      count, duet_lab_invariant_name(invariant), made.outcomes[0].text);
	free(made.outcomes);
}

START_TEST(one_that_behaves_is_clean)
{
	const struct duet_lab_workload workload = {
		.name = "good", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = behave,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_eq(made.violations, 0);
	ck_assert_uint_eq(made.points, 1);
	ck_assert_uint_eq(made.runs, 2 + DUET_LAB_PHASE_COUNT * DUET_LAB_KIND_COUNT);
	free(made.outcomes);
}
END_TEST

START_TEST(a_crash_is_named_and_the_sweep_goes_on)
{
	const struct duet_lab_workload workload = {
		.name = "crash", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = crash,
	};

	expect_only(&workload, DUET_LAB_CRASH, "signal 6");
}
END_TEST

/* As by who has no memory left: it was not the laboratory that lost its patience. */
START_TEST(one_that_is_killed_did_not_hang)
{
	const struct duet_lab_workload workload = {
		.name = "die", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = die,
	};

	expect_only(&workload, DUET_LAB_CRASH, "signal 9 (Killed)");
}
END_TEST

START_TEST(one_that_ends_the_process_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "exit", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = leave,
	};

	expect_only(&workload, DUET_LAB_CRASH, "status 9");
}
END_TEST

START_TEST(one_that_does_not_come_back_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "spin", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = spin,
	};

	expect_only(&workload, DUET_LAB_HANG, "without coming back");
}
END_TEST

START_TEST(a_lost_descriptor_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "leak", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = leak,
	};

	expect_only(&workload, DUET_LAB_DESCRIPTORS, "1 descriptors more");
}
END_TEST

/* A sanitizer has a malloc() of its own, and names what is lost by itself. */
static bool is_counted(void)
{
	size_t before = mallinfo2().uordblks;
	void *volatile memory = malloc(100000); /* or else the compiler leaves it out */
	bool counted = mallinfo2().uordblks > before;

	free(memory);
	return counted;
}

/* Of those that were lost first malloc() may have had as many aside. */
START_TEST(lost_memory_is_named_wherever_it_is_lost)
{
	const struct duet_lab_workload workload = {
		.name = "lose", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = lose,
	};
	struct duet_lab_sweep made = sweep(&workload);
	unsigned lost = 0;

	for (uint32_t i = 2; i < made.outcome_count; i++)
		lost += made.outcomes[i].kind != DUET_LAB_SHUTDOWN &&
			made.outcomes[i].disposition == DUET_UNTOUCHED &&
			made.outcomes[i].cause != DUET_CAUSE_ITSELF;
	ck_assert_uint_gt(lost, 0);
	if (is_counted())
		ck_assert_uint_ge(seen(&made, DUET_LAB_MEMORY) + 2, lost);
	free(made.outcomes);
}
END_TEST

START_TEST(what_malloc_keeps_aside_is_not_lost)
{
	const struct duet_lab_workload workload = {
		.name = "borrow", .state_bytes = sizeof(struct faulty), .set_up = set_up,
		.body = borrow,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_eq(made.violations, 0);
	free(made.outcomes);
}
END_TEST

START_TEST(what_malloc_keeps_aside_hides_nothing_that_is_lost)
{
	const struct duet_lab_workload workload = {
		.name = "borrow-and-lose", .state_bytes = sizeof(struct faulty), .set_up = set_up,
		.body = borrow_and_lose,
	};

	if (is_counted())
		expect_only(&workload, DUET_LAB_MEMORY, "bytes of memory are lost");
}
END_TEST

START_TEST(what_outlives_its_scope_is_on_loan)
{
	const struct duet_lab_workload workload = {
		.name = "stray", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = stray,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_gt(seen(&made, DUET_LAB_LOANS), 0);
	free(made.outcomes);
}
END_TEST

START_TEST(a_buffer_that_is_kept_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "keep", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = keep,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_gt(made.violations, 0);
	free(made.outcomes);
}
END_TEST

START_TEST(one_that_is_not_repeatable_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "moody", .state_bytes = sizeof(struct faulty), .set_up = set_up_moody, .body = be_moody,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_eq(made.outcomes[1].invariant, DUET_LAB_REPEAT);
	free(made.outcomes);
}
END_TEST

START_TEST(one_whose_points_do_not_come_again_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "moody", .state_bytes = sizeof(struct faulty), .set_up = set_up,
		.body = be_moody_later,
	};

	expect_only(&workload, DUET_LAB_REPEAT, "without a cancel it was a");
}
END_TEST

START_TEST(a_peer_that_there_is_not_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "stranger", .state_bytes = sizeof(struct faulty), .set_up = script_a_stranger,
		.body = behave,
	};

	expect_only(&workload, DUET_LAB_CHECK, "there is no peer -28, but 1 of them");
}
END_TEST

START_TEST(a_child_of_the_body_does_not_go_on_with_the_sweep)
{
	const struct duet_lab_workload workload = {
		.name = "fork", .state_bytes = sizeof(struct faulty), .set_up = set_up,
		.body = fork_and_go_on,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_eq(made.violations, 0);
	ck_assert_uint_eq(made.points, 1);
	free(made.outcomes);
}
END_TEST

/* Who may lock no more than a few rings' memory, which the kernel gives back later than they are closed. */
static int sweep_as_somebody(const struct duet_lab_sweep *wish)
{
	const struct rlimit little = {512 * 1024, 512 * 1024};
	struct duet_lab_sweep made = *wish;

	if (setrlimit(RLIMIT_MEMLOCK, &little) || (!geteuid() && setuid(65534)))
		return 1;
	return duet_lab_run(&made) || made.violations ? 2 : 0;
}

START_TEST(who_may_lock_little_memory_waits_for_it)
{
	const struct duet_lab_workload workload = {
		.name = "good", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = behave,
	};
	const struct duet_lab_sweep wish = {.workload = &workload, .backend = stage.arm->backend(),
					    .tuning = stage.arm->tuning};
	int status;
	pid_t child;

	stage_judge();
	child = fork();
	if (child == 0)
		_exit(sweep_as_somebody(&wish));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(what_is_written_behind_the_state_is_caught)
{
	const struct duet_lab_workload workload = {
		.name = "behind", .state_bytes = sizeof(struct faulty), .set_up = set_up,
		.body = write_behind,
	};
	struct duet_lab_sweep made = sweep(&workload);

	ck_assert_uint_eq(made.outcomes[0].invariant, DUET_LAB_CRASH);
	free(made.outcomes);
}
END_TEST

/* A turn for each millisecond would be too few of them. */
START_TEST(a_timer_is_waited_for)
{
	const struct duet_lab_workload workload = {
		.name = "rest", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = rest,
	};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning, .points_max = 1};

	stage_judge();
	ck_assert_int_eq(duet_lab_run(&made), 0);
	ck_assert_msg(made.violations == 0, "%s", made.outcomes[made.first].text);
	free(made.outcomes);
}
END_TEST

START_TEST(a_workload_without_a_body_is_refused)
{
	const struct duet_lab_workload workload = {.name = "empty", .set_up = set_up};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend()};

	stage_judge();
	ck_assert_int_eq(duet_lab_run(&made), -EINVAL);
}
END_TEST

START_TEST(a_check_of_its_own_is_heard)
{
	const struct duet_lab_workload workload = {
		.name = "check", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = behave,
		.check = complain,
	};

	expect_only(&workload, DUET_LAB_CHECK, "balance");
}
END_TEST

START_TEST(one_that_never_finishes_is_named)
{
	const struct duet_lab_workload workload = {
		.name = "idle", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = never_finish,
	};

	expect_only(&workload, DUET_LAB_RESTART, "not finished after 3 bodies");
}
END_TEST

START_TEST(a_set_up_that_refuses_is_an_error)
{
	const struct duet_lab_workload workload = {
		.name = "refuse", .state_bytes = 1, .set_up = refuse, .body = never_finish,
	};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend()};

	stage_judge();
	ck_assert_int_eq(duet_lab_run(&made), -ENOMEM);
	ck_assert_ptr_null(made.outcomes);
}
END_TEST

START_TEST(a_replay_says_what_the_sweep_said)
{
	const struct duet_lab_workload workload = {
		.name = "check", .state_bytes = sizeof(struct faulty), .set_up = set_up, .body = behave,
		.check = complain,
	};
	struct duet_lab_sweep made = {.workload = &workload, .backend = stage.arm->backend(),
				      .tuning = stage.arm->tuning};
	struct duet_lab_outcome outcome;

	ck_assert_int_eq(duet_lab_replay(&made, 1, DUET_LAB_IN_FLIGHT, DUET_LAB_OPERATION,
					 &outcome), 0);
	ck_assert_uint_eq(outcome.verdict, DUET_LAB_VIOLATION);
	ck_assert_uint_eq(outcome.invariant, DUET_LAB_CHECK);
	ck_assert_uint_eq(outcome.op_kind, DUET_RECV);
	ck_assert_uint_eq(outcome.disposition, DUET_UNTOUCHED);
	ck_assert_uint_eq(outcome.cause, DUET_CAUSE_CANCEL);
}
END_TEST

int main(void)
{
	return contract_run("laboratory_faults",
			    CASES(one_that_behaves_is_clean, a_crash_is_named_and_the_sweep_goes_on,
				  one_that_is_killed_did_not_hang, one_that_ends_the_process_is_named,
				  one_that_does_not_come_back_is_named, a_lost_descriptor_is_named,
				  lost_memory_is_named_wherever_it_is_lost,
				  what_malloc_keeps_aside_is_not_lost,
				  what_malloc_keeps_aside_hides_nothing_that_is_lost,
				  what_outlives_its_scope_is_on_loan,
				  a_buffer_that_is_kept_is_named,
				  one_that_is_not_repeatable_is_named,
				  one_whose_points_do_not_come_again_is_named,
				  a_peer_that_there_is_not_is_named,
				  a_child_of_the_body_does_not_go_on_with_the_sweep,
				  who_may_lock_little_memory_waits_for_it,
				  what_is_written_behind_the_state_is_caught, a_timer_is_waited_for,
				  a_workload_without_a_body_is_refused, a_check_of_its_own_is_heard,
				  one_that_never_finishes_is_named,
				  a_set_up_that_refuses_is_an_error,
				  a_replay_says_what_the_sweep_said),
			    NULL);
}
