/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "compare/http/connection.h"
#include "compare/http/status.h"

enum { OK = 200, PARTIAL = 206, MOVED = 301, NOT_MODIFIED = 304, NOT_ALLOWED = 405,
       NOT_SATISFIABLE = 416 };
enum { TAG_BYTES = 64 };

/* By the last part of the name. */
static const struct { const char *ending, *type; } TYPES[] = {
	{ "html", "text/html; charset=utf-8" }, { "htm", "text/html; charset=utf-8" },
	{ "txt", "text/plain; charset=utf-8" }, { "md", "text/plain; charset=utf-8" },
	{ "css", "text/css; charset=utf-8" }, { "js", "text/javascript; charset=utf-8" },
	{ "json", "application/json" }, { "xml", "application/xml" }, { "svg", "image/svg+xml" },
	{ "png", "image/png" }, { "jpg", "image/jpeg" }, { "jpeg", "image/jpeg" },
	{ "gif", "image/gif" }, { "webp", "image/webp" }, { "ico", "image/x-icon" },
	{ "pdf", "application/pdf" }, { "wasm", "application/wasm" }, { "woff2", "font/woff2" },
};

static const char *type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(TYPES) / sizeof(*TYPES); i++) {
		if (!strcasecmp(dot + 1, TYPES[i].ending))
			return TYPES[i].type;
	}
	return "application/octet-stream";
}

/* Another content has another time, or another size: with nanoseconds it is a strong one. */
static void write_tag(const struct stat *stat, char tag[TAG_BYTES])
{
	snprintf(tag, TAG_BYTES, "\"%" PRIx64 ".%lx-%" PRIx64 "\"", (int64_t)stat->st_mtim.tv_sec,
		 stat->st_mtim.tv_nsec, (int64_t)stat->st_size);
}

static void add(struct connection *connection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What we write has room: the longest thing in it is the path of a folder. */
static void add(struct connection *connection, const char *format, ...)
{
	size_t room = sizeof(connection->head) - connection->head_bytes;
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(connection->head + connection->head_bytes, room, format, values);
	va_end(values);
	connection->head_bytes += (uint32_t)((size_t)length < room ? (size_t)length : room - 1);
}

static const char *date_now(struct http_server *server)
{
	time_t now = time(NULL);

	if (now != server->dated || !*server->date)
		date_write(now, server->date);
	server->dated = now;
	return server->date;
}

static void begin(struct connection *connection, int status)
{
	connection->status = status;
	connection->head_bytes = 0;
	connection->unread_bytes = connection->offset_bytes = connection->sent_bytes = 0;
	add(connection, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, status_reason(status),
	    date_now(connection->server));
}

static void end(struct connection *connection)
{
	add(connection, "Connection: %s\r\n\r\n", connection->request.stays ? "keep-alive" : "close");
}

/* ---- What isn't a file's. ---- */

static void add_own_fields(struct connection *connection)
{
	char *at;

	if (connection->status == NOT_ALLOWED)
		add(connection, "Allow: GET, HEAD\r\n");
	if (connection->status == NOT_SATISFIABLE)
		add(connection, "Content-Range: bytes */%" PRIu64 "\r\n",
		    (uint64_t)connection->stat.st_size);
	if (connection->status != MOVED)
		return;
	add(connection, "Location: ");
	at = connection->head + connection->head_bytes;
	if (path_write_folder(&connection->path, at, sizeof(connection->head) / 2))
		connection->head_bytes += (uint32_t)strlen(at);
	add(connection, "\r\n");
}

void head_of_status(struct connection *connection, int status)
{
	char body[96];
	int length = snprintf(body, sizeof(body), "%d %s\n", status, status_reason(status));

	connection->server->refused += status >= 400;
	begin(connection, status);
	add_own_fields(connection);
	add(connection, "Content-Type: text/plain\r\nContent-Length: %d\r\n", length);
	end(connection);
	if (connection->request.method != REQUEST_HEAD)
		add(connection, "%s", body);
	body_begin(connection);
}

/* ---- What is. ---- */

static bool is_known(const struct connection *connection, const char *tag)
{
	const char *since = connection->request.fields[REQUEST_IF_MODIFIED_SINCE];
	const char *tags = connection->request.fields[REQUEST_IF_NONE_MATCH];
	time_t time;

	if (*tags)
		return tag_is_among(tags, tag);
	return *since && date_read(since, &time) && connection->stat.st_mtim.tv_sec <= time;
}

/* 200, 206 or 416. */
static int find_part(const struct connection *connection, const char *tag, uint64_t *first,
		     uint64_t *count)
{
	const struct request *request = &connection->request;
	const char *condition = request->fields[REQUEST_IF_RANGE];

	*first = 0;
	*count = (uint64_t)connection->stat.st_size;
	if (request->method != REQUEST_GET || !*request->fields[REQUEST_RANGE])
		return OK;
	/* A date says too little: within its second there may be two contents. */
	if (*condition && strcmp(condition, tag) != 0)
		return OK;
	return range_read(request->fields[REQUEST_RANGE], *count, first, count);
}

void head_of_file(struct connection *connection)
{
	char tag[TAG_BYTES], modified[DATE_BYTES];
	uint64_t first, count;
	int status;

	write_tag(&connection->stat, tag);
	date_write(connection->stat.st_mtim.tv_sec, modified);
	status = find_part(connection, tag, &first, &count);
	if (is_known(connection, tag))
		status = NOT_MODIFIED;
	if (status == NOT_SATISFIABLE) {
		head_of_status(connection, status);
		return;
	}
	begin(connection, status);
	add(connection, "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\n", modified, tag);
	if (status == PARTIAL)
		add(connection, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
		    first, first + count - 1, (uint64_t)connection->stat.st_size);
	if (status != NOT_MODIFIED)
		add(connection, "Content-Type: %s\r\nContent-Length: %" PRIu64 "\r\n",
		    type_of(connection->name), count);
	end(connection);
	if (status != NOT_MODIFIED && connection->request.method == REQUEST_GET) {
		connection->offset_bytes = first;
		connection->unread_bytes = count;
	}
	body_begin(connection);
}
