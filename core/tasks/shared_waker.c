/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/shared_waker.h"

#include <errno.h>
#include <stdlib.h>

#include "core/lifecycle.h"
#include "core/loop.h"
#include "core/scope.h"

/*
 * A slot: what all shares in one waker point to. Its references are counted in one word together with
 * whether the waker still has it, so that exactly one finds that nobody is left: the loop's thread, when the
 * waker goes last, or the thread that drops the last share.
 *
 *	free --share--> attached --(waker goes)--> detached --(last share goes)--> free
 *	                    |
 *	                    +--(waker goes, and no share is left)--> free
 *
 * A slot that comes free while a wake is on its way is given back when that has arrived.
 */
#define ATTACHED (1u << 31)

struct slot {
	struct duet_message message; /* a wake on its way */
	struct core_shared_table *table;
	struct duet_waker *target; /* the loop's thread's; NULL: it has ended */
	atomic_uint references;
	atomic_uint generation; /* raised when it comes free */
	atomic_uint queued;     /* `message` is under way */
	uint32_t next;          /* free, or dropped: index + 1 */
	uint8_t doomed;         /* free, as soon as no message is under way */
};

struct core_shared_table {
	struct slot *slots;
	atomic_uint dropped; /* whose last share went after the waker: pushed by any thread, taken whole */
	atomic_ullong stale;
	uint64_t delivered;
	uint64_t late;
	uint32_t free;
	uint32_t used;
};

/* ---- Slots, on the loop's thread. ---- */

static void give_back(struct core_shared_table *table, struct slot *slot)
{
	slot->doomed = 0;
	atomic_fetch_add_explicit(&slot->generation, 1, memory_order_relaxed);
	slot->next = table->free;
	table->free = (uint32_t)(slot - table->slots) + 1;
	table->used--;
}

static void give_back_or_doom(struct core_shared_table *table, struct slot *slot)
{
	if (atomic_load_explicit(&slot->queued, memory_order_acquire))
		slot->doomed = 1;
	else
		give_back(table, slot);
}

static void reclaim(struct core_shared_table *table)
{
	uint32_t at = atomic_exchange_explicit(&table->dropped, 0, memory_order_acquire);

	while (at) {
		struct slot *slot = &table->slots[at - 1];

		at = slot->next;
		give_back_or_doom(table, slot);
	}
}

static uint32_t take(struct core_shared_table *table, struct duet_waker *waker)
{
	uint32_t at;

	if (!table->free)
		reclaim(table);
	at = table->free;
	if (!at)
		return 0;
	table->free = table->slots[at - 1].next;
	table->slots[at - 1].target = waker;
	atomic_store_explicit(&table->slots[at - 1].references, ATTACHED, memory_order_relaxed);
	table->used++;
	return at;
}

int duet_waker_share(struct duet_scheduler *scheduler, struct duet_waker *waker,
		     struct duet_shared_waker *shared)
{
	struct core_shared_table *table = scheduler->shared;
	struct slot *slot;

	*shared = (struct duet_shared_waker){0};
	core_check_owner(scheduler->loop);
	if (!waker->shared && table)
		waker->shared = take(table, waker);
	if (!waker->shared)
		return -ENOBUFS;
	slot = &table->slots[waker->shared - 1];
	atomic_fetch_add_explicit(&slot->references, 1, memory_order_relaxed);
	*shared = (struct duet_shared_waker){
		.scheduler = scheduler,
		.slot = waker->shared,
		.generation = atomic_load_explicit(&slot->generation, memory_order_relaxed)};
	return 0;
}

void duet_waker_unshare(struct duet_scheduler *scheduler, struct duet_waker *waker)
{
	struct slot *slot;

	if (!waker->shared)
		return;
	slot = &scheduler->shared->slots[waker->shared - 1];
	waker->shared = 0;
	slot->target = NULL;
	if (atomic_fetch_and_explicit(&slot->references, ~ATTACHED, memory_order_acq_rel) == ATTACHED)
		give_back_or_doom(scheduler->shared, slot);
}

/* ---- Shares, on any thread. ---- */

/* The slot of a share that is one; a number that has gone is told by its generation. */
static struct slot *find(const struct duet_shared_waker *shared)
{
	struct core_shared_table *table = shared->scheduler ? shared->scheduler->shared : NULL;
	struct slot *slot = table ? &table->slots[shared->slot - 1] : NULL;

	if (slot && atomic_load_explicit(&slot->generation, memory_order_relaxed) ==
			    shared->generation)
		return slot;
#ifdef DUET_DEBUG
	core_abort_dropped(shared);
#endif
	if (table)
		atomic_fetch_add_explicit(&table->stale, 1, memory_order_relaxed);
	return NULL;
}

void duet_shared_waker_wake(const struct duet_shared_waker *shared)
{
	struct slot *slot = find(shared);

	/* Whoever finds it queued has written before the loop takes the flag back. */
	if (slot && !atomic_exchange_explicit(&slot->queued, 1, memory_order_acq_rel))
		duet_loop_post(shared->scheduler->loop, &slot->message);
}

struct duet_shared_waker duet_shared_waker_clone(const struct duet_shared_waker *shared)
{
	struct slot *slot = find(shared);

	if (!slot)
		return (struct duet_shared_waker){0};
	atomic_fetch_add_explicit(&slot->references, 1, memory_order_relaxed);
	return *shared;
}

/* Release: who takes the list sees the link. */
static void push_dropped(struct core_shared_table *table, struct slot *slot)
{
	uint32_t first = atomic_load_explicit(&table->dropped, memory_order_relaxed);
	uint32_t at = (uint32_t)(slot - table->slots) + 1;

	do {
		slot->next = first;
	} while (!atomic_compare_exchange_weak_explicit(&table->dropped, &first, at,
							memory_order_release,
							memory_order_relaxed));
}

void duet_shared_waker_drop(struct duet_shared_waker *shared)
{
	struct slot *slot = find(shared);

	if (!slot)
		return;
	shared->generation = 0;
	if (atomic_fetch_sub_explicit(&slot->references, 1, memory_order_acq_rel) == 1)
		push_dropped(slot->table, slot);
}

/* ---- A wake arrives, on the loop's thread. ---- */

static void deliver(struct duet_message *message)
{
	struct slot *slot = CORE_CONTAINER(struct slot, message, message);

	/* From here on it may be woken again. */
	atomic_exchange_explicit(&slot->queued, 0, memory_order_acq_rel);
	if (slot->target) {
		slot->table->delivered++;
		duet_waker_wake(slot->target);
	} else {
		slot->table->late++;
	}
	if (slot->doomed)
		give_back(slot->table, slot);
}

void duet_shared_waker_stats(const struct duet_scheduler *scheduler,
			     struct duet_shared_stats *stats)
{
	struct core_shared_table *table = scheduler->shared;

	*stats = (struct duet_shared_stats){0};
	if (!table)
		return;
	reclaim(table);
	stats->delivered = table->delivered;
	stats->late = table->late;
	stats->stale = atomic_load_explicit(&table->stale, memory_order_relaxed);
	stats->used = table->used;
}

/* ---- The table. ---- */

int core_shared_create(struct duet_scheduler *scheduler, uint32_t count)
{
	struct core_shared_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->slots = calloc(count, sizeof(*table->slots));
	if (!table->slots) {
		free(table);
		return -ENOMEM;
	}
	for (uint32_t at = count; at; at--) {
		struct slot *slot = &table->slots[at - 1];

		slot->message.fn = deliver;
		slot->table = table;
		/* A share of zeros is none. */
		atomic_init(&slot->generation, 1);
		slot->next = table->free;
		table->free = at;
	}
	scheduler->shared = table;
	return 0;
}

int core_shared_destroy(struct duet_scheduler *scheduler)
{
	struct core_shared_table *table = scheduler->shared;

	reclaim(table);
	if (table->used)
		return -EBUSY;
	free(table->slots);
	free(table);
	scheduler->shared = NULL;
	return 0;
}
