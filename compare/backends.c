/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/backends.h"

#include <duet/completion.h>
#include <duet/polling.h>
#include <duet/reference.h>
#include <string.h>

#include "compare/null.h"

typedef const struct duet_backend *backend_fn(void);

static backend_fn *const BACKENDS[BACKENDS_COUNT] = { duet_completion, duet_polling };

const struct duet_backend *backends_at(size_t index)
{
	return index < BACKENDS_COUNT ? BACKENDS[index]() : NULL;
}

const struct duet_backend *backends_find(const char *name)
{
	for (size_t i = 0; i < BACKENDS_COUNT; i++) {
		if (!strcmp(duet_backend_name(BACKENDS[i]()), name))
			return BACKENDS[i]();
	}
	/* Nobody's choice, but what the method is tested with, and what a sweep is held against. */
	if (!strcmp(name, "reference"))
		return duet_reference();
	return strcmp(name, "null") ? NULL : null_backend();
}
