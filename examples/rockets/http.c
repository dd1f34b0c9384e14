/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "examples/rockets/http.h"

#include <errno.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 1 << 24 };

_Static_assert(sizeof(http_parser) <= sizeof(((struct http_exchange *)0)->parser.bytes),
	       "an exchange has room for its parser");

static http_parser *parser_of(struct http_exchange *exchange)
{
	return (void *)exchange->parser.bytes;
}

static int on_body(http_parser *parser, const char *data, size_t bytes)
{
	struct http_exchange *exchange = parser->data;
	char *body = NULL;

	if (exchange->body_bytes + bytes > BODY_MAX)
		exchange->error = -EFBIG;
	else
		body = realloc(exchange->body, exchange->body_bytes + bytes + 1);
	if (!body) {
		exchange->error = exchange->error ? exchange->error : -ENOMEM;
		return -1;
	}
	memcpy(body + exchange->body_bytes, data, bytes);
	exchange->body = body;
	exchange->body_bytes += bytes;
	body[exchange->body_bytes] = 0;
	return 0;
}

static int on_whole(http_parser *parser)
{
	struct http_exchange *exchange = parser->data;

	exchange->whole = 1;
	exchange->status = parser->status_code;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_body = on_body,
	.on_message_complete = on_whole,
};

void http_ask(struct http_exchange *exchange, const char *host, const char *path)
{
	memset(exchange, 0, sizeof(*exchange));
	exchange->request_bytes = (size_t)snprintf(
		exchange->request, sizeof(exchange->request),
		"GET %.120s HTTP/1.1\r\nHost: %.60s\r\nConnection: close\r\n\r\n", path, host);
	http_parser_init(parser_of(exchange), HTTP_RESPONSE);
	parser_of(exchange)->data = exchange;
}

int http_feed(struct http_exchange *exchange, size_t bytes)
{
	http_parser *parser = parser_of(exchange);

	http_parser_execute(parser, &settings, exchange->piece, bytes);
	if (exchange->error)
		return exchange->error;
	if (exchange->whole)
		return exchange->status == 200 ? 1 : -EREMOTEIO;
	if (!bytes)
		return -ENODATA;
	return HTTP_PARSER_ERRNO(parser) == HPE_OK ? 0 : -EPROTO;
}

const char *http_words(const struct http_exchange *exchange, int error, char *text, size_t size)
{
	if (error == -EREMOTEIO)
		snprintf(text, size, "the server answered %u %s", exchange->status,
			 http_status_str((enum http_status)exchange->status));
	else if (error == -ENODATA)
		snprintf(text, size, "the connection ended before the answer did");
	else if (error == -EPROTO)
		snprintf(text, size, "what came is no HTTP");
	else if (error == -EBADMSG)
		snprintf(text, size, "what came is not the JSON that it should be");
	else
		snprintf(text, size, "%s", strerror(-error));
	return text;
}

void http_forget(struct http_exchange *exchange)
{
	free(exchange->body);
	exchange->body = NULL;
	exchange->body_bytes = 0;
}
