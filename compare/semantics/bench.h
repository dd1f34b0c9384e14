/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A ring to try something on, and what came of it in words. */
#ifndef COMPARE_SEMANTICS_BENCH_H
#define COMPARE_SEMANTICS_BENCH_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_TARGET = 1, BENCH_CANCEL = 100, BENCH_IGNORED = 200, BENCH_ANSWERS_MAX = 64 };

struct bench {
	struct io_uring ring;
	bool deferred;
	unsigned int patience_ms; /* how long something may take to come */
	struct {
		uint64_t user_data;
		int result;
		unsigned int flags;
	} answers[BENCH_ANSWERS_MAX];
	unsigned int count;
};

/* 0 or -errno. */
int bench_open(struct bench *bench, bool deferred, unsigned int patience_ms);
void bench_close(struct bench *bench);

struct io_uring_sqe *bench_entry(struct bench *bench, uint64_t user_data);
void bench_submit(struct bench *bench);
/* A cancel of the target, by its user_data. */
void bench_cancel(struct bench *bench);
/* Fetches until that many terminal answers are there, or patience is over. Their number. */
unsigned int bench_collect(struct bench *bench, unsigned int wanted);
/* Lets what is ready become completions, without fetching them. */
void bench_post(struct bench *bench);

/* What came for user_data, first to last: "ECANCELED", "ok", "+1" of three numbers, "pending". whole: what
 * would be all, of bytes; 0: any number is "ok". A MORE, NOTIF or buffer is said. */
void bench_say(const struct bench *bench, uint64_t user_data, int whole, char *text, size_t size);
bool bench_ended(const struct bench *bench, uint64_t user_data);
int bench_result(const struct bench *bench, uint64_t user_data);

#endif
