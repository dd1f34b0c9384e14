/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/explore/search.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/explore/states.h"

static struct search *report;
static unsigned char *beginning, *moment;

/* What is being tried: the state that is left, the move, its choices. */
static uint32_t leaving;
static struct move trying;
static struct choices given;
static int settling; /* the way of choosing, or -1 */

/* An abort of the library's is a finding, too. */
static sigjmp_buf back;

static void come_back(int number)
{
	siglongjmp(back, number);
}

/* ---- Sequences as text. ---- */

static void write_move(struct move move, const struct choices *choices)
{
	size_t used = strlen(report->sequence);
	char *at = report->sequence + used;
	char name[MOVE_TEXT_BYTES];

	move_write(move, name);
	if (SEARCH_SEQUENCE_BYTES - used < sizeof(name) + choices->count + 3u)
		return;
	at += sprintf(at, "%s%s%s", used ? " " : "", name, choices->count ? ":" : "");
	for (unsigned i = 0; i < choices->count; i++)
		*at++ = "0123456789abcdefghijklmnopqrstuvwxyz"[choices->made[i]];
	*at = '\0';
}

/* From the beginning to a state. */
static void write_path(uint32_t number)
{
	const struct state *state = states_at(number);
	struct choices choices;

	if (state->from == number)
		return;
	write_path(state->from);
	states_choices(state, &choices);
	write_move(state->move, &choices);
}

static void write_finding(void)
{
	static const struct choices none;
	struct choices taken;

	strcpy(report->violation, violation);
	report->sequence[0] = '\0';
	write_path(leaving);
	choices_taken(&taken);
	write_move(trying, settling < 0 ? &taken : &given);
	if (settling >= 0)
		write_move((struct move){ VERB_SETTLE, (uint8_t)settling }, &none);
}

/* ---- One step. ---- */

static void make_move(struct move move, const struct choices *choices)
{
	enum choosing choosing = move.verb == VERB_SETTLE ? (enum choosing)move.who : CHOOSING_FIRST;

	choices_begin(choices, choosing);
	move_make(move);
	if (move.verb != VERB_SETTLE)
		watch_step();
}

/* What was found must be found again: else something that matters is missing in the digest, or isn't
 * put back. */
static bool return_to(uint32_t number)
{
	const struct state *state = states_at(number);
	struct choices choices;

	if (state->from == number) {
		scene_restore(beginning);
		return true;
	}
	if (!return_to(state->from))
		return false;
	states_choices(state, &choices);
	make_move(state->move, &choices);
	if (scene_digest() == state->digest)
		return true;
	violate("the explorer itself: the same sequence led elsewhere the second time");
	return false;
}

/* What becomes of a state that is left alone: by each way of choosing. */
static void settle_here(void)
{
	static const struct choices none;
	size_t bytes = scene_size();
	unsigned char *copy = moment + bytes;

	scene_save(copy);
	choices_taken(&given);
	for (settling = CHOOSING_FIRST; settling <= CHOOSING_IN_TURN; settling++) {
		scene_restore(copy);
		make_move((struct move){ VERB_SETTLE, (uint8_t)settling }, &none);
		if (violation[0])
			return;
	}
	settling = -1;
}

/* One run of the move. *more: there is another, with what is `given` then. False: the search is over. */
static bool try_once(bool *more)
{
	struct choices taken, next;
	uint32_t arrived;
	bool found;

	make_move(trying, &given);
	if (!choices_taken(&taken))
		violate("the explorer itself: more than %d choices in a move", CHOICES_MAX);
	if (violation[0])
		return false;
	*more = choices_next(&next);
	arrived = states_add(scene_digest(), leaving, trying, &taken, &found);
	if (arrived == STATES_FULL || !states_link(leaving, arrived)) {
		violate("the explorer itself: no memory for more states");
		return false;
	}
	if (found)
		settle_here();
	if (violation[0])
		return false;
	given = next;
	return true;
}

static bool try_move(struct move move)
{
	bool more = true;

	trying = move;
	given.count = 0;
	while (more) {
		scene_restore(moment);
		if (!try_once(&more))
			return false;
	}
	return true;
}

static bool leave_state(uint32_t number)
{
	leaving = number;
	if (!return_to(number))
		return false;
	scene_save(moment);
	for (unsigned verb = 0; verb < VERB_SETTLE; verb++) {
		for (unsigned who = 0; who < move_range((enum verb)verb); who++) {
			struct move move = { (uint8_t)verb, (uint8_t)who };

			scene_restore(moment);
			if (move_possible(move) && !try_move(move))
				return false;
		}
	}
	return true;
}

static __attribute__((noinline)) void search_all(unsigned depth)
{
	static const struct choices none;
	bool found;

	states_add(scene_digest(), 0, (struct move){ 0 }, &none, &found);
	for (uint32_t number = 0; number < states_count(); number++) {
		if (states_at(number)->depth >= depth)
			return;
		if (!leave_state(number))
			return;
	}
	report->complete = true;
}

/* ---- From outside. ---- */

static int begin(const struct cast *played, struct search *search)
{
	size_t bytes;
	int error = scene_open(played, choices_choose);

	memset(search, 0, sizeof(*search));
	report = search;
	violation[0] = '\0';
	settling = -1;
	leaving = 0;
	if (error)
		return error;
	bytes = scene_size();
	beginning = malloc(bytes * 3);
	if (!beginning) {
		scene_close();
		return -ENOMEM;
	}
	moment = beginning + bytes;
	scene_save(beginning);
	signal(SIGABRT, come_back);
	return 0;
}

static int finish(struct search *search)
{
	signal(SIGABRT, SIG_DFL);
#ifdef DUET_MOVES
	search->moves = scene.loop->moves;
#endif
	scene_close();
	states_clear();
	free(beginning);
	return search->violation[0] ? 1 : 0;
}

/* Nothing is kept here that a jump back could spoil. */
static void run_guarded(unsigned depth)
{
	if (sigsetjmp(back, 1) == 0)
		search_all(depth);
	else
		violate("the library aborted");
}

int search_run(const struct cast *played, unsigned depth, struct search *search)
{
	int error = begin(played, search);

	if (error)
		return error;
	search->depth = depth;
	run_guarded(depth);
	if (violation[0])
		write_finding();
	search->states = states_count();
	search->edges = states_edges();
	search->sequences = states_sequences(depth);
	return finish(search);
}

/* A digit of 36, as write_move() has them; false: none. */
static bool read_choices(const char **text, struct choices *choices)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	choices->count = 0;
	if (**text != ':')
		return true;
	for (++*text; **text && **text != ' '; ++*text) {
		const char *digit = strchr(digits, **text);

		if (!digit || choices->count == CHOICES_MAX)
			return false;
		choices->made[choices->count++] = (uint8_t)(digit - digits);
	}
	return true;
}

static int play(const char *text)
{
	while (*text && !violation[0]) {
		struct choices choices;
		struct move move;
		size_t length = move_read(text, &move);
		const char *begun = text;

		text += length;
		if (!length || !read_choices(&text, &choices) ||
		    (move.verb != VERB_SETTLE && !move_possible(move))) {
			violate("no move is possible here that reads \"%.40s\"", begun);
			return -EINVAL;
		}
		report->depth++;
		make_move(move, &choices);
		text += strspn(text, " ");
	}
	return 0;
}

int search_replay(const struct cast *played, const char *text, struct search *search)
{
	int error = begin(played, search), ended;

	if (error)
		return error;
	if (sigsetjmp(back, 1) == 0)
		error = play(text);
	else
		violate("the library aborted");
	strcpy(search->violation, violation);
	ended = finish(search);
	return error ? error : ended;
}
