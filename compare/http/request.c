/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/request.h"

#include <http_parser.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(http_parser) <= REQUEST_PARSER_BYTES,
	       "a request has room for its parser");

enum {
	WHOLE = 1,
	BAD_REQUEST = 400,
	NOT_ALLOWED = 405,
	TOO_MUCH = 413,
	TARGET_TOO_LONG = 414,
	EXPECTS_TOO_MUCH = 417,
	HEAD_TOO_LONG = 431,
	NOT_IMPLEMENTED = 501,
	OTHER_VERSION = 505,
};

/* All that is sent for a body: in chunks of one byte there is six times as much around it. */
enum { BYTES_MAX = REQUEST_HEAD_MAX + 8 * REQUEST_BODY_MAX };

static const char *const NAMES[REQUEST_FIELDS] = {
	[REQUEST_RANGE] = "range",
	[REQUEST_IF_RANGE] = "if-range",
	[REQUEST_IF_NONE_MATCH] = "if-none-match",
	[REQUEST_IF_MODIFIED_SINCE] = "if-modified-since",
	[REQUEST_HOST] = "host",
	[REQUEST_EXPECT] = "expect",
};

static http_parser *parser_of(struct request *request)
{
	return (void *)request->parser;
}

static int refuse(struct request *request, int status)
{
	request->refusal = status;
	return -1;
}

static int on_target(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;

	if (bytes > sizeof(request->target) - request->target_bytes)
		return refuse(request, TARGET_TOO_LONG);
	memcpy(request->target + request->target_bytes, data, bytes);
	request->target_bytes += bytes;
	return 0;
}

/* ---- Header fields; those behind a body in chunks are of no interest. ---- */

static int on_name(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;

	/* The parser lets it through; a proxy in front of us may read another field, or none. */
	if (memchr(data, ' ', bytes))
		return refuse(request, BAD_REQUEST);
	if (!request->in_name)
		request->name_bytes = 0;
	request->in_name = true;
	if (bytes > sizeof(request->name) - request->name_bytes)
		request->name_bytes = sizeof(request->name);
	if (request->name_bytes == sizeof(request->name))
		return 0; /* longer than any that we know */
	memcpy(request->name + request->name_bytes, data, bytes);
	request->name_bytes += bytes;
	return 0;
}

static enum request_field find_field(const struct request *request)
{
	int i = 0;

	while (i < REQUEST_FIELDS &&
	       (strlen(NAMES[i]) != request->name_bytes ||
		strncasecmp(NAMES[i], request->name, request->name_bytes) != 0))
		i++;
	return (enum request_field)i;
}

/* Of one that comes again the last one counts, except that a request has one host. */
static void begin_field(struct request *request)
{
	request->in_name = false;
	request->field = request->headed ? REQUEST_FIELDS : find_field(request);
	request->field_bytes = 0;
	request->too_long = false;
	request->hosts += request->field == REQUEST_HOST;
}

static int on_value(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;
	char *field;

	if (request->in_name)
		begin_field(request);
	if (request->field == REQUEST_FIELDS)
		return 0;
	field = request->fields[request->field];
	request->too_long |= bytes >= REQUEST_FIELD_MAX - request->field_bytes;
	if (request->too_long)
		request->field_bytes = bytes = 0;
	memcpy(field + request->field_bytes, data, bytes);
	request->field_bytes += bytes;
	field[request->field_bytes] = 0;
	return 0;
}

static int on_head(http_parser *parser)
{
	struct request *request = parser->data;
	bool announced = parser->content_length && parser->content_length != ULLONG_MAX;

	request->headed = true;
	if (parser->http_major != 1)
		return refuse(request, OTHER_VERSION);
	/* It waits for our word before it sends its body, and we don't want that. */
	if (*request->fields[REQUEST_EXPECT])
		return refuse(request, parser->method == HTTP_GET || parser->method == HTTP_HEAD
				       ? EXPECTS_TOO_MUCH : NOT_ALLOWED);
	if (announced && parser->content_length > REQUEST_BODY_MAX)
		return refuse(request, TOO_MUCH);
	return 0;
}

static int on_body(http_parser *parser, const char *data, size_t bytes)
{
	struct request *request = parser->data;

	(void)data;
	request->body_bytes += bytes;
	return request->body_bytes <= REQUEST_BODY_MAX ? 0 : refuse(request, TOO_MUCH);
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
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_whole,
};

void request_begin(struct request *request)
{
	http_parser *parser = parser_of(request);

	for (int i = 0; i < REQUEST_FIELDS; i++)
		*request->fields[i] = 0;
	request->target_bytes = request->body_bytes = request->bytes = 0;
	request->hosts = 0;
	request->headed = request->whole = request->in_name = false;
	request->name_bytes = request->field_bytes = 0;
	request->field = REQUEST_FIELDS;
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
	request->minor = parser->http_minor;
	request->path = request->target + url.field_data[UF_PATH].off;
	request->path_bytes = url.field_data[UF_PATH].len;
	/* What follows an upgrade is HTTP no more, and we speak nothing else. */
	request->stays = http_should_keep_alive(parser) && !parser->upgrade;
	return WHOLE;
}

/* A word of capitals that is no method we know of may be one; anything else is none. */
static int refuse_error(enum http_errno error, char at)
{
	if (error == HPE_HEADER_OVERFLOW)
		return HEAD_TOO_LONG;
	if (error == HPE_INVALID_METHOD && at >= 'A' && at <= 'Z')
		return NOT_IMPLEMENTED;
	return error == HPE_INVALID_TRANSFER_ENCODING ? NOT_IMPLEMENTED : BAD_REQUEST;
}

static int feed(struct request *request, const char *data, size_t bytes, size_t *used)
{
	http_parser *parser = parser_of(request);
	size_t parsed = http_parser_execute(parser, &SETTINGS, data, bytes);
	enum http_errno error;

	*used += parsed;
	request->bytes += parsed;
	if (request->refusal)
		return request->refusal;
	if (request->whole)
		return understand(request, parser);
	error = HTTP_PARSER_ERRNO(parser);
	if (error != HPE_OK)
		return refuse_error(error, parsed < bytes ? data[parsed] : 0);
	return request->bytes > BYTES_MAX ? TOO_MUCH : 0;
}

/* A head is as long as it may be wherever the pieces of it end: what is too much is not parsed. */
int request_feed(struct request *request, const char *data, size_t bytes, size_t *used)
{
	size_t first = bytes;
	int status = 0;

	*used = 0;
	if (!request->headed && bytes > REQUEST_HEAD_MAX - request->bytes)
		first = REQUEST_HEAD_MAX - request->bytes;
	if (first)
		status = feed(request, data, first, used);
	if (status || first == bytes)
		return status;
	return request->headed ? feed(request, data + first, bytes - first, used) : HEAD_TOO_LONG;
}
