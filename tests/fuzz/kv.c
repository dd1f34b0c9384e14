/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a client of the store may send, whole and in pieces: the answers are the same, none of them runs
 * over its room, and no memory is left or missing in the store's account. The first byte of the input is
 * how long the pieces are. */
#include <string.h>

#include "compare/kv/execute.h"
#include "tests/support/fuzz.h"

enum { INPUT_MAX = 8192, ANSWERS_MAX = 1 << 20, MEMORY_BYTES = 12000 };

struct conversation {
	struct store store;
	struct resp resp;
	struct reply reply;
	char data[INPUT_MAX];
	size_t first, end;
	char answers[ANSWERS_MAX];
	size_t answer_bytes;
};

static struct conversation whole, pieces;

static void begin(struct conversation *conversation)
{
	static const uint64_t SECRET[2] = { 1, 2 };

	store_init(&conversation->store, MEMORY_BYTES, SECRET);
	resp_begin(&conversation->resp);
	conversation->reply.ends = false;
	conversation->first = conversation->end = conversation->answer_bytes = 0;
}

static void keep(struct conversation *conversation, const void *data, size_t bytes)
{
	size_t room = sizeof(conversation->answers) - conversation->answer_bytes;

	if (bytes > room)
		bytes = room;
	if (bytes)
		memcpy(conversation->answers + conversation->answer_bytes, data, bytes);
	conversation->answer_bytes += bytes;
}

static void send_reply(struct conversation *conversation)
{
	struct reply *reply = &conversation->reply;

	FUZZ_CHECK(reply->bytes <= sizeof(reply->room));
	keep(conversation, reply->room, reply->bytes);
	keep(conversation, reply->string.data, reply->string.bytes);
	if (reply->holds)
		value_drop(&conversation->store, reply->holds);
	reply_begin(reply);
}

static void check_request(const struct conversation *conversation)
{
	const struct resp *resp = &conversation->resp;

	FUZZ_CHECK(resp->count <= RESP_ARGUMENTS_MAX);
	FUZZ_CHECK(resp->looked_bytes <= conversation->end - conversation->first);
	for (uint32_t i = 0; i < resp->count; i++) {
		FUZZ_CHECK(resp->arguments[i].offset <= resp->looked_bytes);
		FUZZ_CHECK(resp->arguments[i].bytes <= resp->looked_bytes - resp->arguments[i].offset);
	}
}

/* The time of a request is its place, so that it is the same however it comes. */
static void answer(struct conversation *conversation)
{
	struct resp *resp = &conversation->resp;
	struct execution execution = { &conversation->store, &conversation->reply, 0, resp, NULL };
	int status = 1;

	while (status > 0 && !conversation->reply.ends) {
		execution.data = conversation->data + conversation->first;
		execution.now_ns = 1 + conversation->first * 1000000;
		status = resp_feed(resp, conversation->data + conversation->first,
				   conversation->end - conversation->first);
		if (status < 0) {
			reply_error(&conversation->reply, "ERR %s", resp->error);
			conversation->reply.ends = true;
		}
		if (status <= 0)
			break;
		check_request(conversation);
		if (resp->count) {
			size_t before = conversation->reply.bytes;

			execute(&execution);
			FUZZ_CHECK(conversation->reply.bytes - before <= REPLY_ROOM);
			FUZZ_CHECK(conversation->store.used_bytes <= MEMORY_BYTES);
		}
		conversation->first += resp->looked_bytes;
		resp_begin(resp);
		send_reply(conversation);
	}
	send_reply(conversation);
}

static void feed(struct conversation *conversation, const uint8_t *data, size_t bytes, size_t piece)
{
	begin(conversation);
	for (size_t at = 0; at < bytes && !conversation->reply.ends; at += piece) {
		size_t count = piece < bytes - at ? piece : bytes - at;

		memcpy(conversation->data + at, data + at, count);
		conversation->end += count;
		reply_begin(&conversation->reply);
		answer(conversation);
	}
	store_sweep(&conversation->store, STORE_FOREVER - 1, UINT32_MAX);
	FUZZ_CHECK(store_next_ns(&conversation->store) == STORE_FOREVER);
	store_clear(&conversation->store);
	FUZZ_CHECK(conversation->store.used_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2 || bytes > INPUT_MAX)
		return 0;
	feed(&whole, data + 1, bytes - 1, bytes - 1);
	feed(&pieces, data + 1, bytes - 1, (size_t)*data % 32 + 1);
	FUZZ_CHECK(whole.answer_bytes == pieces.answer_bytes);
	FUZZ_CHECK(!memcmp(whole.answers, pieces.answers, whole.answer_bytes));
	return 0;
}
