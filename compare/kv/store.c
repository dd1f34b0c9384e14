/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/kv/hash.h"

/* An entry for which the table finds no memory isn't in it, and is told so. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->homeless = true)
#include <uthash.h>

/* What an allocation takes beside its bytes, and an entry of the table and of the heap. */
enum { ALLOCATION_BYTES = 16, SHARE_BYTES = 24, HEAP_MIN = 64 };

struct entry {
	UT_hash_handle hh;
	struct value *value;
	uint64_t due_ns;
	uint32_t place; /* in the heap, if it is due at some time */
	uint32_t key_bytes;
	bool homeless; /* the table had no memory for it */
	char key[];
};

void store_init(struct store *store, uint64_t max_bytes, const uint64_t secret[2])
{
	*store = (struct store){ .max_bytes = max_bytes, .secret = { secret[0], secret[1] } };
}

uint64_t store_count(const struct store *store)
{
	return HASH_COUNT(store->entries);
}

/* ---- Memory. ---- */

bool store_take(struct store *store, uint64_t bytes)
{
	if (bytes > store->max_bytes || store->used_bytes > store->max_bytes - bytes)
		return false;
	store->used_bytes += bytes;
	if (store->used_bytes > store->peak_bytes)
		store->peak_bytes = store->used_bytes;
	return true;
}

void store_give(struct store *store, uint64_t bytes)
{
	store->used_bytes -= bytes;
}

static void *make(struct store *store, size_t bytes)
{
	void *memory;

	if (!store_take(store, bytes + ALLOCATION_BYTES))
		return NULL;
	memory = malloc(bytes);
	if (!memory)
		store_give(store, bytes + ALLOCATION_BYTES);
	return memory;
}

static void unmake(struct store *store, void *memory, size_t bytes)
{
	free(memory);
	store_give(store, bytes + ALLOCATION_BYTES);
}

struct value *value_hold(struct value *value)
{
	value->references++;
	return value;
}

void value_drop(struct store *store, struct value *value)
{
	if (--value->references == 0)
		unmake(store, value, sizeof(*value) + value->bytes);
}

static struct value *value_make(struct store *store, struct text text)
{
	struct value *value = make(store, sizeof(*value) + text.bytes);

	if (!value)
		return NULL;
	value->references = 1;
	value->bytes = (uint32_t)text.bytes;
	memcpy(value->data, text.data, text.bytes);
	return value;
}

/* ---- The heap. ---- */

static void put(struct store *store, uint32_t place, struct entry *entry)
{
	store->due[place] = entry;
	entry->place = place;
}

static void rise(struct store *store, uint32_t place, struct entry *entry)
{
	while (place && entry->due_ns < store->due[(place - 1) / 2]->due_ns) {
		put(store, place, store->due[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(store, place, entry);
}

static void sink(struct store *store, uint32_t place, struct entry *entry)
{
	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child + 1 < store->due_count &&
		    store->due[child + 1]->due_ns < store->due[child]->due_ns)
			child++;
		if (child >= store->due_count || store->due[child]->due_ns >= entry->due_ns)
			break;
		put(store, place, store->due[child]);
		place = child;
	}
	put(store, place, entry);
}

static void heap_remove(struct store *store, const struct entry *entry)
{
	struct entry *last = store->due[--store->due_count];
	uint32_t place = entry->place;

	if (last == entry)
		return;
	if (place && last->due_ns < store->due[(place - 1) / 2]->due_ns)
		rise(store, place, last);
	else
		sink(store, place, last);
}

static bool make_room(struct store *store)
{
	uint32_t room = store->due_room ? 2 * store->due_room : HEAP_MIN;
	uint64_t more_bytes = (room - store->due_room) * sizeof(struct entry *);
	struct entry **due;

	if (store->due_count < store->due_room)
		return true;
	if (!store_take(store, more_bytes))
		return false;
	due = realloc(store->due, room * sizeof(*due));
	if (!due) {
		store_give(store, more_bytes);
		return false;
	}
	store->due = due;
	store->due_room = room;
	return true;
}

/* There is room for it. */
static void set_due(struct store *store, struct entry *entry, uint64_t due_ns)
{
	if (entry->due_ns != STORE_FOREVER)
		heap_remove(store, entry);
	entry->due_ns = due_ns;
	if (due_ns != STORE_FOREVER)
		rise(store, store->due_count++, entry);
}

/* ---- Entries. ---- */

static size_t entry_bytes(size_t key_bytes)
{
	return sizeof(struct entry) + key_bytes + SHARE_BYTES;
}

static void entry_free(struct store *store, struct entry *entry)
{
	value_drop(store, entry->value);
	unmake(store, entry, entry_bytes(entry->key_bytes));
}

static void entry_remove(struct store *store, struct entry *entry)
{
	if (entry->due_ns != STORE_FOREVER)
		heap_remove(store, entry);
	HASH_DELETE(hh, store->entries, entry);
	entry_free(store, entry);
}

static struct entry *look_up(struct store *store, struct text key, unsigned int *hash)
{
	struct entry *entry = NULL;

	*hash = (unsigned int)hash_bytes(store->secret, key.data, key.bytes);
	HASH_FIND_BYHASHVALUE(hh, store->entries, key.data, (unsigned int)key.bytes, *hash, entry);
	return entry;
}

/* Whoever is due isn't there any more, whether it was swept or not. */
static struct entry *find(struct store *store, struct text key, uint64_t now_ns)
{
	unsigned int hash;
	struct entry *entry = look_up(store, key, &hash);

	if (!entry || entry->due_ns > now_ns)
		return entry;
	entry_remove(store, entry);
	store->expired++;
	return NULL;
}

static int add(struct store *store, struct text key, unsigned int hash, struct value *value,
	       uint64_t due_ns)
{
	struct entry *entry = make(store, entry_bytes(key.bytes));

	if (!entry)
		return -ENOMEM;
	entry->value = value;
	entry->due_ns = STORE_FOREVER;
	entry->key_bytes = (uint32_t)key.bytes;
	entry->homeless = false;
	memcpy(entry->key, key.data, key.bytes);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, store->entries, entry->key, entry->key_bytes, hash, entry);
	if (entry->homeless) {
		unmake(store, entry, entry_bytes(key.bytes));
		return -ENOMEM;
	}
	set_due(store, entry, due_ns);
	return 0;
}

struct value *store_get(struct store *store, struct text key, uint64_t now_ns)
{
	struct entry *entry = find(store, key, now_ns);

	return entry ? entry->value : NULL;
}

int store_set(struct store *store, struct text key, struct text text, uint64_t due_ns)
{
	unsigned int hash;
	struct entry *entry = look_up(store, key, &hash);
	struct value *value;
	int status = 0;

	if (due_ns != STORE_FOREVER && !make_room(store))
		return -ENOMEM;
	value = value_make(store, text);
	if (!value)
		return -ENOMEM;
	if (!entry) {
		status = add(store, key, hash, value, due_ns);
		if (status)
			value_drop(store, value);
		return status;
	}
	value_drop(store, entry->value);
	entry->value = value;
	set_due(store, entry, due_ns);
	return 0;
}

bool store_delete(struct store *store, struct text key, uint64_t now_ns)
{
	struct entry *entry = find(store, key, now_ns);

	if (entry)
		entry_remove(store, entry);
	return entry != NULL;
}

uint64_t store_due_ns(struct store *store, struct text key, uint64_t now_ns)
{
	const struct entry *entry = find(store, key, now_ns);

	return entry ? entry->due_ns : 0;
}

int store_expire(struct store *store, struct text key, uint64_t due_ns, uint64_t now_ns)
{
	struct entry *entry = find(store, key, now_ns);

	if (!entry)
		return -ENOENT;
	if (due_ns != STORE_FOREVER && !make_room(store))
		return -ENOMEM;
	set_due(store, entry, due_ns);
	return 0;
}

uint64_t store_next_ns(const struct store *store)
{
	return store->due_count ? store->due[0]->due_ns : STORE_FOREVER;
}

void store_sweep(struct store *store, uint64_t now_ns, uint32_t max)
{
	while (max-- > 0 && store_next_ns(store) <= now_ns) {
		entry_remove(store, store->due[0]);
		store->expired++;
	}
}

void store_clear(struct store *store)
{
	struct entry *entry, *next;

	HASH_ITER(hh, store->entries, entry, next) {
		HASH_DELETE(hh, store->entries, entry);
		entry_free(store, entry);
	}
	free(store->due);
	store_give(store, store->due_room * sizeof(*store->due));
	store->due = NULL;
	store->due_count = store->due_room = 0;
}
