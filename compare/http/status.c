/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/http/status.h"

#include <stddef.h>

const char *status_reason(int status)
{
	static const struct { int status; const char *reason; } REASONS[] = {
		{ 200, "OK" }, { 206, "Partial Content" }, { 301, "Moved Permanently" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
		{ 500, "Internal Server Error" },
	};
	size_t i = 0;

	while (REASONS[i].status != status && i + 1 < sizeof(REASONS) / sizeof(*REASONS))
		i++;
	return REASONS[i].reason;
}
