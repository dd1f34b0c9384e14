/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Names for people, and sizes for bindings. */

START_TEST(errors_have_their_symbolic_name_with_either_sign)
{
	ck_assert_str_eq(duet_error_name(ECONNRESET), "ECONNRESET");
	ck_assert_str_eq(duet_error_name(-ECONNRESET), "ECONNRESET");
	ck_assert_str_eq(duet_error_name(-ENOBUFS), "ENOBUFS");
	ck_assert_str_eq(duet_error_name(-ESHUTDOWN), "ESHUTDOWN");
	ck_assert_str_eq(duet_error_name(-100000), "E?");
	ck_assert_str_eq(duet_error_name(99999), "E?");
}
END_TEST

START_TEST(every_kind_disposition_and_cause_has_a_name_of_its_own)
{
	for (unsigned i = 0; i < DUET_KIND_COUNT; i++) {
		ck_assert_str_ne(duet_kind_name(i), "?");
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(duet_kind_name(i), duet_kind_name(j));
	}
	for (unsigned i = 0; i < DUET_DISPOSITION_COUNT; i++)
		ck_assert_str_ne(duet_disposition_name(i), "?");
	for (unsigned i = 0; i < DUET_CAUSE_COUNT; i++)
		ck_assert_str_ne(duet_cause_name(i), "?");
	ck_assert_str_eq(duet_kind_name(DUET_KIND_COUNT), "?");
	ck_assert_str_eq(duet_disposition_name(DUET_DISPOSITION_COUNT), "?");
	ck_assert_str_eq(duet_cause_name(DUET_CAUSE_COUNT), "?");
	ck_assert_str_eq(duet_disposition_name(DUET_TAINTED), "tainted");
	ck_assert_str_eq(duet_cause_name(DUET_CAUSE_ORDER), "order");
}
END_TEST

START_TEST(an_operation_is_256_bytes_and_the_versions_agree)
{
	ck_assert_uint_eq(duet_op_size(), 256);
	ck_assert_uint_eq(duet_op_size(), sizeof(struct duet_op));
	ck_assert_str_eq(duet_version(), DUET_VERSION_STRING);
}
END_TEST

int main(void)
{
	return plain_run("error",
		CASES(errors_have_their_symbolic_name_with_either_sign,
			every_kind_disposition_and_cause_has_a_name_of_its_own,
			an_operation_is_256_bytes_and_the_versions_agree));
}
