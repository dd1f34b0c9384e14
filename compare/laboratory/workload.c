/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/workload.h"

#include <string.h>

#include "compare/laboratory/accept.h"
#include "compare/laboratory/conversation.h"
#include "compare/laboratory/file.h"
#include "compare/laboratory/futures.h"
#include "compare/laboratory/native.h"
#include "compare/laboratory/pipeline.h"
#include "compare/laboratory/pool.h"
#include "compare/laboratory/race.h"
#include "compare/laboratory/rounds.h"
#include "compare/laboratory/upload.h"

const struct workload WORKLOADS[] = {
	{ "conversation", "questions in ragged pieces, answered one by one", conversation_workload,
	  { { 0 } } },
	{ "race", "two connections of which one is heard first, as children of a scope",
	  race_workload,
	  { { 0 } } },
	{ "race-combinator", "the same inside one body: duet_race()", race_combinator_workload,
	  { { 0 } } },
	{ "join", "both of two connections are heard, as children of a scope", join_workload,
	  { { 0 } } },
	{ "join-combinator", "the same inside one body: duet_join()", join_combinator_workload,
	  { { 0 } } },
	{ "hot", "two receives of a task, started when made, awaited one by one", hot_workload,
	  { { "copy-through", "what a future receives into is its own memory anyway" } } },
	{ "cold", "the same, each started when it is first awaited", cold_workload,
	  { { "copy-through", "what a future receives into is its own memory anyway" } } },
	{ "pool", "three users of two connections, who wait in line for a permit", pool_workload,
	  { { 0 } } },
	{ "accept", "a multishot accept whose connections are each served", accept_workload,
	  { { 0 } } },
	{ "pipeline", "messages through a chain of steps, in buffers of the pool",
	  pipeline_workload,
	  { { "copy-through", "its memory is the pool's, and only there when something came" } } },
	{ "file", "records written, counted, made durable and read back", file_workload,
	  { { 0 } } },
	{ "upload", "chunks, each acknowledged; a cleanup writes a trailer and closes",
	  upload_workload,
	  { { 0 } } },
	{ 0 },
};

const struct workload *workload_find(const char *name)
{
	for (const struct workload *workload = WORKLOADS; workload->name; workload++) {
		if (!strcmp(workload->name, name))
			return workload;
	}
	return NULL;
}

const char *workload_why_not(const struct workload *workload, const char *policy)
{
	for (const struct workload_without *row = workload->without; row->policy; row++) {
		if (!strcmp(row->policy, policy))
			return row->why;
	}
	return NULL;
}
