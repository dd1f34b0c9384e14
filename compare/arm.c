/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/arm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void cut(char *text, char mark, char *rest, size_t rest_size)
{
	char *at = strchr(text, mark);

	*rest = 0;
	if (!at)
		return;
	*at = 0;
	snprintf(rest, rest_size, "%s", at + 1);
}

int arm_read(const char *text, struct arm *arm, char *why, unsigned int why_size)
{
	memset(arm, 0, sizeof(*arm));
	if (strlen(text) >= sizeof(arm->text)) {
		snprintf(why, why_size, "an arm has at most %zu letters", sizeof(arm->text) - 1);
		return -EINVAL;
	}
	memcpy(arm->text, text, strlen(text));
	memcpy(arm->backend, text, strlen(text));
	cut(arm->backend, ':', arm->tuning, sizeof(arm->tuning));
	cut(arm->backend, '/', arm->model, sizeof(arm->model));
	if (!*arm->model)
		memcpy(arm->model, "callback", sizeof("callback"));
	if (*arm->backend)
		return 0;
	snprintf(why, why_size, "'%s' names no backend; write BACKEND[/MODEL][:TUNING]", text);
	return -EINVAL;
}
