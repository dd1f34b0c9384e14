/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SPLICE_H
#define TESTS_SUPPORT_SPLICE_H

#include "tests/support/harness.h"

/* What suites of splices have in common: a pair of sockets and two pipes, [0] to read. */

extern duet_handle pair[2], one[2], other[2];
extern struct duet_splice splices[4];

void pipe_open(duet_handle ends[2]);
void all_open(void);

/* place: which of splices it lends. */
void splice_describe(struct trial *trial, unsigned place, duet_handle from, duet_handle to,
		     size_t bytes, unsigned flags);
void splice_start(struct trial *trial, unsigned place, duet_handle from, duet_handle to, size_t bytes,
		  unsigned flags);
void splice_run(struct trial *trial, duet_handle from, duet_handle to, size_t bytes, unsigned flags);

/* Opens all; a whole from one to other that waits for room, with all in `one` that has room there. */
void splice_stick(struct trial *trial);

/* The next bytes there are those. */
void expect_came(duet_handle handle, const char *text, size_t bytes);

#endif
