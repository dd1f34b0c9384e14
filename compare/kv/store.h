/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Keys and their values in memory, bounded in bytes; some of them until a moment. It does no I/O and
 * knows no clock: who asks says what time it is. */
#ifndef COMPARE_KV_STORE_H
#define COMPARE_KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is never due. */
#define STORE_FOREVER UINT64_MAX

struct text {
	const char *data;
	size_t bytes;
};

/* A value is its key's, and that of whoever still sends it: it goes with the last of them. */
struct value {
	uint32_t references;
	uint32_t bytes;
	char data[];
};

struct entry;

struct store {
	struct entry *entries; /* the table */
	/* Those that are due at some time, the earliest first: a heap. */
	struct entry **due;
	uint32_t due_count, due_room;
	uint64_t secret[2];
	uint64_t used_bytes, max_bytes, peak_bytes;
	uint64_t expired; /* went because they were due */
};

void store_init(struct store *store, uint64_t max_bytes, const uint64_t secret[2]);
void store_clear(struct store *store);

uint64_t store_count(const struct store *store);

/* Memory that isn't the store's own, and counts as if it were. False: that would be too much. */
bool store_take(struct store *store, uint64_t bytes);
void store_give(struct store *store, uint64_t bytes);

/* NULL: there is none. */
struct value *store_get(struct store *store, struct text key, uint64_t now_ns);
struct value *value_hold(struct value *value);
void value_drop(struct store *store, struct value *value);

/* 0, or -ENOMEM, and then all is as it was. */
int store_set(struct store *store, struct text key, struct text value, uint64_t due_ns);

/* False: there is none. */
bool store_delete(struct store *store, struct text key, uint64_t now_ns);

/* When it is due; 0: there is none. */
uint64_t store_due_ns(struct store *store, struct text key, uint64_t now_ns);
/* 0, -ENOENT or -ENOMEM. */
int store_expire(struct store *store, struct text key, uint64_t due_ns, uint64_t now_ns);

/* When the next one is due. */
uint64_t store_next_ns(const struct store *store);
/* Lets those go that are due, but at most so many. */
void store_sweep(struct store *store, uint64_t now_ns, uint32_t max);

#endif
