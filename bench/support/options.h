/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Command lines of the bench programs: "--name VALUE" pairs, numbers and words, nothing else.
 */
#ifndef DUET_BENCH_OPTIONS_H
#define DUET_BENCH_OPTIONS_H

#include <stdint.h>

/* Either number or word is set; the pair ends with an all-zero entry. */
struct bench_option {
	const char *name;	/* without the dashes */
	uint64_t *number;
	uint64_t number_max;
	const char **word;	/* points into argv afterwards */
};

/* Leaves the process with status 2 and one line on stderr if anything is not understood. */
void options_parse(const struct bench_option *options, int argc, char **argv);

#endif
