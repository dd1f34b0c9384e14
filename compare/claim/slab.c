/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/slab.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * A registration is an epitem and the entry by which it stands in the socket's wait queue (struct
 * epitem, struct eppoll_entry); a request that waits is an io_kiocb and its own such entry (struct
 * async_poll). The entries share an allocator with objects of their size, so that nobody can count
 * them.
 */
enum { EPITEM = 128, EPPOLL_ENTRY = 72, IO_KIOCB = 256, ASYNC_POLL = 96 };

static bool read_row(const char *line, const char *name, uint64_t *objects, double *bytes)
{
	size_t length = strlen(name);
	uint64_t size;

	return !strncmp(line, name, length) && line[length] == ' ' &&
	       sscanf(line + length, "%" SCNu64 " %*u %" SCNu64, objects, &size) == 2 &&
	       (*bytes = (double)size, true);
}

void slab_read(const char *path, struct slab *slab)
{
	FILE *file = fopen(path, "re");
	bool registrations = false, requests = false;
	char line[512];

	*slab = (struct slab){ .registration_bytes = EPITEM, .request_bytes = IO_KIOCB };
	while (file && fgets(line, sizeof(line), file)) {
		registrations |= read_row(line, "eventpoll_epi", &slab->registrations,
					  &slab->registration_bytes);
		requests |= read_row(line, "io_kiocb", &slab->requests, &slab->request_bytes);
	}
	if (file)
		fclose(file);
	slab->readable = registrations && requests;
	slab->registration_bytes += EPPOLL_ENTRY;
	slab->request_bytes += ASYNC_POLL;
}
