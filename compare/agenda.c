/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/agenda.h"

#include <stddef.h>
#include <string.h>

static const struct option_row AGENDA[] = { AGENDA_ROWS };

bool agenda_has(const char *name)
{
	for (size_t i = 0; i < sizeof(AGENDA) / sizeof(*AGENDA); i++) {
		if (!strcmp(AGENDA[i].name, name))
			return true;
	}
	return false;
}
