/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The laboratory of single operations sees what it is for: runtimes that lose something are made here
 * from ours, by a cancel that does what the field's do, and each is found by name. */
#include <check.h>
#include <duet/completion.h>
#include <duet/polling.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/laboratory/against.h"
#include "compare/laboratory/cell.h"
#include "compare/laboratory/matrix.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/mix.h"
#include "compare/laboratory/phase.h"
#include "compare/laboratory/subject.h"
#include "compare/laboratory/table.h"
#include "core/backend.h"

enum { RUNS = 3 };

static const struct phase *phase_of(const char *name)
{
	for (size_t i = 0; i < PHASES_COUNT; i++) {
		if (!strcmp(PHASES[i].name, name))
			return &PHASES[i];
	}
	ck_abort_msg("no phase %s", name);
	return NULL;
}

static json_t *run_cell(const struct mechanism *mechanism, const char *kind, const char *phase)
{
	struct cell_plan plan = { subject_find(kind), phase_of(phase), mechanism, RUNS, 1 };
	json_t *cell;

	ck_assert_ptr_nonnull(plan.subject);
	cell = cell_run(&plan);
	ck_assert_ptr_nonnull(cell);
	return cell;
}

static json_int_t count_of(const json_t *list, const char *key, const char *value)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (!strcmp(json_string_value(json_object_get(one, key)), value))
			return json_integer_value(json_object_get(one, "count"));
	}
	return 0;
}

/* A device may be faster than the request, a few times in a row. */
enum { TRIES = 40 };

static void expect_violation(const struct mechanism *mechanism, const char *kind, const char *phase,
			     const char *name)
{
	bool seen = false;

	for (int i = 0; i < TRIES && !seen; i++) {
		json_t *cell = run_cell(mechanism, kind, phase);

		seen = count_of(json_object_get(cell, "violations"), "name", name) > 0;
		json_decref(cell);
	}
	ck_assert_msg(seen, "%s %s: no %s", kind, phase, name);
}

static void expect_outcome(const struct mechanism *mechanism, const char *kind, const char *phase,
			   const char *disposition)
{
	json_t *cell = run_cell(mechanism, kind, phase);
	char *said = json_dumps(cell, 0);

	ck_assert_msg(count_of(json_object_get(cell, "outcomes"), "disposition", disposition) ==
		      RUNS, "%s %s: %s", kind, phase, said);
	ck_assert_msg(!json_array_size(json_object_get(cell, "violations")), "%s", said);
	free(said);
	json_decref(cell);
}

/* ---- The runtimes as they are. ---- */

static struct mechanism find(const char *name)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_OP, name, found), 1);
	return found[0];
}

START_TEST(what_has_arrived_is_taken_by_a_ring_and_left_by_a_reactor)
{
	struct mechanism polling = find("polling");

	expect_outcome(&polling, "recv", "flight", "untouched");
	expect_outcome(&polling, "recv", "satisfied", "untouched");
	expect_outcome(&polling, "recv", "posted", "untouched");
	expect_outcome(&polling, "recv-whole", "satisfied", "partial");
	expect_outcome(&polling, "recv", "dispatched", "completed");
}
END_TEST

static bool is_here(const struct mechanism *mechanism)
{
	struct duet_probe probe;

	if (!duet_backend_probe(mechanism->backend, mechanism->tuning, &probe))
		return true;
	printf("skipped: %s\n", probe.reason);
	return false;
}

START_TEST(the_two_modes_of_a_ring_differ)
{
	struct mechanism plain = find("completion/plain"), deferred = find("completion/deferred");

	if (!is_here(&plain) || !is_here(&deferred))
		return;
	expect_outcome(&plain, "recv", "satisfied", "completed");
	expect_outcome(&deferred, "recv", "satisfied", "untouched");
	expect_outcome(&deferred, "recv", "posted", "completed");
}
END_TEST

/* ---- Runtimes that are broken. ---- */

/* Takes what has arrived, and forgets it: "cancelled" is all that it says. */
static int cancel_discarding(struct duet_loop *loop, struct duet_op *op)
{
	static unsigned char forgotten[4096];
	int fd = duet_handle_fd(loop, op->handle);

	if (op->kind == DUET_RECV)
		recv(fd, forgotten, sizeof(forgotten), MSG_DONTWAIT);
	if (op->kind == DUET_ACCEPT)
		close(accept(fd, NULL, NULL));
	return duet_polling()->cancel(loop, op);
}

/* Gives the memory back when it asks, and not when it is answered. */
static int cancel_believing(struct duet_loop *loop, struct duet_op *op)
{
	duet_completion()->cancel(loop, op);
	return BACKEND_ENDED;
}

/* Waits for an answer that nobody gives. */
static int cancel_forgotten(struct duet_loop *loop, struct duet_op *op)
{
	if (op->kind == DUET_NOP)
		return duet_polling()->cancel(loop, op);
	return BACKEND_ISSUED;
}

static struct duet_backend broken;

static struct mechanism break_it(const struct duet_backend *backend, const char *tuning,
				 int (*cancel)(struct duet_loop *, struct duet_op *))
{
	broken = *backend;
	broken.cancel = cancel;
	return (struct mechanism){ .name = "broken", .backend = &broken, .tuning = tuning };
}

START_TEST(a_runtime_that_discards_is_seen)
{
	struct mechanism broken_one = break_it(duet_polling(), NULL, cancel_discarding);

	expect_violation(&broken_one, "recv", "satisfied", "bytes");
	expect_violation(&broken_one, "recv", "posted", "bytes");
	expect_violation(&broken_one, "recv-whole", "satisfied", "bytes");
	expect_violation(&broken_one, "accept", "satisfied", "connections");
	/* And nothing where nothing had come. */
	expect_outcome(&broken_one, "recv", "flight", "untouched");
}
END_TEST

START_TEST(a_runtime_that_gives_memory_back_at_the_request_is_seen)
{
	struct mechanism broken_one =
		break_it(duet_completion(), "mode=plain", cancel_believing);

	if (!is_here(&broken_one))
		return;
	expect_violation(&broken_one, "recv", "satisfied", "bytes");
	expect_violation(&broken_one, "read-direct", "flight", "late write");
}
END_TEST

START_TEST(an_operation_that_never_ends_is_seen_and_stops_only_its_cell)
{
	struct mechanism broken_one = break_it(duet_polling(), NULL, cancel_forgotten);

	expect_violation(&broken_one, "connect-full", "flight", "no end");
	expect_outcome(&broken_one, "recv", "dispatched", "completed");
}
END_TEST

/* ---- Its parts. ---- */

START_TEST(a_mix_counts_classes_and_not_sizes)
{
	struct mix mix = { .used = 0 };
	json_t *json;

	mix_add(&mix, DUET_COMPLETED, DUET_CAUSE_ITSELF, 17);
	mix_add(&mix, DUET_UNTOUCHED, DUET_CAUSE_CANCEL, -125);
	mix_add(&mix, DUET_COMPLETED, DUET_CAUSE_ITSELF, 4096);
	mix_add(&mix, DUET_COMPLETED, DUET_CAUSE_ITSELF, 0);
	json = mix_json(&mix);
	ck_assert_uint_eq(json_array_size(json), 3);
	ck_assert_int_eq(count_of(json, "result", "n"), 2);
	ck_assert_int_eq(count_of(json, "result", "ECANCELED"), 1);
	ck_assert_int_eq(count_of(json, "result", "0"), 1);
	json_decref(json);
}
END_TEST

START_TEST(a_spread_has_a_median_and_a_worst)
{
	struct spread spread = { .count = 0 };
	json_t *json = spread_json(&spread);

	ck_assert(json_is_null(json));
	for (uint64_t i = 1; i <= 101; i++)
		spread_add(&spread, 102 - i, i * 10);
	json = spread_json(&spread);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "median_ns")), 510);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "max_ns")), 1010);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "turns_median")), 51);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "turns_max")), 101);
	json_decref(json);
	spread_free(&spread);
}
END_TEST

/* A table of one cell, with so many runs of each of two classes. */
static json_t *made_table(int untouched, int completed)
{
	json_t *outcomes = json_array();

	if (untouched)
		json_array_append_new(outcomes, json_pack(
			"{s:s, s:s, s:s, s:i}", "disposition", "untouched", "cause", "cancel",
			"result", "ECANCELED", "count", untouched));
	if (completed)
		json_array_append_new(outcomes, json_pack(
			"{s:s, s:s, s:s, s:i}", "disposition", "completed", "cause", "itself",
			"result", "n", "count", completed));
	return json_pack("{s:i, s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:i, s:i, s:o}]}", "schema", 1, "kind",
			 MATRIX_KIND, "environment", "kernel_release", "6.18", "cells", "kind",
			 "recv", "phase", "flight", "mechanism", "polling", "runs",
			 untouched + completed, "missed", 0, "outcomes", outcomes);
}

static size_t differences(int untouched, int completed, int untouched_now, int completed_now)
{
	json_t *recorded = made_table(untouched, completed);
	json_t *now = made_table(untouched_now, completed_now);
	const json_t *cell = json_array_get(json_object_get(now, "cells"), 0);
	size_t count;

	against_compare(now, recorded, "recorded.json");
	count = json_array_size(json_object_get(json_object_get(now, "against"), "differences"));
	ck_assert_int_eq(against_differs(now, cell), count > 0);
	json_decref(recorded);
	json_decref(now);
	return count;
}

START_TEST(a_class_is_a_difference_and_a_rate_is_none)
{
	ck_assert_uint_eq(differences(25, 0, 25, 0), 0);
	ck_assert_uint_eq(differences(25, 0, 0, 25), 1);
	ck_assert_uint_eq(differences(25, 0, 18, 7), 1);
	ck_assert_uint_eq(differences(25, 0, 24, 1), 0);
	ck_assert_uint_eq(differences(24, 1, 1, 24), 0);
	ck_assert_uint_eq(differences(12, 13, 25, 0), 0);
	/* Where all of the recorded runs were missed it has nothing to say. */
	ck_assert_uint_eq(differences(0, 0, 25, 0), 0);
}
END_TEST

START_TEST(what_a_worker_begins_may_have_begun_in_any_phase)
{
	json_t *recorded = made_table(25, 0), *now = made_table(0, 25), *cells, *other;

	cells = json_object_get(recorded, "cells");
	other = json_deep_copy(json_array_get(json_object_get(now, "cells"), 0));
	json_object_set_new(other, "phase", json_string("posted"));
	json_array_append_new(cells, other);
	against_compare(now, recorded, "recorded.json");
	ck_assert(against_differs(now, json_array_get(json_object_get(now, "cells"), 0)));
	json_object_set_new(recorded, "kinds", json_pack("[{s:s, s:s}]", "name", "recv", "cancel_class",
							 "not once issued"));
	against_compare(now, recorded, "recorded.json");
	ck_assert(!against_differs(now, json_array_get(json_object_get(now, "cells"), 0)));
	json_decref(recorded);
	json_decref(now);
}
END_TEST

START_TEST(names_stand_for_one_mechanism_or_for_all_of_a_backend)
{
	struct mechanism found[MECHANISMS_MAX];

	ck_assert_uint_eq(mechanism_find(MECHANISM_OP, NULL, found), 3);
	ck_assert_uint_eq(mechanism_find(MECHANISM_OP, "completion", found), 2);
	ck_assert_uint_eq(mechanism_find(MECHANISM_OP, "completion/plain", found), 1);
	ck_assert_str_eq(found[0].tuning, "mode=plain");
	ck_assert_uint_eq(mechanism_find(MECHANISM_OP, "plain", found), 0);
}
END_TEST

START_TEST(every_kind_that_can_be_pending_is_a_subject)
{
	bool seen[DUET_IO_KIND_COUNT] = { false };
	const struct subject *subject;

	for (size_t i = 0; (subject = subject_at(i)); i++) {
		ck_assert_ptr_eq(subject_find(subject->name), subject);
		ck_assert(subject->describe != NULL);
		seen[subject->kind] = true;
	}
	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++)
		ck_assert_msg(seen[kind], "no subject for %s", duet_kind_name((enum duet_kind)kind));
}
END_TEST

/* ---- The page. ---- */

static char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "re");

	ck_assert_msg(file != NULL, "no %s: run it from the root of the tree", path);
	ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
	fclose(file);
	return text;
}

static char *print_recorded(bool times, const char *columns)
{
	json_t *matrix;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	setenv("COLUMNS", columns, 1);
	ck_assert_int_eq(matrix_read("docs/cancel/6.18.json", "test", &matrix), 0);
	table_print(matrix, times, out);
	fclose(out);
	json_decref(matrix);
	return text;
}

START_TEST(the_page_has_the_recorded_table_as_it_is_printed)
{
	char *page = read_text("docs/cancellation.md"), *table = print_recorded(false, "80");

	ck_assert_msg(strstr(page, table) != NULL, "docs/cancellation.md isn't of "
		      "docs/cancel/6.18.json: run scripts/cancel-page");
	free(page);
	free(table);
}
END_TEST

static const char *const WIDTHS[] = { "40", "57", "79", "80", "100" };

START_TEST(the_table_fits_its_columns)
{
	char *table = print_recorded(true, WIDTHS[_i]);
	long columns = strtol(WIDTHS[_i], NULL, 10);

	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg((long)strlen(line) <= columns, "%zu columns: %s", strlen(line), line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "a blank at the end: %s|", line);
		ck_assert_msg(strcspn(line, "\033\t") == strlen(line), "no text: %s", line);
	}
	free(table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare cancel");
	TCase *cases = tcase_create("cancel");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 30);
	tcase_add_test(cases, what_has_arrived_is_taken_by_a_ring_and_left_by_a_reactor);
	tcase_add_test(cases, the_two_modes_of_a_ring_differ);
	tcase_add_test(cases, a_runtime_that_discards_is_seen);
	tcase_add_test(cases, a_runtime_that_gives_memory_back_at_the_request_is_seen);
	tcase_add_test(cases, an_operation_that_never_ends_is_seen_and_stops_only_its_cell);
	tcase_add_test(cases, a_mix_counts_classes_and_not_sizes);
	tcase_add_test(cases, a_spread_has_a_median_and_a_worst);
	tcase_add_test(cases, a_class_is_a_difference_and_a_rate_is_none);
	tcase_add_test(cases, what_a_worker_begins_may_have_begun_in_any_phase);
	tcase_add_test(cases, names_stand_for_one_mechanism_or_for_all_of_a_backend);
	tcase_add_test(cases, every_kind_that_can_be_pending_is_a_subject);
	tcase_add_test(cases, the_page_has_the_recorded_table_as_it_is_printed);
	tcase_add_loop_test(cases, the_table_fits_its_columns, 0,
			    sizeof(WIDTHS) / sizeof(*WIDTHS));
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
