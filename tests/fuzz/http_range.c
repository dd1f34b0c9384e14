/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Ranges, tags and dates, whatever they are: a part lies inside its file. The first eight bytes of the
 * input are the size of the file. */
#include <string.h>

#include "compare/http/range.h"
#include "tests/support/fuzz.h"

enum { TEXT_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char text[TEXT_MAX], written[DATE_BYTES];
	uint64_t size, first = 0, count = 0;
	time_t time, again;
	int status;

	if (bytes < sizeof(size) || bytes - sizeof(size) >= TEXT_MAX)
		return 0;
	memcpy(&size, data, sizeof(size));
	size &= INT64_MAX; /* as a file has it */
	memcpy(text, data + sizeof(size), bytes - sizeof(size));
	text[bytes - sizeof(size)] = 0;
	status = range_read(text, size, &first, &count);
	FUZZ_CHECK(status == 200 || status == 206 || status == 416);
	if (status == 206)
		FUZZ_CHECK(count && first < size && count <= size - first);
	tag_is_among(text, "\"1\"");
	if (date_read(text, &time) && time >= 0 && time < INT32_MAX) {
		date_write(time, written);
		FUZZ_CHECK(date_read(written, &again) && again == time);
	}
	return 0;
}
