/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/model.h"

#include <stddef.h>
#include <string.h>

static const struct model *const MODELS[] = {
	&MODEL_ECHO_CALLBACK,
	&MODEL_ECHO_FUTURE,
	&MODEL_ECHO_NATIVE,
};

const struct model *model_find(const char *name)
{
	for (size_t i = 0; i < sizeof(MODELS) / sizeof(*MODELS); i++) {
		if (!strcmp(MODELS[i]->name, name))
			return MODELS[i];
	}
	return NULL;
}
