/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/support/harness.h"

/*
 * Many waits, random cancels, releases and turns on one loop, beside a model of a few arrays that says
 * after each step what the primitive must hold, who was served and with what: a permit, an element or a
 * wake-up that were lost, doubled or given out of turn would show in the step that did it.
 *
 * DUET_TEST_CANCELS=N  so many cancels of each primitive on each backend, and says what it counted
 * DUET_TEST_SEED=N     what is drawn from
 */

enum { LANES = 24, CAPACITY = 3, PERMITS = 6, QUICK = 20000 };

enum lane_state {
	LANE_IDLE,
	LANE_WAITING, /* in line */
	LANE_GRANTED, /* to be told */
	LANE_STOPPED, /* to be told */
	LANE_HOLDING,
};

struct lane {
	struct duet_op op;
	enum lane_state state;
	uint32_t permits;
	uint32_t element;  /* sent, or received */
	uint32_t expected; /* to be received */
	bool sends;
};

struct counts {
	uint64_t cancels, stopped, met, granted, moved;
};

/* What it must be. */
struct model {
	struct lane lanes[LANES];
	unsigned line[LANES]; /* who waits, first come first */
	unsigned line_count;
	unsigned untold;
	uint32_t permits;
	unsigned owner; /* LANES: nobody */
	uint32_t inside[CAPACITY];
	unsigned inside_count;
	uint32_t next_element;
	struct counts counts;
	uint64_t random;
	uint64_t step;
	unsigned seed;
};

static struct model model;
static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_channel channel;
static uint32_t memory[CAPACITY];

/* What one primitive does about it. */
struct subject {
	const char *name;
	void (*make)(void);
	void (*say)(struct lane *lane);
	/* The model's: can it be had now? Then it is. */
	bool (*attempt)(struct lane *lane);
	/* The model's: after a change, whose turn is it? */
	void (*serve)(void);
	void (*give_back)(struct lane *lane);
	bool (*agrees)(void);
	int (*result)(const struct lane *lane);
	bool holds; /* what was granted is to be given back */
	int (*fini)(void);
	void (*poke)(void); /* what comes from nobody in line; may be NULL */
};

static const struct subject *subject;

/* xorshift64* (Vigna, 2016). */
static uint32_t draw(uint32_t bound)
{
	model.random ^= model.random >> 12;
	model.random ^= model.random << 25;
	model.random ^= model.random >> 27;
	return (uint32_t)(model.random * 0x2545f4914f6cdd1du >> 33) % bound;
}

/* Check's own assertion notes where it is each time, at the price of a system call. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("on %s, %s, seed %u, step %llu: not %s", stage.arm->name,     \
				subject->name, model.seed, (unsigned long long)model.step,         \
				#condition);                                                       \
	} while (0)

/* ---- The line of the model. ---- */

static unsigned number_of(const struct lane *lane)
{
	return (unsigned)(lane - model.lanes);
}

static struct lane *first_in_line(void)
{
	return model.line_count ? &model.lanes[model.line[0]] : NULL;
}

static void line_remove(const struct lane *lane)
{
	unsigned at = 0;

	while (model.line[at] != number_of(lane))
		at++;
	model.line_count--;
	memmove(&model.line[at], &model.line[at + 1],
		(model.line_count - at) * sizeof(model.line[0]));
}

static void grant(struct lane *lane)
{
	line_remove(lane);
	lane->state = LANE_GRANTED;
	model.untold++;
}

/* ---- Semaphore. ---- */

static void semaphore_make(void)
{
	duet_semaphore_init(&semaphore, stage.loop, PERMITS);
	model.permits = PERMITS;
}

static void semaphore_say(struct lane *lane)
{
	lane->permits = 1 + draw(draw(4) ? 2 : PERMITS);
	duet_op_acquire(&lane->op, &semaphore, lane->permits);
}

static bool semaphore_attempt(struct lane *lane)
{
	if (model.line_count || lane->permits > model.permits)
		return false;
	model.permits -= lane->permits;
	return true;
}

static void semaphore_serve(void)
{
	struct lane *lane;

	while ((lane = first_in_line()) && lane->permits <= model.permits) {
		model.permits -= lane->permits;
		grant(lane);
	}
}

static void semaphore_give_back(struct lane *lane)
{
	model.permits += lane->permits;
	must(duet_semaphore_release(&semaphore, lane->permits) == 0);
}

static bool semaphore_agrees(void)
{
	uint32_t held = 0;

	for (unsigned i = 0; i < LANES; i++)
		if (model.lanes[i].state == LANE_HOLDING || model.lanes[i].state == LANE_GRANTED)
			held += model.lanes[i].permits;
	return semaphore.permits == model.permits && model.permits + held == PERMITS;
}

static int zero(const struct lane *lane)
{
	(void)lane;
	return 0;
}

static int semaphore_fini(void)
{
	return duet_semaphore_fini(&semaphore);
}

/* ---- Mutex. ---- */

static void mutex_make(void)
{
	duet_mutex_init(&mutex, stage.loop);
	model.owner = LANES;
}

static void mutex_say(struct lane *lane)
{
	duet_op_lock(&lane->op, &mutex, lane);
}

static bool mutex_attempt(struct lane *lane)
{
	if (model.owner != LANES)
		return false;
	model.owner = number_of(lane);
	return true;
}

static void mutex_serve(void)
{
	struct lane *lane = first_in_line();

	if (!lane || model.owner != LANES)
		return;
	model.owner = number_of(lane);
	grant(lane);
}

static void mutex_give_back(struct lane *lane)
{
	model.owner = LANES;
	must(duet_mutex_unlock(&mutex, lane) == 0);
}

static bool mutex_agrees(void)
{
	return mutex.owner == (model.owner == LANES ? NULL : &model.lanes[model.owner]);
}

static int mutex_fini(void)
{
	return duet_mutex_fini(&mutex);
}

/* ---- Channel. ---- */

static uint32_t capacity;

static void channel_make(void)
{
	must(duet_channel_init(&channel, stage.loop, capacity ? memory : NULL, capacity,
		     sizeof(uint32_t)) == 0);
}

static void channel_say(struct lane *lane)
{
	lane->sends = draw(2);
	lane->element = lane->sends ? ++model.next_element : 0;
	if (lane->sends)
		duet_op_channel_send(&lane->op, &channel, &lane->element);
	else
		duet_op_channel_recv(&lane->op, &channel, &lane->element);
}

static void put_inside(uint32_t element)
{
	model.inside[model.inside_count++] = element;
}

static bool model_send(const struct lane *lane)
{
	struct lane *receiver = first_in_line();

	if (receiver && !receiver->sends) {
		receiver->expected = lane->element;
		grant(receiver);
		return true;
	}
	if (model.inside_count == capacity)
		return false;
	put_inside(lane->element);
	return true;
}

static bool model_recv(struct lane *lane)
{
	struct lane *sender = first_in_line();

	if (sender && !sender->sends)
		sender = NULL;
	if (model.inside_count) {
		lane->expected = model.inside[0];
		model.inside_count--;
		memmove(model.inside, model.inside + 1, model.inside_count * sizeof(uint32_t));
		if (sender)
			put_inside(sender->element);
	} else if (sender) {
		lane->expected = sender->element;
	} else {
		return false;
	}
	if (sender)
		grant(sender);
	return true;
}

static bool channel_attempt(struct lane *lane)
{
	return lane->sends ? model_send(lane) : model_recv(lane);
}

static void nothing(void)
{
}

static bool channel_agrees(void)
{
	return channel.count == model.inside_count;
}

static int channel_result(const struct lane *lane)
{
	return !lane->sends;
}

static int channel_fini(void)
{
	return duet_channel_fini(&channel);
}

/* ---- Notify. ---- */

static struct duet_notify notify;

static void notify_make(void)
{
	duet_notify_init(&notify, stage.loop);
}

static void notify_say(struct lane *lane)
{
	duet_op_notified(&lane->op, &notify);
}

/* A wake that nobody waited for is a permit, of which there is one at most. */
static bool notify_attempt(struct lane *lane)
{
	(void)lane;
	if (!model.permits)
		return false;
	model.permits--;
	return true;
}

static void notify_poke(void)
{
	if (draw(6) == 0) {
		while (first_in_line())
			grant(first_in_line());
		duet_notify_all(&notify);
		return;
	}
	if (first_in_line())
		grant(first_in_line());
	else
		model.permits = 1;
	duet_notify_one(&notify);
}

static bool notify_agrees(void)
{
	return notify.kept == model.permits;
}

static int notify_fini(void)
{
	return duet_notify_fini(&notify);
}

static const struct subject subjects[] = {
	{ "semaphore", semaphore_make, semaphore_say, semaphore_attempt, semaphore_serve,
		semaphore_give_back, semaphore_agrees, zero, true, semaphore_fini, NULL },
	{ "mutex", mutex_make, mutex_say, mutex_attempt, mutex_serve, mutex_give_back, mutex_agrees,
		zero, true, mutex_fini, NULL },
	{ "channel", channel_make, channel_say, channel_attempt, nothing, NULL, channel_agrees,
		channel_result, false, channel_fini, NULL },
	{ "notify", notify_make, notify_say, notify_attempt, nothing, NULL, notify_agrees, zero,
		false, notify_fini, notify_poke },
};

/* ---- Steps. ---- */

/* What it was granted is its own now. */
static void have(struct lane *lane)
{
	must(lane->op.result == subject->result(lane));
	must(lane->op.disposition == DUET_COMPLETED);
	if (subject == &subjects[2] && !lane->sends) {
		must(lane->element == lane->expected);
		model.counts.moved++;
	}
	model.counts.granted++;
	lane->state = subject->holds ? LANE_HOLDING : LANE_IDLE;
}

static void told(struct duet_op *op)
{
	struct lane *lane = op->context;

	must(lane->state == LANE_GRANTED || lane->state == LANE_STOPPED);
	model.untold--;
	if (lane->state == LANE_GRANTED) {
		have(lane);
		return;
	}
	must(op->result == -ECANCELED && op->disposition == DUET_UNTOUCHED);
	must(op->cause == DUET_CAUSE_CANCEL);
	/* Nothing was received. */
	must(lane->sends || lane->element == 0);
	lane->state = LANE_IDLE;
}

static void start(struct lane *lane)
{
	bool inlined = draw(2), before = model.untold;
	int answer;

	subject->say(lane);
	if (inlined)
		duet_op_inline(&lane->op);
	if (subject->attempt(lane)) {
		/* It is told behind those who were served before it, or with it. */
		inlined = inlined && !before && !model.untold;
		lane->state = LANE_GRANTED;
		model.untold++;
		answer = duet_op_start(stage.loop, &lane->op);
		must(answer == (int)inlined);
		if (answer == 1) {
			model.untold--;
			have(lane);
		}
		return;
	}
	lane->state = LANE_WAITING;
	model.line[model.line_count++] = number_of(lane);
	must(duet_op_start(stage.loop, &lane->op) == 0);
}

static void cancel(struct lane *lane)
{
	model.counts.cancels++;
	if (lane->state == LANE_WAITING) {
		model.counts.stopped++;
		line_remove(lane);
		lane->state = LANE_STOPPED;
		model.untold++;
		duet_op_cancel(&lane->op);
		subject->serve();
		return;
	}
	model.counts.met += lane->state == LANE_GRANTED;
	duet_op_cancel(&lane->op);
}

static void turn(void)
{
	must(duet_loop_turn(stage.loop, 0) >= 0);
	must(model.untold == 0);
}

static void step(void)
{
	struct lane *lane = &model.lanes[draw(LANES)];

	model.step++;
	if (subject->poke && draw(4) == 0)
		subject->poke();
	if (lane->state == LANE_IDLE) {
		start(lane);
	} else if (lane->state == LANE_HOLDING) {
		lane->state = LANE_IDLE;
		subject->give_back(lane);
		subject->serve();
	} else {
		cancel(lane);
	}
	must(subject->agrees());
	if (draw(8) == 0)
		turn();
}

/* Who waits is stopped, and who holds gives back: all of it is there again. */
static void finish(void)
{
	for (unsigned i = 0; i < LANES; i++)
		if (model.lanes[i].state == LANE_WAITING)
			cancel(&model.lanes[i]);
	turn();
	for (unsigned i = 0; i < LANES; i++) {
		if (model.lanes[i].state != LANE_HOLDING)
			continue;
		model.lanes[i].state = LANE_IDLE;
		subject->give_back(&model.lanes[i]);
	}
	must(subject->agrees());
	must(subject->fini() == 0);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void play(const struct subject *the_subject)
{
	const uint64_t cancels = setting("DUET_TEST_CANCELS", QUICK);

	memset(&model, 0, sizeof(model));
	subject = the_subject;
	model.seed = (unsigned)setting("DUET_TEST_SEED", 1);
	model.random = model.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (unsigned i = 0; i < LANES; i++)
		duet_op_init(&model.lanes[i].op, told, &model.lanes[i]);
	subject->make();
	while (model.counts.cancels < cancels)
		step();
	finish();
	if (!getenv("DUET_TEST_CANCELS"))
		return;
	printf("%-16s %-10s %9llu cancels: %9llu stopped a wait, %8llu met a grant; %9llu granted, "
	       "none lost\n",
		stage.arm->name, subject == &subjects[2] && !capacity ? "rendezvous" : subject->name,
		(unsigned long long)model.counts.cancels,
		(unsigned long long)model.counts.stopped, (unsigned long long)model.counts.met,
		(unsigned long long)model.counts.granted);
	fflush(stdout);
}

START_TEST(no_permit_is_lost_in_random_cancels)
{
	play(&subjects[0]);
}
END_TEST

START_TEST(a_mutex_is_nobody_s_and_everybody_s_in_turn_in_random_cancels)
{
	play(&subjects[1]);
}
END_TEST

START_TEST(no_element_is_lost_in_random_cancels)
{
	capacity = CAPACITY;
	play(&subjects[2]);
}
END_TEST

START_TEST(no_element_is_lost_at_a_rendezvous_in_random_cancels)
{
	capacity = 0;
	play(&subjects[2]);
}
END_TEST

START_TEST(no_wake_up_is_lost_in_random_cancels)
{
	play(&subjects[3]);
}
END_TEST

int main(void)
{
	printf("seed %u (DUET_TEST_SEED)\n", (unsigned)setting("DUET_TEST_SEED", 1));
	return contract_run("primitive_random",
		CASES(no_permit_is_lost_in_random_cancels,
			a_mutex_is_nobody_s_and_everybody_s_in_turn_in_random_cancels,
			no_element_is_lost_in_random_cancels,
			no_element_is_lost_at_a_rendezvous_in_random_cancels,
			no_wake_up_is_lost_in_random_cancels),
		NULL);
}
