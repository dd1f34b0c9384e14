/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a cancel is tried on by, side by side: a backend, and where it has them its modes. */
#ifndef COMPARE_LABORATORY_MECHANISM_H
#define COMPARE_LABORATORY_MECHANISM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct duet_backend;

struct mechanism {
	const char *name;                   /* as completion/deferred */
	const struct duet_backend *backend;
	const char *tuning;                 /* or NULL */
	bool native;                        /* in the backend's own dialect */
	bool can_order;                     /* it can be told what completes next: no kernel decides */
};

enum { MECHANISMS_MAX = 6 };

/* What they are tried for: each command knows some of them, and tries some unless others are asked for. */
enum mechanism_use { MECHANISM_OP, MECHANISM_SWEEP, MECHANISM_STRESS, MECHANISM_PRICE,
		     MECHANISM_CLAIM };

/* All that a command knows, in the order of the table: false behind the last. */
bool mechanism_at(enum mechanism_use use, size_t index, struct mechanism *mechanism);

/* Those that name stands for: one by its whole name, or the usual ones of a backend by the backend's; NULL
 * is all usual ones. How many; 0: there is none of that name. */
size_t mechanism_find(enum mechanism_use use, const char *name, struct mechanism *found);

/* Those that the names of --backend stand for, in the order of the table and each once. An exit code: of
 * an unknown name, command says what there is. */
struct option_list;
int mechanism_choose(enum mechanism_use use, const char *command, const struct option_list *names,
		     struct mechanism *chosen, size_t *count);

/* What each says of this machine; those that are refused are taken out, and keep their place in the
 * JSON, with the reason. */
json_t *mechanism_probe(struct mechanism *mechanisms, size_t *count);

#endif
