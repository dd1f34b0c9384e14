/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a load asks and has to hear, before the first connection of its own: see dialogue.h. */
#ifndef COMPARE_LOAD_LEARN_H
#define COMPARE_LOAD_LEARN_H

#include <netdb.h>
#include <stdint.h>

#include "compare/load/load.h"

/* How many dialogues there are: 0 where what is sent comes back. */
uint32_t learn_count(const struct load_options *options);

/* Fills dialogues, which are all zero, and the sizes of the run. 0, or a negative errno, and why has been
 * said. */
int learn_dialogues(const struct load_options *options, struct load_result *result,
		    const struct addrinfo *to, struct dialogue *dialogues);

#endif
