/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/rockets/answer.h"

#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 200, ROOM_MIN = 1024 };

_Static_assert(sizeof(http_parser) <= ANSWER_PARSER_BYTES, "an answer has room for its parser");

static http_parser *parser_of(struct answer *answer)
{
	return (void *)answer->parser;
}

/* Twice as much as before, so that a long body isn't copied for each piece of it. */
static bool make_room(struct answer *answer, size_t bytes)
{
	size_t room_bytes = answer->room_bytes ? answer->room_bytes : ROOM_MIN;
	char *body;

	while (room_bytes < bytes)
		room_bytes *= 2;
	if (room_bytes == answer->room_bytes)
		return true;
	body = realloc(answer->body, room_bytes);
	if (!body)
		return false;
	answer->body = body;
	answer->room_bytes = room_bytes;
	return true;
}

static int on_body(http_parser *parser, const char *data, size_t bytes)
{
	struct answer *answer = parser->data;

	if (!make_room(answer, answer->body_bytes + bytes)) {
		answer->error = -ENOMEM;
		return -1;
	}
	memcpy(answer->body + answer->body_bytes, data, bytes);
	answer->body_bytes += bytes;
	return 0;
}

static int on_whole(http_parser *parser)
{
	struct answer *answer = parser->data;

	answer->whole = true;
	answer->status = parser->status_code;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings SETTINGS = {
	.on_body = on_body,
	.on_message_complete = on_whole,
};

void answer_begin(struct answer *answer)
{
	http_parser *parser = parser_of(answer);

	answer->status = 0;
	answer->body_bytes = answer->behind_bytes = 0;
	answer->whole = false;
	answer->error = 0;
	http_parser_init(parser, HTTP_RESPONSE);
	parser->data = answer;
}

int answer_feed(struct answer *answer, const char *data, size_t bytes)
{
	http_parser *parser = parser_of(answer);
	size_t used = http_parser_execute(parser, &SETTINGS, data, bytes);

	answer->behind_bytes = answer->whole ? bytes - used : 0;
	if (answer->error)
		return answer->error;
	if (answer->whole)
		return answer->status == OK ? 1 : -EREMOTEIO;
	if (!bytes)
		return -ENODATA;
	return HTTP_PARSER_ERRNO(parser) == HPE_OK ? 0 : -EPROTO;
}

void answer_free(struct answer *answer)
{
	free(answer->body);
	answer->body = NULL;
	answer->room_bytes = 0;
}
