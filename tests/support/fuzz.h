/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A target of tests/fuzz/: what is done with one input, whatever it is. clang's libFuzzer calls it, or
 * the driver in fuzz.c where there is none. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What must hold, also in a build without assert(). */
#define FUZZ_CHECK(condition)                                                          \
	do {                                                                               \
		if (!(condition)) {                                                            \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);          \
			abort();                                                                     \
		}                                                                              \
	} while (0)

#endif
