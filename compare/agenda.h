/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* All questions that duet compare answers, each by its name, in the order in which people are told. Some
 * are cells with an answer (compare/questions), the others claims that are put to the test
 * (compare/claim): docs/architecture.md says why. */
#ifndef COMPARE_AGENDA_H
#define COMPARE_AGENDA_H

#include <stdbool.h>

#include "compare/options.h"

#define AGENDA_ROW(name, asks) { name, OPTION_TOPIC, 0, 0, 0, "", asks }

/* Of a table of options, for --help. */
#define AGENDA_ROWS                                                                                \
	AGENDA_ROW("cells", "continuation or future, on completion or polling: are they "         \
			    "virtually identical?"),                                               \
	AGENDA_ROW("informed", "what is it worth to be told which of many children to ask?"),     \
	AGENDA_ROW("try-first", "opportunistic sync: is it worth trying before waiting?"),        \
	AGENDA_ROW("stateless", "can informed polling, and it alone, wait without keeping "       \
				"anything?"),                                                      \
	AGENDA_ROW("beside", "join and select inside a task, or children beside it in a scope?"), \
	AGENDA_ROW("hot", "hot or cold, in place or shared: what does it cost, and what does a "  \
			  "cancel before the start do?"),                                          \
	AGENDA_ROW("parity", "what does the common API cost over each twin's own dialect?"),      \
	AGENDA_ROW("models", "what does a task cost in each of the programming models?"),         \
	AGENDA_ROW("scheduling", "what do order, budget, spinning and pinning do to latency?"),   \
	AGENDA_ROW("paths", "which optional paths of a ring pay on this machine?"),               \
	AGENDA_ROW("idle", "what does an idle connection hold, by the regime of its buffer?"),      \
	AGENDA_ROW("regimes", "what does it cost to hand memory over, in each regime?"),           \
	AGENDA_ROW("blocking", "one task of a thousand blocks: who waits, who tells of it, and "  \
			       "what helps?")

bool agenda_has(const char *name);

#endif
