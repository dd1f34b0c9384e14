/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/rockets/request.h"

#include <http_parser.h>
#include <string.h>

_Static_assert(sizeof(http_parser) <= REQUEST_PARSER_BYTES,
	       "a request has room for its parser");

enum { WHOLE = 1, BAD_REQUEST = 400, TOO_MUCH = 413, TARGET_TOO_LONG = 414, HEAD_TOO_LONG = 431 };

static http_parser *parser_of(struct request *request)
{
	return (void *)request->parser;
}

static int on_target(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;

	if (bytes > sizeof(request->target) - request->target_bytes) {
		request->refusal = TARGET_TOO_LONG;
		return -1;
	}
	memcpy(request->target + request->target_bytes, data, bytes);
	request->target_bytes += bytes;
	return 0;
}

static int on_body(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;

	(void)data;
	request->body_bytes += bytes;
	if (request->body_bytes <= REQUEST_BODY_MAX)
		return 0;
	request->refusal = TOO_MUCH;
	return -1;
}

/* Stops here, so that a request that came right behind this one waits for its turn. */
static int on_whole(http_parser *parser)
{
	struct request *request = parser->data;

	request->whole = true;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings SETTINGS = {
	.on_url = on_target,
	.on_body = on_body,
	.on_message_complete = on_whole,
};

void request_begin(struct request *request)
{
	http_parser *parser = parser_of(request);

	request->target_bytes = request->body_bytes = 0;
	request->whole = false;
	request->refusal = 0;
	http_parser_init(parser, HTTP_REQUEST);
	parser->data = request;
}

static enum request_method method_of(const http_parser *parser)
{
	if (parser->method == HTTP_GET)
		return REQUEST_GET;
	return parser->method == HTTP_HEAD ? REQUEST_HEAD : REQUEST_OTHER;
}

static int understand(struct request *request, const http_parser *parser)
{
	struct http_parser_url url;

	http_parser_url_init(&url);
	if (http_parser_parse_url(request->target, request->target_bytes,
				  parser->method == HTTP_CONNECT, &url))
		return BAD_REQUEST;
	request->method = method_of(parser);
	request->path = request->target + url.field_data[UF_PATH].off;
	request->path_bytes = url.field_data[UF_PATH].len;
	/* What follows an upgrade is HTTP no more, and we speak nothing else. */
	request->stays = http_should_keep_alive(parser) && !parser->upgrade;
	return WHOLE;
}

int request_feed(struct request *request, const char *data, size_t bytes, size_t *used)
{
	http_parser *parser = parser_of(request);
	enum http_errno error;

	*used = http_parser_execute(parser, &SETTINGS, data, bytes);
	if (request->refusal)
		return request->refusal;
	if (request->whole)
		return understand(request, parser);
	error = HTTP_PARSER_ERRNO(parser);
	if (error == HPE_HEADER_OVERFLOW)
		return HEAD_TOO_LONG;
	return error == HPE_OK ? 0 : BAD_REQUEST;
}
