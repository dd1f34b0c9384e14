/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/resp.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 32 }; /* a sign, the digits of a number of 64 bits, and the line's end */

void resp_begin(struct resp *resp)
{
	resp->phase = RESP_BEGIN;
	resp->count = resp->expected = resp->bulk_bytes = 0;
	resp->looked_bytes = 0;
}

static int refuse(struct resp *resp, const char *words)
{
	snprintf(resp->error, sizeof(resp->error), "Protocol error: %s", words);
	resp->phase = RESP_WRONG;
	return -1;
}

int resp_number(const char *text, size_t bytes, int64_t *number)
{
	const bool negative = bytes && *text == '-';
	size_t i = negative;
	uint64_t value = 0;

	if (i == bytes || bytes - i > 19 || (text[i] == '0' && (negative || bytes > 1)))
		return -1;
	for (; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value > (uint64_t)INT64_MAX + negative)
		return -1;
	*number = negative ? (int64_t)-value : (int64_t)value;
	return 0;
}

/* The number of a line of its own that begins at the mark. 1, 0 if the line isn't whole yet, -1 if it
 * is no number, -2 if it is too long for one. */
static int read_head(struct resp *resp, const char *data, size_t bytes, int64_t *number)
{
	const char *line = data + resp->looked_bytes, *end;
	size_t left = bytes - resp->looked_bytes;

	end = memchr(line, '\n', left < HEAD_MAX ? left : HEAD_MAX);
	if (!end)
		return left < HEAD_MAX ? 0 : -2;
	resp->looked_bytes += (size_t)(end - line) + 1;
	if (end < line + 2 || end[-1] != '\r')
		return -1;
	return resp_number(line + 1, (size_t)(end - line) - 2, number) ? -1 : 1;
}

/* ---- Lines of words. ---- */

/* What an escape behind '\' in double quotes stands for; *at is behind it then. */
static char escaped(const char *data, size_t end, size_t *at)
{
	static const char NAMES[] = "nrtba", VALUES[] = "\n\r\t\b\a";
	const char c = data[*at];
	const char *name;
	char digits[3] = {0};
	unsigned int value;

	if (c == 'x' && end - *at > 2 && isxdigit((unsigned char)data[*at + 1]) &&
	    isxdigit((unsigned char)data[*at + 2])) {
		memcpy(digits, data + *at + 1, 2);
		sscanf(digits, "%x", &value);
		*at += 3;
		return (char)value;
	}
	(*at)++;
	name = c ? strchr(NAMES, c) : NULL;
	return name ? VALUES[name - NAMES] : c;
}

/* From behind an opening quote to behind the closing one, written to *to. False: it isn't closed, or
 * more of the word follows. */
static bool unquote(char *data, size_t end, size_t *at, size_t *to, char quote)
{
	while (*at < end && data[*at] != quote) {
		if (data[*at] == '\\' && *at + 1 < end && quote == '"') {
			(*at)++;
			data[*to] = escaped(data, end, at);
		} else {
			if (data[*at] == '\\' && *at + 1 < end && data[*at + 1] == '\'')
				(*at)++;
			data[*to] = data[*at];
			(*at)++;
		}
		(*to)++;
	}
	if (*at == end)
		return false;
	(*at)++;
	return *at == end || isspace((unsigned char)data[*at]);
}

/* One word, from its first byte at *at on; nothing of it grows. */
static bool read_word(struct resp *resp, char *data, size_t end, size_t *at)
{
	struct resp_argument *argument = &resp->arguments[resp->count++];
	size_t to = *at;

	argument->offset = (uint32_t)*at;
	while (*at < end && !isspace((unsigned char)data[*at])) {
		const char c = data[*at];

		(*at)++;
		if (c != '"' && c != '\'')
			data[to++] = c;
		else if (!unquote(data, end, at, &to, c))
			return false;
	}
	argument->bytes = (uint32_t)(to - argument->offset);
	return true;
}

static int read_inline(struct resp *resp, char *data, size_t bytes)
{
	const char *newline = memchr(data + resp->looked_bytes, '\n', bytes - resp->looked_bytes);
	size_t end = newline ? (size_t)(newline - data) : bytes, at = 0;

	resp->looked_bytes = end + !!newline;
	if (end > RESP_INLINE_MAX)
		return refuse(resp, "too big inline request");
	if (!newline)
		return 0;
	for (;;) {
		while (at < end && isspace((unsigned char)data[at]))
			at++;
		if (at == end)
			break;
		if (resp->count == RESP_ARGUMENTS_MAX)
			return refuse(resp, "too many words");
		if (!read_word(resp, data, end, &at))
			return refuse(resp, "unbalanced quotes in request");
	}
	resp->phase = RESP_WHOLE;
	return 1;
}

/* ---- Arrays. ---- */

/* Each step reads one thing: 1 if it was there, 0 if it isn't whole yet, -1. */
static int read_count(struct resp *resp, const char *data, size_t bytes)
{
	int64_t count;
	int status = read_head(resp, data, bytes, &count);

	if (status == -2)
		return refuse(resp, "too big mbulk count string");
	if (status < 0 || (status > 0 && count > RESP_ARGUMENTS_MAX))
		return refuse(resp, "invalid multibulk length");
	if (status > 0) {
		resp->expected = count > 0 ? (uint32_t)count : 0;
		resp->phase = resp->expected ? RESP_LENGTH : RESP_WHOLE;
	}
	return status;
}

static int read_length(struct resp *resp, const char *data, size_t bytes)
{
	char words[] = "expected '$', got '?'";
	int64_t length;
	int status;

	if (resp->looked_bytes == bytes)
		return 0;
	if (data[resp->looked_bytes] != '$') {
		const char got = data[resp->looked_bytes];

		words[sizeof(words) - 3] = got > ' ' && got <= '~' ? got : '?';
		return refuse(resp, words);
	}
	status = read_head(resp, data, bytes, &length);
	if (status == -2)
		return refuse(resp, "too big bulk count string");
	if (status < 0 || (status > 0 && (length < 0 || length > RESP_BULK_MAX)))
		return refuse(resp, "invalid bulk length");
	if (!status)
		return 0;
	resp->bulk_bytes = (uint32_t)length;
	resp->phase = RESP_BULK;
	if (resp_wants_bytes(resp) > RESP_REQUEST_MAX)
		return refuse(resp, "too big request");
	return 1;
}

static int read_bulk(struct resp *resp, const char *data, size_t bytes)
{
	struct resp_argument *argument = &resp->arguments[resp->count];
	const char *end = data + resp->looked_bytes + resp->bulk_bytes;

	if (bytes < resp_wants_bytes(resp))
		return 0;
	if (end[0] != '\r' || end[1] != '\n')
		return refuse(resp, "expected CRLF behind a bulk string");
	argument->offset = (uint32_t)resp->looked_bytes;
	argument->bytes = resp->bulk_bytes;
	resp->looked_bytes += resp->bulk_bytes + 2;
	resp->count++;
	resp->phase = resp->count == resp->expected ? RESP_WHOLE : RESP_LENGTH;
	return 1;
}

size_t resp_wants_bytes(const struct resp *resp)
{
	return resp->looked_bytes + (resp->phase == RESP_BULK ? resp->bulk_bytes + 2 : 1);
}

int resp_feed(struct resp *resp, char *data, size_t bytes)
{
	int status = 1;

	if (resp->phase == RESP_BEGIN && bytes)
		resp->phase = *data == '*' ? RESP_COUNT : RESP_INLINE;
	while (status > 0 && resp->phase != RESP_WHOLE) {
		switch (resp->phase) {
		case RESP_INLINE:
			return read_inline(resp, data, bytes);
		case RESP_COUNT:
			status = read_count(resp, data, bytes);
			break;
		case RESP_LENGTH:
			status = read_length(resp, data, bytes);
			break;
		case RESP_BULK:
			status = read_bulk(resp, data, bytes);
			break;
		default:
			return resp->phase == RESP_WRONG ? -1 : 0;
		}
	}
	return status;
}
