/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/specimen.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "compare/backends.h"
#include "compare/laboratory/conversation.h"
#include "compare/laboratory/race.h"
#include "compare/laboratory/specimens/dirty_pool.h"

enum {
	ORDERS = 3,
	WITHOUT = SPECIMEN_WITHOUT,
	SAME_BATCH = 1 << DUET_LAB_SAME_BATCH,
	SATISFIED = 1 << DUET_LAB_SATISFIED,
	POSTED = 1 << DUET_LAB_POSTED,
	DISPATCHED = 1 << DUET_LAB_DISPATCHED,
	AFTER_BATCH = 1 << DUET_LAB_IN_FLIGHT | SATISFIED | POSTED | DISPATCHED,
	/* Nothing in these stands behind another one. */
	EVERYWHERE = SAME_BATCH | AFTER_BATCH
};

/* Invariants: the last bytes are missing, or others are missed where they were to be. */
enum {
	BYTES = 1 << DUET_LAB_BYTES | 1 << DUET_LAB_MIXED,
	LOANS = 1 << DUET_LAB_LOANS,
	CHECK = 1 << DUET_LAB_CHECK
};

/*
 * An eager reactor makes the call before the results in front of it were delivered. The reference has no
 * kernel: its first order is a reactor's, and in every order it does all that the contract allows, so
 * that it breaks whatever any twin breaks.
 */
const struct specimen_mechanism SPECIMEN_ON[SPECIMEN_MECHANISMS] = {
	{ "completion/deferred", "completion", "mode=deferred", 0 },
	{ "completion/plain", "completion", "mode=plain", 0 },
	{ "polling", "polling", NULL, 0 },
	{ "polling/eager", "polling", "eager=yes", 0 },
	{ "reference", "reference", "short=0,again=0,room=0", 0 },
	{ "reference/orders", "reference", "short=0,again=0,room=0", ORDERS },
};

/*
 * What goes on at the request is harmless on a reactor until the call was made, and on a ring until
 * the kernel has made it: with deferred task work when the loop looks, without as soon as the peer
 * acts. Memory that is taken back is the kernel's on a ring from the hand-over.
 */
const struct specimen SPECIMENS[] = {
	{ "conversation",
	  { .name = "discard-result", .does = "waits for the end, and believes that nothing came",
	    .discards = true },
	  "ClickHouse/silk#55, tokio-rs/tokio-uring#129",
	  { POSTED | DISPATCHED, SATISFIED | POSTED | DISPATCHED, DISPATCHED,
	    POSTED | DISPATCHED, DISPATCHED, AFTER_BATCH },
	  BYTES },
	{ "conversation",
	  { .name = "drop-and-forget", .does = "goes on at the request, and looks no more",
	    .release = RELEASE_AT_REQUEST, .discards = true },
	  "tokio-rs/tokio#7979, commonwarexyz/monorepo#3287",
	  { POSTED | DISPATCHED, SATISFIED | POSTED | DISPATCHED, DISPATCHED,
	    POSTED | DISPATCHED, DISPATCHED, AFTER_BATCH },
	  BYTES },
	{ "conversation",
	  { .name = "free-on-request", .does = "goes on at the request, with the same memory",
	    .release = RELEASE_AT_REQUEST, .discards = true, .reuses = true },
	  "DataDog/glommio#104, swiftlang/swift-subprocess#336",
	  { EVERYWHERE, EVERYWHERE, DISPATCHED, POSTED | DISPATCHED, DISPATCHED, EVERYWHERE },
	  BYTES | LOANS },
	{ "conversation",
	  { .name = "exact-on-stack", .does = "forgets the beginning of what was not whole",
	    .forgets = true },
	  "tokio-rs/tokio#3900, n0-computer/iroh-car#55",
	  { AFTER_BATCH, AFTER_BATCH, AFTER_BATCH, AFTER_BATCH, AFTER_BATCH, AFTER_BATCH },
	  BYTES },
	{ "race",
	  { .name = "discard-loser", .does = "counts what the winner brought", .discards = true },
	  "python/cpython#86296, google/comprehensive-rust#713",
	  { WITHOUT | EVERYWHERE, WITHOUT | EVERYWHERE, DISPATCHED, WITHOUT | EVERYWHERE, DISPATCHED,
	    WITHOUT | EVERYWHERE },
	  BYTES },
	{ "requests",
	  { .name = "return-dirty-connection", .does = "gives a connection back as it is",
	    .dirties = true },
	  "aio-libs-abandoned/aioredis-py#59",
	  /* What a reactor's callback starts is tried before the turn is over. */
	  { EVERYWHERE, EVERYWHERE, AFTER_BATCH, AFTER_BATCH, AFTER_BATCH, EVERYWHERE },
	  CHECK },
	{ NULL, { 0 }, NULL, { 0 }, 0 },
};

static const struct {
	const char *name;
	void (*make)(const struct policy *policy, struct duet_lab_workload *workload);
} SPECIMEN_WORKLOADS[] = {
	{ "conversation", conversation_workload },
	{ "race", race_workload },
	{ "requests", dirty_pool_workload },
};

static void make(const char *name, const struct policy *policy, struct duet_lab_workload *workload)
{
	for (size_t i = 0; i < sizeof(SPECIMEN_WORKLOADS) / sizeof(*SPECIMEN_WORKLOADS); i++) {
		if (!strcmp(SPECIMEN_WORKLOADS[i].name, name))
			SPECIMEN_WORKLOADS[i].make(policy, workload);
	}
}

static void note(struct specimen_seen *seen, const struct duet_lab_outcome *outcome)
{
	if (outcome->verdict != DUET_LAB_VIOLATION || (outcome->point && outcome->kind != DUET_LAB_SCOPE))
		return;
	seen->breaks |= outcome->point ? 1u << outcome->phase : (unsigned int)SPECIMEN_WITHOUT;
	seen->violates |= UINT32_C(1) << outcome->invariant;
}

int specimen_sweep(const char *name, const struct policy *policy,
		   const struct specimen_mechanism *on, struct specimen_seen *seen,
		   struct duet_lab_sweep *sweep)
{
	struct duet_lab_workload workload;
	int error;

	make(name, policy, &workload);
	*sweep = (struct duet_lab_sweep){ .workload = &workload,
					  .backend = backends_find(on->backend),
					  .tuning = on->tuning,
					  .orders_depth = on->orders_depth };
	error = duet_lab_run(sweep);
	sweep->workload = NULL;
	*seen = (struct specimen_seen){ 0 };
	for (uint32_t i = 0; !error && i < sweep->outcome_count; i++)
		note(seen, &sweep->outcomes[i]);
	return error;
}
