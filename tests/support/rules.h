/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_RULES_H
#define TESTS_SUPPORT_RULES_H

#include "tests/support/harness.h"

/*
 * Small programs, each of which breaks a rule of the contract, and must be stopped at that line with a
 * message that names the operation and the rule. The test program starts itself for each, on each backend:
 * as it is (with or without AddressSanitizer), and once more under Valgrind, if it is neither built with a
 * sanitizer nor as released.
 */

/* By what a rule is watched over. */
enum { MEANS_DEBUG = 1, MEANS_ASAN = 2, MEANS_VALGRIND = 4 };

#if defined(__SANITIZE_ADDRESS__)
#define MEANS MEANS_ASAN
#elif defined(DUET_DEBUG)
#define MEANS MEANS_DEBUG
#else
#define MEANS 0
#endif

struct rule {
	const char *name;
	void (*play)(void);
	const char *words; /* of the message, beside the operation; NULL: it breaks none, and is silent */
	unsigned means;
	bool by_tool; /* Memcheck's own words, which know no operation */
};

/* The loop that a rule is played on. */
extern struct duet_loop *rules_loop;

/* Or the program ends: it can't begin. */
void rules_must(int answer);
void rules_turn(unsigned turns);
void rules_settle(const struct duet_op *awaited);
/* For an operation of which nobody hears otherwise: what nobody hears of is nobody's. */
void rules_hear(struct duet_op *ended);
/* Both ends of a TCP connection. */
void rules_pair(duet_handle *near, duet_handle *far);

/* What main() returns: plays one rule if the arguments say so, or tests all. source: how the names of the
 * files begin in which operations are started. */
int rules_main(int argc, char **argv, const char *suite, const char *source,
	       const struct rule *rules, size_t count);

#endif
