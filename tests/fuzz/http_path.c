/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Whatever a path is, none of the names that come of it leads anywhere but down; and written again it is
 * the same path. */
#include <string.h>

#include "compare/http/path.h"
#include "tests/support/fuzz.h"

static void check_names(const struct path *path)
{
	const char *name = path->names;

	FUZZ_CHECK(path->depth <= PATH_DEPTH_MAX && path->bytes <= PATH_BYTES_MAX);
	for (unsigned int i = 0; i < path->depth; i++, name += strlen(name) + 1) {
		FUZZ_CHECK((size_t)(name - path->names) < path->bytes);
		FUZZ_CHECK(*name && strlen(name) <= PATH_NAME_MAX && !strchr(name, '/'));
		FUZZ_CHECK(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	}
	FUZZ_CHECK((size_t)(name - path->names) == path->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct path path, again;
	static char text[3 * PATH_BYTES_MAX + 8];
	int status = path_read(&path, (const char *)data, bytes);

	FUZZ_CHECK(status == 0 || status == 400 || status == 403 || status == 404);
	if (status)
		return 0;
	check_names(&path);
	FUZZ_CHECK(path_write_folder(&path, text, sizeof(text)));
	FUZZ_CHECK(text[0] == '/' && text[1] != '/' && text[strlen(text) - 1] == '/');
	FUZZ_CHECK(path_read(&again, text, strlen(text)) == 0);
	FUZZ_CHECK(again.folder && again.depth == path.depth && again.bytes == path.bytes);
	FUZZ_CHECK(!memcmp(again.names, path.names, path.bytes));
	return 0;
}
