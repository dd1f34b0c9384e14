/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

#include <dirent.h>
#include <duet/completion.h>
#include <duet/polling.h>
#include <duet/reference.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/file.h"

struct stage stage;

static char reference_tuning[64] = "seed=1";

static const struct arm arms[] = {
	{ "completion", duet_completion, NULL, true, true },
	{ "completion-plain", duet_completion, "mode=plain", true, true },
	{ "polling", duet_polling, NULL, true, false },
	{ "reference", duet_reference, reference_tuning, false, false },
	{ "polling-eager", duet_polling, "eager=yes", true, false },
};

#define ARM_COUNT (sizeof(arms) / sizeof(arms[0]))
/* An eager reactor promises less of what a cancel leaves in the socket. */
#define CONTRACT_ARMS (ARM_COUNT - 1)

unsigned descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void clock_pass(uint64_t until_ns)
{
	struct timespec until = { (time_t)(until_ns / 1000000000u),
		(long)(until_ns % 1000000000u) + 1 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* A slow tool says so to Check, and our own patience grows with it. */
unsigned patience_factor(void)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
	long factor = text ? strtol(text, NULL, 10) : 1;

	return factor > 1 && factor < 1000 ? (unsigned)factor : 1;
}

#define PATIENCE_NS UINT64_C(2500000000)
#define PATIENCE_TURNS 200000u
#define TURN_NS 20000000

void patience_begin(struct patience *patience)
{
	patience->until_ns = clock_ns() + PATIENCE_NS * patience_factor();
	patience->turns = 0;
}

static void dump_line(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "  still there: %s\n", text);
}

void stage_dump(void)
{
	duet_loop_dump(stage.loop, dump_line, NULL);
}

void patience_turn(struct patience *patience, const char *what, const char *file, int line)
{
	stage_turn();
	/* Who is waited for may be a thread, and a turn of the reference doesn't sleep. */
	if (patience->turns % 64 == 63)
		sched_yield();
	if (++patience->turns < PATIENCE_TURNS && clock_ns() < patience->until_ns)
		return;
	stage_dump();
	ck_abort_msg("on %s: %s:%d: waited in vain for %s", stage.arm->name, file, line, what);
}

int stage_turn(void)
{
	int delivered;

	stage.library = 1;
	delivered = duet_loop_turn(stage.loop, TURN_NS);
	stage.library = 0;
	stage.turns++;
	ck_assert_msg(delivered >= 0, "on %s: a turn failed: %s", stage.arm->name,
		duet_error_name(delivered));
	return delivered;
}

void stage_settle(unsigned turns)
{
	while (turns-- > 0) {
		int delivered;

		stage.library = 1;
		delivered = duet_loop_turn(stage.loop, 0);
		stage.library = 0;
		stage.turns++;
		ck_assert_msg(delivered >= 0, "on %s: a turn failed: %s", stage.arm->name,
			duet_error_name(delivered));
	}
}

/* ---- Setting and judging the stage. ---- */

static void loop_open(const struct duet_loop_options *given, const char *ring_tuning)
{
	struct duet_loop_options options;
	char tuning[128];
	int error;

	if (given)
		options = *given;
	else
		duet_loop_options_init(&options);
	snprintf(tuning, sizeof(tuning), "%s%s%s", stage.arm->tuning ? stage.arm->tuning : "",
		stage.arm->tuning && ring_tuning && stage.arm->ring ? "," : "",
		ring_tuning && stage.arm->ring ? ring_tuning : "");
	options.tuning = tuning[0] ? tuning : NULL;
	error = duet_loop_create(&stage.loop, stage.arm->backend(), &options);
	ck_assert_msg(error == 0, "on %s: no loop: %s", stage.arm->name, duet_error_name(error));
}

static void stage_set(const struct arm *arm)
{
	memset(&stage, 0, sizeof(stage));
	stage.arm = arm;
	stage.descriptors = descriptors_open();
	loop_open(NULL, NULL);
}

void stage_judge(void)
{
	struct duet_ledger ledger;
	int error;

	if (!stage.loop)
		return;
	if (duet_loop_pending(stage.loop) > 0)
		stage_dump();
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	duet_loop_ledger(stage.loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 0);
	ck_assert_uint_eq(ledger.lent_bytes, 0);
	ck_assert_uint_eq(ledger.held_count, 0);
	ck_assert_uint_eq(ledger.held_bytes, 0);
	error = duet_loop_destroy(stage.loop);
	ck_assert_msg(error == 0, "on %s: destroy: %s", stage.arm->name, duet_error_name(error));
	stage.loop = NULL;
	stage.listener = DUET_HANDLE_NONE;
	ck_assert_msg(descriptors_open() == stage.descriptors,
		"on %s: %u descriptors before, %u after", stage.arm->name, stage.descriptors,
		descriptors_open());
}

void stage_reopen(const struct duet_loop_options *options, const char *ring_tuning)
{
	stage_judge();
	loop_open(options, ring_tuning);
}

static void strike(void)
{
	stage_judge();
	file_cleanup();
}

/* Check's fixtures take no argument: one for each arm. */
static void set_completion(void)
{
	stage_set(&arms[0]);
}

static void set_completion_plain(void)
{
	stage_set(&arms[1]);
}

static void set_polling(void)
{
	stage_set(&arms[2]);
}

static void set_reference(void)
{
	stage_set(&arms[3]);
}

static void set_polling_eager(void)
{
	stage_set(&arms[4]);
}

static const SFun setups[ARM_COUNT] = { set_completion, set_completion_plain, set_polling,
	set_reference, set_polling_eager };

/* ---- Which arms run. ---- */

/* Is name a word of list? */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (*list) {
		size_t word = strcspn(list, " ,");

		if (word == length && memcmp(list, name, length) == 0)
			return true;
		list += word + strspn(list + word, " ,");
	}
	return false;
}

static char refusals[ARM_COUNT][300];

START_TEST(arm_is_refused_here)
{
	ck_abort_msg("%s", refusals[_i]);
}
END_TEST

/* Asks for the arm; a refusal is told once, and is a failure unless it is allowed. */
static bool arm_available(Suite *suite, size_t index)
{
	const struct arm *arm = &arms[index];
	struct duet_probe probe;
	TCase *refused;

	if (duet_backend_probe(arm->backend(), arm->tuning, &probe) == 0)
		return true;
	snprintf(refusals[index], sizeof(refusals[index]), "%s is refused here: %s (%s)",
		arm->name, probe.reason, duet_error_name(probe.error));
	printf("%s\n", refusals[index]);
	if (getenv("DUET_TEST_ALLOW_REFUSED") && !getenv("DUET_TEST_BACKENDS"))
		return false;
	refused = tcase_create(arm->name);
	tcase_add_loop_test(refused, arm_is_refused_here, (int)index, (int)index + 1);
	suite_add_tcase(suite, refused);
	return false;
}

size_t arms_here(const struct arm **here, size_t max)
{
	const char *only = getenv("DUET_TEST_BACKENDS");
	struct duet_probe probe;
	size_t count = 0;

	for (size_t i = 0; i < CONTRACT_ARMS && count < max; i++) {
		if (only && !listed(only, arms[i].name))
			continue;
		if (duet_backend_probe(arms[i].backend(), arms[i].tuning, &probe) == 0)
			here[count++] = &arms[i];
	}
	return count;
}

static void cases_add(TCase *tcase, const TTest *const *cases)
{
	while (cases && *cases)
		tcase_add_test(tcase, *cases++);
}

static int suite_finish(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void seed_choose(void)
{
	const char *seed = getenv("DUET_TEST_SEED");

	if (seed)
		snprintf(reference_tuning, sizeof(reference_tuning), "seed=%lu",
			strtoul(seed, NULL, 10));
	printf("reference: %s (DUET_TEST_SEED)\n", reference_tuning);
}

static int arms_run(const char *name, size_t arm_count, const TTest *const *everywhere,
		    const TTest *const *twins, const TTest *const *rings)
{
	const char *only = getenv("DUET_TEST_BACKENDS");
	Suite *suite = suite_create(name);
	unsigned played = 0;

	seed_choose();
	for (size_t i = 0; i < arm_count; i++) {
		TCase *tcase;

		if ((only && !listed(only, arms[i].name)) || !arm_available(suite, i))
			continue;
		tcase = tcase_create(arms[i].name);
		tcase_add_checked_fixture(tcase, setups[i], strike);
		cases_add(tcase, everywhere);
		if (arms[i].kernel)
			cases_add(tcase, twins);
		if (arms[i].ring)
			cases_add(tcase, rings);
		suite_add_tcase(suite, tcase);
		played++;
	}
	if (only && played == 0)
		printf("no arm of \"%s\" exists; there are completion completion-plain polling "
		       "reference polling-eager\n",
			only);
	return suite_finish(suite);
}

int contract_run(const char *name, const TTest *const *everywhere, const TTest *const *twins)
{
	return arms_run(name, CONTRACT_ARMS, everywhere, twins, NULL);
}

int hazards_run(const char *name, const TTest *const *everywhere, const TTest *const *twins,
		const TTest *const *rings)
{
	return arms_run(name, ARM_COUNT, everywhere, twins, rings);
}

int plain_run(const char *name, const TTest *const *cases)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, NULL, file_cleanup);
	cases_add(tcase, cases);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
