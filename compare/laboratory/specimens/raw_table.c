/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/raw_table.h"

enum {
	NOWHERE = 0,
	SAME_BATCH = 1 << DUET_LAB_SAME_BATCH,
	IN_FLIGHT = 1 << DUET_LAB_IN_FLIGHT,
	SATISFIED = 1 << DUET_LAB_SATISFIED,
	POSTED = 1 << DUET_LAB_POSTED,
	DISPATCHED = 1 << DUET_LAB_DISPATCHED,
	BEFORE_RESULT = SAME_BATCH | IN_FLIGHT | SATISFIED | POSTED,
	EVERYWHERE = BEFORE_RESULT | DISPATCHED
};

/* What is violated: who loses bytes is in want of them later on. */
enum {
	LOST = 1 << RAW_LOST | 1 << RAW_NEVER_RECEIVED,
	CROSSED = 1 << RAW_CROSSED,
	ENDLESS = 1 << RAW_GOES_ON | 1 << RAW_NEVER_ENDS,
	STOLEN = 1 << RAW_LOST | CROSSED | 1 << RAW_STOPPED | ENDLESS
};

const struct raw_specimen RAW_SPECIMENS[] = {
	{ "trust-cancel-answer", "takes a cancel that succeeded for proof that nothing came",
	  "axboe/liburing#1252, #1422", RAW_WHOLE, RAW_TRUST_CANCEL_ANSWER,
	  { POSTED, SATISFIED | POSTED, NOWHERE, POSTED },
	  LOST | CROSSED },
	{ "not-found-is-done", "takes \"not found\" for the end, and the memory back",
	  "foyer-rs/foyer#1286, DataDog/glommio#52", RAW_CHAINED, RAW_NOT_FOUND_IS_DONE,
	  { BEFORE_RESULT, BEFORE_RESULT, DISPATCHED, POSTED | DISPATCHED },
	  LOST | 1 << RAW_WRITTEN_LATE },
	{ "close-is-barrier", "closes the descriptor, and takes the memory back",
	  "axboe/liburing#568, #329", RAW_CLOSING, RAW_CLOSE_IS_BARRIER,
	  { IN_FLIGHT | SATISFIED, IN_FLIGHT, NOWHERE, NOWHERE },
	  1 << RAW_WRITTEN_LATE },
	{ "close-queued-not-run", "puts the close into the queue, and leaves the loop",
	  "monoio-rs/monoio#229", RAW_CLOSING, RAW_CLOSE_QUEUED_NOT_RUN,
	  { EVERYWHERE, EVERYWHERE, NOWHERE, NOWHERE },
	  1 << RAW_STAYS_OPEN },
	{ "no-generation", "gives the slot to the next operation at the request",
	  "mitchellh/libxev#233, tokio-rs/tokio#8112", RAW_SUCCEEDED, RAW_NO_GENERATION,
	  { BEFORE_RESULT, BEFORE_RESULT, NOWHERE, POSTED },
	  STOLEN | 1 << RAW_NEVER_RECEIVED },
	{ "number-keyed", "knows an operation by its descriptor's number",
	  "netty/netty-incubator-transport-io_uring#194, creytiv/re#266", RAW_REPLACED,
	  RAW_NUMBER_KEYED, { BEFORE_RESULT, BEFORE_RESULT, NOWHERE, POSTED },
	  STOLEN },
	{ "edge-no-relatch", "forgets an edge whose waiter was cancelled",
	  "pjsip/pjproject#3018, ponylang/ponyc#1564", RAW_PLAIN, RAW_EDGE_NO_RELATCH,
	  { NOWHERE, NOWHERE, SATISFIED | POSTED, SATISFIED },
	  1 << RAW_NEVER_RECEIVED },
	{ "bare-pointer-user-data", "frees the operation at the request; the event has its address",
	  "axboe/liburing#963, wxWidgets/wxWidgets#26924", RAW_PLAIN, RAW_BARE_POINTER,
	  { EVERYWHERE, EVERYWHERE, POSTED | DISPATCHED, POSTED | DISPATCHED },
	  LOST | ENDLESS | 1 << RAW_TOUCHED },
	{ "no-retry-already", "doesn't ask again after \"already\" (which is put in here)",
	  "dreamlike-ocean/PanamaUring#55, ocaml-multicore/eio#51", RAW_BUSY, RAW_NO_RETRY_ALREADY,
	  { SAME_BATCH | IN_FLIGHT, SAME_BATCH | IN_FLIGHT, NOWHERE, NOWHERE },
	  1 << RAW_GOES_ON },
	{ "drop-cancel-when-full", "drops the cancel when the queue has no place for it",
	  "lalinsky/zio#623", RAW_CROWDED, RAW_DROP_CANCEL_WHEN_FULL,
	  { SAME_BATCH | IN_FLIGHT, SAME_BATCH | IN_FLIGHT, NOWHERE, NOWHERE },
	  1 << RAW_GOES_ON },
	{ "ignore-buffer-on-error", "doesn't return a buffer that came with an error",
	  "axboe/liburing#359, compio-rs/compio#746", RAW_PICKED, RAW_IGNORE_BUFFER_ON_ERROR,
	  { IN_FLIGHT, IN_FLIGHT, NOWHERE, NOWHERE },
	  1 << RAW_NO_BUFFER },
	{ "zero-copy-free-on-first", "takes the memory back with the first completion of two",
	  "axboe/liburing#643, spdk/spdk#3610", RAW_ZERO_COPY, RAW_ZERO_COPY_FREE_ON_FIRST,
	  { SAME_BATCH | POSTED | DISPATCHED, SAME_BATCH | POSTED | DISPATCHED, NOWHERE, NOWHERE },
	  1 << RAW_SENT_LATER },
	{ 0 },
};

int raw_sweep(const struct raw_specimen *specimen, enum raw_mistake mistake, int on,
	      struct raw_seen *seen)
{
	*seen = (struct raw_seen){ 0, 0 };
	for (int phase = 0; phase < DUET_LAB_PHASE_COUNT; phase++) {
		unsigned int violations = 0;
		int error;

		if (!raw_has(specimen->scene, (enum duet_lab_phase)phase))
			continue;
		error = raw_trial(&RAW_ON[on], specimen->scene, mistake, (enum duet_lab_phase)phase,
				  &violations);
		if (error)
			return error;
		seen->violates |= violations;
		if (violations)
			seen->breaks |= 1u << phase;
	}
	return 0;
}
