/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_CAST_H
#define REFERENCE_EXPLORE_CAST_H

#include <duet/scope.h>
#include <stdbool.h>
#include <stdint.h>

/* Who takes part in an exploration: small, so that everything they can do is few enough to be tried. */

enum { SCOPES = 3, ACTORS = 4, TASKS = 2, STEPS = 3, ROOT = 0 };

/* What an actor's operation is. */
enum acting {
	ACTING_NONE,
	ACTING_NOP,
	ACTING_RECV,    /* one byte of the stream; two of them stand in line */
	ACTING_WHOLE,   /* two bytes, in one piece or in two */
	ACTING_ITEMS,   /* into the pool's one buffer, until it is stopped */
	ACTING_TIMEOUT, /* at its `due` */
	ACTING_SHUT,    /* can't be stopped once it has begun */
	ACTING_RELEASE, /* a byte sent without a copy: its result comes before its end */
};

/* What a step of the cleanup does. */
enum stepping {
	STEPPING_NONE,
	STEPPING_PLAIN,  /* nothing that lasts */
	STEPPING_NOP,    /* an operation that ends */
	STEPPING_STUCK,  /* one that doesn't: the budget is to end it */
	STEPPING_CHILD,  /* opens the scope `child`, and joins it */
	STEPPING_CLOSE,  /* closes the stream */
	STEPPING_INLINE, /* the same, and may end inside its start */
};

/* Times are in seconds since the beginning; 0: none. */
struct cast {
	const char *name;
	const char *tuning; /* of the reference backend: what is 0 or 1000 is no choice */
	uint8_t bytes;      /* so many come through the stream at most */
	bool shutdown;      /* of the loop, once */
	bool post;          /* a cancel of the root as from another thread, once */
	bool meddle;        /* one callback may cancel, join or start something itself */
	bool again;         /* who has ended may be started once more */
	uint8_t room;       /* operations_max of the loop, scopes included; 0: enough */
	struct {
		bool there; /* the root is open from the beginning */
		bool late;  /* opened by a step, not by a move */
		bool alone; /* has no parent */
		bool shield;
		uint8_t parent; /* of all but the root, and those alone */
		uint8_t policy;
		uint8_t deadline;
	} scopes[SCOPES];
	struct {
		uint8_t acting;
		uint8_t scope;
		uint8_t due; /* a timeout's time, any other's deadline */
	} actors[ACTORS];
	struct {
		bool there;
		bool prompt; /* leaves when asked; or else later */
		uint8_t scope;
	} tasks[TASKS];
	struct {
		uint8_t stepping;
		uint8_t scope;
		uint8_t child;
	} steps[STEPS];
};

/* All that there are, ended by one without a name. */
extern const struct cast casts[];

const struct cast *cast_find(const char *name);

static inline bool cast_has_parent(const struct cast *cast, unsigned scope)
{
	return scope != ROOT && !cast->scopes[scope].alone;
}

#endif
