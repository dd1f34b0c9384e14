/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_EXPLORE_SCENE_H
#define REFERENCE_EXPLORE_SCENE_H

#include "core/scope.h"
#include "reference/explore/cast.h"
#include "reference/internal.h"

/*
 * A cast on its loop, and beside it the books: what the caller has done and been told, kept without a
 * look at the library's own state. All of it stands at one place and can be put back to any earlier
 * moment by copying memory (see scene_save()), which is what makes trying everything cheap.
 */

struct actor {
	struct duet_op op;
	struct duet_member member;
	unsigned char data[2];
};

struct actor_book {
	uint8_t starts;
	uint8_t started; /* now, or before it ended */
	uint8_t ended;
	uint8_t results;   /* told before its end, of what releases */
	uint8_t cancelled; /* by the caller */
	uint8_t sheltered; /* started in a cleanup */
};

struct scope_book {
	uint8_t opened;
	uint8_t joining;   /* join was said */
	uint8_t told;      /* joined() was called */
	uint8_t firsts;    /* first() was called */
	uint8_t cancelled; /* by the caller, when it could be */
	uint8_t sheltered; /* no shutdown reaches it */
	uint8_t asked;     /* has been seen so */
	uint8_t overdue;
	uint8_t completed; /* members that ended so, before the cleanup */
	uint8_t failed;
	uint8_t stopped;
};

struct task_book {
	uint8_t inside;
	uint8_t entered;
	uint8_t asked;
};

struct step_book {
	uint8_t place; /* the how-many-th to be registered, from 1; 0: it was not */
	uint8_t ran;
};

struct books {
	struct scope_book scopes[SCOPES];
	struct actor_book actors[ACTORS + STEPS];
	struct task_book tasks[TASKS];
	struct step_book steps[STEPS];
	uint8_t steps_placed;
	uint8_t sent; /* bytes */
	uint8_t received;
	uint8_t shutdown;
	uint8_t posted;
	uint8_t held; /* buffers of the pool's */
	uint8_t meddled;
	uint8_t inside; /* calls of start, cancel, join ... that have not come back */
};

struct step {
	struct duet_cleanup cleanup;
	uint8_t index;
};

struct scene {
	struct duet_loop *loop;
	struct duet_scope scopes[SCOPES];
	struct actor actors[ACTORS + STEPS]; /* behind: those of the steps */
	struct duet_member tasks[TASKS];
	struct step steps[STEPS];
	struct duet_scope_request request;
	struct duet_pool *pool;   /* of one buffer, of one byte */
	struct duet_buffer buffer; /* if it is held */
	duet_handle stream;
	uint32_t near_end; /* of the stream: nodes of the world */
	uint32_t far_end;
	struct books books;
};

extern struct scene scene;
extern const struct cast *cast;

/* Makes the loop and opens the root. Negative: it could not be had. */
int scene_open(const struct cast *played, uint32_t (*choose)(uint32_t bound));
void scene_close(void);

/* A moment, kept and returned to. size: what a copy takes. */
size_t scene_size(void);
void scene_save(unsigned char *copy);
void scene_restore(const unsigned char *copy);

/* What the future depends on, in one number: two moments of which this is equal are one state. */
uint64_t scene_digest(void);

static inline struct reference *scene_world(void)
{
	return reference_of(scene.loop);
}

/* ---- What the cast can do: moves.c. ---- */

enum verb {
	VERB_START,
	VERB_CANCEL, /* an operation */
	VERB_STOP,   /* a scope */
	VERB_JOIN,
	VERB_OPEN,
	VERB_ENTER,
	VERB_LEAVE,
	VERB_FAIL,
	VERB_DEFER,
	VERB_BYTE,
	VERB_RETURN, /* the buffer */
	VERB_CLOCK,
	VERB_SHUTDOWN,
	VERB_POST,
	VERB_TURN,
	VERB_SETTLE, /* not tried: what is done at the end, to see that all comes to one */
	VERB_COUNT
};

struct move {
	uint8_t verb;
	uint8_t who;
};

#define MOVE_TEXT_BYTES 16

/* How many could have the verb as theirs. */
unsigned move_range(enum verb verb);
bool move_possible(struct move move);
void move_make(struct move move);
void move_write(struct move move, char text[MOVE_TEXT_BYTES]);
/* The move at the beginning of text, up to a blank, a colon or the end: its length, 0 for none. */
size_t move_read(const char *text, struct move *move);

/* What steps do when they run. */
int scene_start_actor(unsigned index, unsigned scope);
int scene_open_scope(unsigned index);
void scene_join_scope(unsigned index);

/* ---- What must hold: watch.c. ---- */

/* The first thing that was wrong, "" if nothing was. */
extern char violation[200];
void violate(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* After every step. */
void watch_step(void);
/* When turns change nothing any more: what is due and did not come? */
void watch_quiet(void);
/* When everything was asked to end and all time has passed. */
void watch_end(void);
/* Members of a scope that are alive, by the books. */
unsigned watch_alive(unsigned scope);
bool watch_is_cleaning(unsigned scope);
unsigned watch_home(unsigned actor);
/* Has a step closed the stream, or begun to? */
bool watch_is_closing(void);

duet_done_fn watch_done;
duet_scope_fn watch_joined;
duet_scope_fn watch_first;
void watch_ask(struct duet_member *member, enum duet_cause cause);
void watch_run(struct duet_scope *scope, struct duet_cleanup *cleanup);

/* Turns, and the caller's every duty, until nothing is left; `choose` is the search's business. */
void scene_settle(void);

#endif
