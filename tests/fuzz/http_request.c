/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a client of the server of files may send, whole and in pieces: the same requests come out of it.
 * The first byte of the input is how long the pieces are. */
#include <string.h>

#include "compare/http/request.h"
#include "tests/support/fuzz.h"

enum { INPUT_MAX = 8192, OUT_MAX = 1 << 18 };

struct outcome {
	char text[OUT_MAX];
	size_t bytes;
};

static struct request request;
static struct outcome whole, pieces;

static void note(struct outcome *outcome, const void *data, size_t bytes)
{
	if (bytes > sizeof(outcome->text) - outcome->bytes)
		bytes = sizeof(outcome->text) - outcome->bytes;
	memcpy(outcome->text + outcome->bytes, data, bytes);
	outcome->bytes += bytes;
}

static void note_request(struct outcome *outcome, int status)
{
	note(outcome, &status, sizeof(status));
	if (status != 1)
		return;
	FUZZ_CHECK(request.target_bytes <= sizeof(request.target));
	FUZZ_CHECK(request.path >= request.target);
	FUZZ_CHECK(request.path_bytes <=
		   request.target_bytes - (size_t)(request.path - request.target));
	note(outcome, request.path, request.path_bytes);
	note(outcome, &request.method, sizeof(request.method));
	note(outcome, &request.stays, sizeof(request.stays));
	note(outcome, &request.hosts, sizeof(request.hosts));
	for (int i = 0; i < REQUEST_FIELDS; i++) {
		size_t length = strnlen(request.fields[i], REQUEST_FIELD_MAX);

		FUZZ_CHECK(length < REQUEST_FIELD_MAX);
		note(outcome, request.fields[i], length + 1);
	}
}

/* One after the other, until one is refused. */
static void feed(struct outcome *outcome, const char *data, size_t bytes, size_t piece)
{
	int status = 0;
	size_t used;

	outcome->bytes = 0;
	request_begin(&request);
	for (size_t at = 0; at < bytes && status <= 1; at += used) {
		size_t left = bytes - at;

		status = request_feed(&request, data + at, piece < left ? piece : left, &used);
		FUZZ_CHECK(used <= left && (used || status));
		if (status)
			note_request(outcome, status);
		if (status == 1)
			request_begin(&request);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2 || bytes > INPUT_MAX)
		return 0;
	feed(&whole, (const char *)data + 1, bytes - 1, bytes - 1);
	feed(&pieces, (const char *)data + 1, bytes - 1, (size_t)*data % 32 + 1);
	FUZZ_CHECK(whole.bytes == pieces.bytes && !memcmp(whole.text, pieces.text, whole.bytes));
	return 0;
}
