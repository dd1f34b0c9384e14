/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/dialogue.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "compare/load/pattern.h"

/* REQUESTS: in one piece at least; ANSWER_MAX: of http, head and file. */
enum { REQUESTS = 16384, ANSWER_MAX = (1 << 20) + 16384, TEXT_MAX = DIALOGUE_PATH_MAX + 512,
       LEARN_TIMEOUT_MS = 5000 };

/* ---- Text and values, one behind the other. ---- */

struct pen {
	unsigned char *bytes;
	uint32_t written, room;
};

static void write_text(struct pen *pen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void write_text(struct pen *pen, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (length < 0 || (uint32_t)length > pen->room - pen->written)
		return;
	memcpy(pen->bytes + pen->written, text, (size_t)length);
	pen->written += (uint32_t)length;
}

static void write_value(struct pen *pen, uint32_t stream, uint32_t bytes)
{
	uint32_t done = 0;

	while (done < bytes) {
		size_t piece;
		const unsigned char *data = pattern_at(stream, done, &piece);

		if (piece > bytes - done)
			piece = bytes - done;
		memcpy(pen->bytes + pen->written, data, piece);
		pen->written += (uint32_t)piece;
		done += (uint32_t)piece;
	}
}

/* What pen has written, as often as it may be unanswered, and no longer than is of use. */
static int repeat(struct dialogue *dialogue, const struct pen *pen, uint32_t depth)
{
	const uint32_t many = REQUESTS / pen->written + 1;
	const uint32_t count = depth < many ? depth : many;

	dialogue->request_bytes = pen->written;
	dialogue->requests_bytes = count * pen->written;
	dialogue->requests = malloc(dialogue->requests_bytes);
	if (!dialogue->requests)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		memcpy(dialogue->requests + (size_t)i * pen->written, pen->bytes, pen->written);
	return 0;
}

int dialogue_make_kv(struct dialogue *dialogue, uint32_t stream, uint32_t value_bytes,
		     uint32_t depth)
{
	struct pen pen = { .bytes = malloc(value_bytes + TEXT_MAX), .room = value_bytes + TEXT_MAX };
	struct pen answer = pen;
	int error = -ENOMEM;

	*dialogue = (struct dialogue){ 0 };
	answer.bytes = malloc(answer.room);
	dialogue->answer = answer.bytes;
	if (pen.bytes && answer.bytes) {
		write_text(&pen, "*3\r\n$3\r\nSET\r\n$15\r\nduet:%010u\r\n$%u\r\n", stream, value_bytes);
		write_value(&pen, stream, value_bytes);
		write_text(&pen, "\r\n*2\r\n$3\r\nGET\r\n$15\r\nduet:%010u\r\n", stream);
		error = repeat(dialogue, &pen, depth);
		write_text(&answer, "+OK\r\n$%u\r\n", value_bytes);
		write_value(&answer, stream, value_bytes);
		write_text(&answer, "\r\n");
		dialogue->answer_bytes = answer.written;
	}
	free(pen.bytes);
	return error;
}

int dialogue_make_http(struct dialogue *dialogue, const struct address *address, const char *path,
		       uint32_t depth)
{
	unsigned char text[TEXT_MAX];
	struct pen pen = { .bytes = text, .room = sizeof(text) };

	*dialogue = (struct dialogue){ 0 };
	write_text(&pen, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address->shown);
	return pen.written ? repeat(dialogue, &pen, depth) : -ENAMETOOLONG;
}

void dialogue_end(struct dialogue *dialogue)
{
	free(dialogue->requests);
	free(dialogue->answer);
}

/* ---- The first answer. ---- */

/* What stands behind a field's name, or NULL; head ends with 0. */
static const char *field_of(const char *head, const char *name)
{
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		const char *value = line + 2 + strlen(name);

		if (!strncasecmp(line + 2, name, strlen(name)) && *value == ':')
			return value + 1 + strspn(value + 1, " \t");
	}
	return NULL;
}

/* How long the answer is, as its head says; 0 while that isn't there. */
static int read_head(struct dialogue *dialogue, const unsigned char *data, uint32_t bytes)
{
	const unsigned char *end = memmem(data, bytes, "\r\n\r\n", 4);
	const char *text, *length, *date;
	unsigned long file_bytes;

	if (!end)
		return bytes == ANSWER_MAX ? -EMSGSIZE : 0;
	text = (const char *)data;
	length = field_of(text, "Content-Length");
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || !length || length > (const char *)end)
		return -EPROTO;
	if (strncmp(text + 9, "200", 3) != 0)
		return -ENOENT;
	file_bytes = strtoul(length, NULL, 10);
	dialogue->head_bytes = (uint32_t)(end + 4 - data);
	if (file_bytes > ANSWER_MAX - dialogue->head_bytes)
		return -EMSGSIZE;
	dialogue->answer_bytes = dialogue->head_bytes + (uint32_t)file_bytes;
	date = field_of(text, "Date");
	if (date && date < (const char *)end) {
		dialogue->time_from = (uint32_t)(date - text);
		dialogue->time_until = dialogue->time_from + (uint32_t)strcspn(date, "\r");
	}
	return 0;
}

static int receive_some(int fd, unsigned char *data, size_t room)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t bytes;

	if (poll(&ready, 1, LEARN_TIMEOUT_MS) != 1)
		return -ETIMEDOUT;
	bytes = recv(fd, data, room, 0);
	return bytes > 0 ? (int)bytes : bytes ? -errno : -EPROTO;
}

int dialogue_learn(struct dialogue *dialogue, int fd, uint32_t file_bytes)
{
	uint32_t bytes = 0;
	int status = 0;

	dialogue->answer = calloc(1, ANSWER_MAX + 1);
	if (!dialogue->answer)
		return -ENOMEM;
	if (send(fd, dialogue->requests, dialogue->request_bytes, MSG_NOSIGNAL) !=
	    (ssize_t)dialogue->request_bytes)
		return -EPIPE;
	while (!dialogue->answer_bytes || bytes < dialogue->answer_bytes) {
		status = receive_some(fd, dialogue->answer + bytes, ANSWER_MAX - bytes);
		if (status < 0)
			return status;
		bytes += (uint32_t)status;
		status = dialogue->answer_bytes ? 0 : read_head(dialogue, dialogue->answer, bytes);
		if (status)
			return status;
	}
	if (bytes > dialogue->answer_bytes)
		return -EPROTO;
	if (file_bytes && (dialogue->answer_bytes - dialogue->head_bytes != file_bytes ||
			   pattern_wrong(0, 0, dialogue->answer + dialogue->head_bytes, file_bytes)))
		return -EBADMSG;
	return 0;
}

/* ---- While it is played. ---- */

const unsigned char *dialogue_at(const struct dialogue *dialogue, uint64_t position,
				 size_t *available)
{
	const size_t at = (size_t)(position % dialogue->request_bytes);

	*available = dialogue->requests_bytes - at;
	return dialogue->requests + at;
}

static size_t count_wrong(const unsigned char *expected, const unsigned char *data, size_t length)
{
	size_t wrong = 0;

	for (size_t i = 0; i < length; i++)
		wrong += expected[i] != data[i];
	return wrong;
}

/* Of one answer, from a place in it on. */
static size_t piece_wrong(const struct dialogue *dialogue, uint32_t at, const unsigned char *data,
			  uint32_t length)
{
	const uint32_t end = at + length;
	uint32_t from = dialogue->time_from, until = dialogue->time_until;
	size_t wrong = 0;

	from = from < at ? at : from > end ? end : from;
	until = until < from ? from : until > end ? end : until;
	if (memcmp(dialogue->answer + at, data, from - at) != 0)
		wrong += count_wrong(dialogue->answer + at, data, from - at);
	if (memcmp(dialogue->answer + until, data + (until - at), end - until) != 0)
		wrong += count_wrong(dialogue->answer + until, data + (until - at), end - until);
	return wrong;
}

size_t dialogue_wrong(const struct dialogue *dialogue, uint64_t position,
		      const unsigned char *data, size_t length)
{
	size_t wrong = 0;

	while (length) {
		uint32_t at = (uint32_t)(position % dialogue->answer_bytes);
		uint32_t piece = dialogue->answer_bytes - at;

		if (piece > length)
			piece = (uint32_t)length;
		wrong += piece_wrong(dialogue, at, data, piece);
		position += piece;
		data += piece;
		length -= piece;
	}
	return wrong;
}
