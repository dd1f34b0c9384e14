/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/model.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "compare/say.h"

static const struct model *const MODELS[] = {
	&MODEL_ECHO_CALLBACK,
	&MODEL_ECHO_COROUTINE,
	&MODEL_ECHO_FUTURE,
	&MODEL_ECHO_NATIVE,
};

bool model_out_of_files(struct model_host *host, int result)
{
	if (result != -EMFILE && result != -ENFILE)
		return false;
	if (!host->short_of_files)
		say_note("serve: no descriptor left for another connection: more wait until one "
			 "ends; raise the limit (ulimit -n) or lower --connections");
	host->short_of_files = true;
	return true;
}

const struct model *model_find(const char *name)
{
	for (size_t i = 0; i < sizeof(MODELS) / sizeof(*MODELS); i++) {
		if (!strcmp(MODELS[i]->name, name))
			return MODELS[i];
	}
	return NULL;
}
