/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/swept.h"

#include <string.h>

#include "compare/laboratory/accept.h"
#include "compare/laboratory/children_cxx.h"
#include "compare/laboratory/conversation.h"
#include "compare/laboratory/errand.h"
#include "compare/laboratory/file.h"
#include "compare/laboratory/futures.h"
#include "compare/laboratory/native.h"
#include "compare/laboratory/pipeline.h"
#include "compare/laboratory/pool.h"
#include "compare/laboratory/race.h"
#include "compare/laboratory/rounds.h"
#include "compare/laboratory/upload.h"

/* Where there is nothing to choose. */
#define ONLY_AWAITED(why)                                                                          \
	{ "copy-through", why }, { "move-and-reap", why }, { "poll-drop", why }, { "scope", why }

const struct swept SWEPT[] = {
	{ .name = "conversation", .make = conversation_workload,
	  .make_native = native_conversation_workload,
	  .does = "questions in ragged pieces, answered one by one" },
	{ .name = "race", .make = race_workload, .make_native = native_race_workload,
	  .does = "two connections, of which one is heard first: children of a scope" },
	{ .name = "race-combinator", .make = race_combinator_workload,
	  .does = "the same inside one body, by duet_race()",
	  .without = { ONLY_AWAITED("a combinator awaits its operations") } },
	{ .name = "join", .make = join_workload,
	  .does = "two connections, of which both are heard: children of a scope" },
	{ .name = "join-combinator", .make = join_combinator_workload,
	  .does = "the same inside one body, by duet_join()",
	  .without = { ONLY_AWAITED("a combinator awaits its operations") } },
	{ .name = "hot", .make = hot_workload,
	  .does = "two receives of a task, started when made, awaited one by one",
	  .without = { ONLY_AWAITED("a task awaits its futures") } },
	{ .name = "cold", .make = cold_workload,
	  .does = "the same, each started when it is first awaited",
	  .without = { ONLY_AWAITED("a task awaits its futures") } },
	{ .name = "pool", .make = pool_workload,
	  .does = "three users of two connections, who wait in line for a permit",
	  .without = { { "move-and-reap", "a permit is given back when its connection is quiet" } } },
	{ .name = "accept", .make = accept_workload,
	  .does = "a multishot accept, whose connections are each served and closed" },
	{ .name = "pipeline", .make = pipeline_workload,
	  .does = "messages through a chain of sixteen steps, in buffers of a pool",
	  .without = { ONLY_AWAITED("it lends no memory of its own: a pool's buffers are awaited") } },
	{ .name = "file", .make = file_workload,
	  .does = "records written, counted in a header, made durable and read back",
	  .kernel_only = "a file of the kernel's",
	  .without = { ONLY_AWAITED("what a disk has begun is awaited: there is no other way") } },
	{ .name = "upload", .make = upload_workload,
	  .does = "chunks, each acknowledged; a cleanup sends a trailer and closes",
	  .turns_max = 32,
	  .without = { { "move-and-reap", "its cleanup goes on with the same connection" },
		       { "poll-drop", "what a future starts is no part of the cleanup" } } },
	{ .name = "coroutine", .make = errand_coroutine_workload,
	  .does = "an upload as a coroutine, which says goodbye and closes on every way out",
	  .turns_max = 32, .without = { ONLY_AWAITED("a task awaits its operations") } },
	{ .name = "future", .make = errand_future_workload,
	  .does = "the same as a future of futures, whose goodbye and close are shielded",
	  .turns_max = 32, .without = { ONLY_AWAITED("a task awaits its futures") } },
	{ .name = "fiber", .make = errand_fiber_workload,
	  .does = "the same upload as a fiber",
	  .turns_max = 32, .without = { ONLY_AWAITED("a task awaits its operations") } },
	{ .name = "actor", .make = errand_actor_workload,
	  .does = "the same upload by an actor, which is asked for it in a letter",
	  .turns_max = 32, .without = { ONLY_AWAITED("a task awaits its operations") } },
#ifdef DUET_CXX
	{ .name = "c++20", .make = errand_cxx_workload,
	  .does = "the same upload as tasks of C++20, unwound by an exception",
	  .turns_max = 32, .without = { ONLY_AWAITED("a task awaits its operations") } },
	{ .name = "c++20-children", .make = children_cxx_workload,
	  .does = "two connections, heard by all of its tasks, by hot ones, by the first of them",
	  .without = { ONLY_AWAITED("a task awaits its operations") } },
#endif
	{ 0 },
};

const char *swept_why_not(const struct swept *workload, const char *policy)
{
	for (const struct swept_without *row = workload->without; row->policy; row++) {
		if (!strcmp(row->policy, policy))
			return row->why;
	}
	return NULL;
}
