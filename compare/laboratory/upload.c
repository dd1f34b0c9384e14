/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/upload.h"

#include <stddef.h>

#include "compare/laboratory/step.h"

enum { ATTEMPTS = 3, CHUNKS = 3, CHUNK_BYTES = 8, TRAILER_BYTES = 4, ANSWER_BYTES = 2 };

struct upload {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope scope;
	struct duet_cleanup trailing;
	struct duet_closing closing;
	struct step step;
	unsigned char memory[CHUNK_BYTES];
	struct {
		duet_handle handle;
		int peer;
	} connections[ATTEMPTS];
	unsigned attempt;
	bool over;         /* the trailer is sent and acknowledged */
	unsigned trailers; /* how often the cleanup ran */
	const char *wrong;
	uint32_t chunks; /* acknowledged ones */
	uint64_t placed; /* bytes sent on this connection */
	uint32_t to_send;
	uint32_t to_hear;
	unsigned char answer[ANSWER_BYTES];
};

static void go_on(struct upload *upload);
static void trail(struct duet_scope *scope, struct duet_cleanup *cleanup);

static int peer_of(const struct upload *upload)
{
	return upload->connections[upload->attempt].peer;
}

static duet_handle handle_of(const struct upload *upload)
{
	return upload->connections[upload->attempt].handle;
}

/* ---- One exchange: so many bytes, and an answer. ---- */

static void on_step(struct step *step)
{
	struct upload *upload = step->context;

	if (upload->to_send) {
		duet_lab_sent(upload->lab, peer_of(upload), step->bytes);
		upload->placed += step->bytes;
		upload->to_send -= step->bytes;
	} else {
		duet_lab_received(upload->lab, peer_of(upload), step->data, step->bytes);
		upload->to_hear -= step->bytes;
	}
	go_on(upload);
}

static void say(struct upload *upload)
{
	duet_lab_fill(upload->lab, peer_of(upload), upload->placed, upload->memory,
		      upload->to_send);
	step_send(&upload->step, &upload->scope, handle_of(upload), upload->memory,
		  upload->to_send);
}

static void hear(struct upload *upload)
{
	step_receive(&upload->step, &upload->scope, handle_of(upload),
		     upload->policy->copies ? upload->memory : upload->answer, upload->to_hear);
}

static void begin(struct upload *upload, uint32_t bytes)
{
	upload->to_send = bytes;
	upload->to_hear = ANSWER_BYTES;
}

static void defer(struct upload *upload)
{
	upload->trailing.run = trail;
	duet_scope_defer(&upload->scope, &upload->trailing);
	duet_lab_cleanup_registered(upload->lab);
}

static void next_chunk(struct upload *upload)
{
	upload->chunks++;
	if (upload->policy->forgets && upload->chunks == 1)
		defer(upload);
	if (upload->chunks < CHUNKS)
		begin(upload, CHUNK_BYTES);
}

static void go_on(struct upload *upload)
{
	bool trailing = upload->trailers > 0;

	if (!upload->to_send && !upload->to_hear && trailing)
		upload->over = true;
	else if (!upload->to_send && !upload->to_hear)
		next_chunk(upload);
	if (upload->to_send)
		say(upload);
	else if (upload->to_hear)
		hear(upload);
}

/* ---- The scope. ---- */

/* A chunk that was being sent is left as it is: the trailer says where it ends. */
static void trail(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct upload *upload = scope->context;

	(void)cleanup;
	upload->trailers++;
	duet_lab_cleanup_ran(upload->lab);
	begin(upload, TRAILER_BYTES);
	go_on(upload);
}

static void joined(struct duet_scope *scope)
{
	struct upload *upload = scope->context;

	if (!upload->over || upload->trailers != 1)
		upload->wrong = "the cleanup didn't run once before the join";
	else if (duet_handle_fd(scope->loop, handle_of(upload)) >= 0)
		upload->wrong = "the connection is open after the join";
	if (upload->chunks == CHUNKS)
		duet_lab_finish(upload->lab);
}

/* The connection is taken, and in the same step it is said how it is to end: last in, first out. */
static void take(struct upload *upload)
{
	duet_scope_defer_close(&upload->scope, &upload->closing, handle_of(upload));
	if (!upload->policy->forgets)
		defer(upload);
}

/* ---- The workload. ---- */

static int set_up(struct duet_lab *lab, void *state)
{
	struct upload *upload = state;

	upload->lab = lab;
	upload->policy = duet_lab_context(lab);
	step_init(&upload->step, upload->policy, lab, on_step, upload);
	for (int i = 0; i < ATTEMPTS; i++) {
		int peer = duet_lab_pair(lab, &upload->connections[i].handle);

		if (peer < 0)
			return peer;
		upload->connections[i].peer = peer;
		for (int k = 0; k <= CHUNKS; k++) {
			duet_lab_peer_receives(lab, peer, k < CHUNKS ? CHUNK_BYTES : TRAILER_BYTES);
			duet_lab_peer_sends(lab, peer, ANSWER_BYTES);
		}
	}
	return 0;
}

/* Each body on a connection of its own: what was begun on another has got its trailer. */
static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct upload *upload = state;
	struct duet_scope_options options;

	upload->attempt = duet_lab_attempt(lab);
	if (upload->attempt > 0)
		duet_lab_declare_partial(lab);
	upload->chunks = upload->trailers = 0;
	upload->placed = 0;
	upload->over = false;
	duet_scope_options_init(&options);
	options.context = upload;
	if (duet_scope_open(&upload->scope, duet_lab_loop(lab), scope, &options))
		return;
	take(upload);
	begin(upload, CHUNK_BYTES);
	go_on(upload);
	duet_scope_join(&upload->scope, joined);
}

static const char *check(struct duet_lab *lab, void *state)
{
	(void)lab;
	return ((struct upload *)state)->wrong;
}

void upload_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "upload",
						.state_bytes = sizeof(struct upload),
						.set_up = set_up, .body = body, .check = check,
						.context = policy };
}
