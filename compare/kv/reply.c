/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kv/reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reply_begin(struct reply *reply)
{
	reply->bytes = 0;
	reply->string = (struct text){0};
	reply->holds = NULL;
}

bool reply_has_room(const struct reply *reply)
{
	return !reply->string.data && sizeof(reply->room) - reply->bytes >= REPLY_ONE_MAX;
}

static void add_bytes(struct reply *reply, const char *data, size_t bytes)
{
	memcpy(reply->room + reply->bytes, data, bytes);
	reply->bytes += bytes;
}

static void add_number(struct reply *reply, char kind, int64_t number)
{
	reply->bytes += (size_t)snprintf(reply->room + reply->bytes, 32, "%c%" PRId64 "\r\n", kind,
					 number);
}

void reply_status(struct reply *reply, const char *word)
{
	add_bytes(reply, "+", 1);
	add_bytes(reply, word, strlen(word));
	add_bytes(reply, "\r\n", 2);
}

/* Whatever a client said that is said back to it stays on its line. */
static void keep_line(char *text)
{
	for (; *text; text++) {
		if (*text == '\r' || *text == '\n')
			*text = ' ';
	}
}

void reply_error(struct reply *reply, const char *format, ...)
{
	char text[REPLY_ONE_MAX - 8];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	keep_line(text);
	add_bytes(reply, "-", 1);
	add_bytes(reply, text, strlen(text));
	add_bytes(reply, "\r\n", 2);
	reply->errors++;
}

void reply_number(struct reply *reply, int64_t number)
{
	add_number(reply, ':', number);
}

void reply_count(struct reply *reply, uint32_t count)
{
	add_number(reply, '*', count);
}

void reply_none(struct reply *reply)
{
	add_bytes(reply, "$-1\r\n", 5);
}

void reply_string(struct reply *reply, struct text text, struct value *holds)
{
	add_number(reply, '$', (int64_t)text.bytes);
	if (text.bytes <= REPLY_SHORT_MAX ||
	    text.bytes + REPLY_ONE_MAX <= sizeof(reply->room) - reply->bytes) {
		add_bytes(reply, text.data, text.bytes);
		add_bytes(reply, "\r\n", 2);
		return;
	}
	reply->string = text;
	reply->holds = holds ? value_hold(holds) : NULL;
}

void reply_word(struct reply *reply, const char *word)
{
	reply_string(reply, (struct text){ word, strlen(word) }, NULL);
}
