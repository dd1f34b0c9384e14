/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_EXAMINE_H
#define REFERENCE_TWINS_EXAMINE_H

#include "reference/script.h"
#include "reference/twins/arms.h"

/* Which arms play: those that this machine permits. */
struct cast {
	bool plays[ARMS_COUNT];
	unsigned count;
	/* Added to the reference's own, NULL: nothing. An error that it injects and the script doesn't
	 * mention is a planted violation: so the search and the shrinking are tried. */
	const char *tuning;
};

struct finding {
	bool found;
	bool disagreement; /* between players; else one broke the contract */
	unsigned arm;      /* who was playing; of two that disagree, the second */
	char text[600];
};

/* Plays a script on every arm of the cast, judges every trace, and compares those of a calm one
 * with the first arm's. */
void examine(const struct script *script, const struct cast *cast, struct finding *finding);

/* The same up to three times in a process of its own, which may crash or hang: that is a finding
 * too. A broken contract counts at once; a disagreement must show each time, since a single one may
 * be the machine's. */
void examine_apart(const struct script *script, const struct cast *cast, struct finding *finding);

/* What a dead player's status says, if it was killed. */
void examine_death(int status, struct finding *finding);

/* Makes the script as short as it can while examine_apart() still finds something. */
void shrink(struct script *script, const struct cast *cast, struct finding *finding);

#endif
