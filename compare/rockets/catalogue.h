/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the rockets' API knows: each rocket as the text of a JSON object, and the list of them all, made
 * once, before anything is served. */
#ifndef COMPARE_ROCKETS_CATALOGUE_H
#define COMPARE_ROCKETS_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

enum { CATALOGUE_ID_MAX = 40, CATALOGUE_MAX = 100000 };

struct catalogue_item {
	char id[CATALOGUE_ID_MAX];
	char *text; /* of the JSON object */
	size_t bytes;
};

struct catalogue {
	struct catalogue_item list;   /* [{"id": ..., "name": ...}, ...]; its id is "" */
	struct catalogue_item *items; /* sorted by id */
	uint32_t count;
};

/* As many as there are by themselves. */
uint32_t catalogue_natural(void);

/* Beyond the natural ones come later series of the same: "falcon-9-2". 0 or -ENOMEM. */
int catalogue_make(struct catalogue *catalogue, uint32_t count);
void catalogue_free(struct catalogue *catalogue);

/* NULL: there is none. id needn't end with a zero. */
const struct catalogue_item *catalogue_find(const struct catalogue *catalogue, const char *id,
					    size_t bytes);

#endif
