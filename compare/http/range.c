/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/range.h"

#include <string.h>
#include <strings.h>

enum { OK = 200, PARTIAL = 206, NOT_SATISFIABLE = 416 };

static const char DATE[] = "%a, %d %b %Y %H:%M:%S GMT";

/* Digits, as many as there are; more than a file can have bytes is the most that it can. False: none. */
static bool read_digits(const char **text, uint64_t *number)
{
	const char *from = *text;

	*number = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		uint64_t next = *number * 10 + (uint64_t)(**text - '0');

		*number = *number > INT64_MAX / 16 ? INT64_MAX : next;
	}
	return *text > from;
}

static int cut(uint64_t size, uint64_t from, uint64_t to, uint64_t *first, uint64_t *count)
{
	if (from >= size)
		return NOT_SATISFIABLE;
	*first = from;
	*count = (to < size ? to + 1 : size) - from;
	return PARTIAL;
}

int range_read(const char *text, uint64_t size, uint64_t *first, uint64_t *count)
{
	uint64_t from, to = UINT64_MAX;
	bool begins, ends;

	if (strncasecmp(text, "bytes=", 6) != 0)
		return OK;
	text += 6;
	begins = read_digits(&text, &from);
	if (*text++ != '-')
		return OK;
	ends = read_digits(&text, &to);
	if (*text || (!begins && !ends) || (begins && ends && to < from))
		return OK;
	if (begins)
		return cut(size, from, ends ? to : UINT64_MAX, first, count);
	if (!to)
		return NOT_SATISFIABLE;
	return cut(size, to < size ? size - to : 0, UINT64_MAX, first, count);
}

bool tag_is_among(const char *list, const char *tag)
{
	const size_t bytes = strlen(tag);

	list += strspn(list, " \t");
	if (!strcmp(list, "*"))
		return true;
	while (*list) {
		list += strspn(list, " \t,");
		if (!strncmp(list, "W/", 2))
			list += 2;
		if (!strncmp(list, tag, bytes) && (!list[bytes] || strchr(" \t,", list[bytes])))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

void date_write(time_t time, char text[DATE_BYTES])
{
	struct tm parts;

	gmtime_r(&time, &parts);
	strftime(text, DATE_BYTES, DATE, &parts);
}

bool date_read(const char *text, time_t *time)
{
	struct tm parts = {0};
	const char *end = strptime(text, DATE, &parts);

	if (!end || *end)
		return false;
	*time = timegm(&parts);
	return true;
}
