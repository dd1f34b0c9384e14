/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/informed.h"

#include <duet/futures.h>
#include <duet/loop.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare/measure/window.h"

struct waiting {
	struct duet_child child; /* first; only the precise parent knows it */
	struct duet_op_future future;
	duet_handle handle;
	uint64_t sent_ns; /* what is received */
};

struct informed {
	struct informed_options options;
	const struct informed_style *style;
	struct informed_result *result;
	struct duet_waker waker; /* the parent's */
	bool woken;
	struct duet_future_set set;
	uint32_t count;
	struct waiting *children;
};

static void on_wake(struct duet_waker *waker)
{
	struct informed *informed =
		(struct informed *)(void *)((char *)waker - offsetof(struct informed, waker));

	informed->woken = true;
	informed->result->wakes++;
}

static void receive(struct waiting *waiting)
{
	duet_op_future_reset(&waiting->future);
	duet_op_recv(&waiting->future.op, waiting->handle, &waiting->sent_ns,
		     sizeof(waiting->sent_ns), 0);
}

/* Its event is there: noted, and the next one asked for. */
static void take(struct informed *informed, struct waiting *waiting)
{
	struct informed_result *result = informed->result;
	int received = waiting->future.op.result;

	if (received == sizeof(waiting->sent_ns)) {
		histogram_record(&result->latency, window_now_ns() - waiting->sent_ns);
		result->events++;
	} else if (!result->error) {
		result->error = received < 0 ? received : -EBADMSG;
	}
	receive(waiting);
}

static int turn(struct informed *informed, uint64_t until_ns)
{
	uint64_t now_ns = window_now_ns();
	int status;

	if (now_ns >= until_ns)
		return -ETIME;
	status = duet_loop_turn(informed->options.loop, (int64_t)(until_ns - now_ns));
	return status < 0 ? status : informed->result->error;
}

/* ---- Whoever was woken is asked. ---- */

static void begin_precise(struct informed *informed)
{
	duet_future_set_init(&informed->set);
	for (uint32_t i = 0; i < informed->count; i++)
		duet_future_set_add(&informed->set, &informed->children[i].child,
				    &informed->children[i].future.future);
}

static int run_precise(struct informed *informed, uint64_t until_ns)
{
	struct duet_context context = { NULL, informed->options.loop, &informed->waker };
	int status = 0;

	while (!status) {
		struct duet_child *child;

		informed->woken = false;
		child = duet_future_set_next(&informed->set, &context);
		informed->result->polls = informed->set.children.polls;
		if (child) {
			take(informed, (struct waiting *)(void *)child);
			duet_future_set_add(&informed->set, child, child->future);
		} else if (!informed->woken) { /* else it was enough for once, and not all */
			status = turn(informed, until_ns);
		}
	}
	return status == -ETIME ? 0 : status;
}

/*
 * ---- All are asked, naively. ----
 *
 * Not by duet_poll_all_future and duet_spin(): those are done with a child that was ready, and these go on
 * for ever. A child that asks for its next event by itself would have to be a future around its receive,
 * and a poll of that takes twice the instructions, which is what is measured here.
 */

static void poll_all(struct informed *informed, struct duet_waker *waker)
{
	struct duet_context context = { NULL, informed->options.loop, waker };

	for (uint32_t i = 0; i < informed->count; i++) {
		struct waiting *waiting = &informed->children[i];

		informed->result->polls++;
		while (duet_op_future_poll(&waiting->future, &context) == DUET_READY &&
		       !informed->result->error) {
			take(informed, waiting);
			informed->result->polls++;
		}
	}
}

static void begin_all(struct informed *informed)
{
	informed->woken = true; /* the first poll starts them */
}

static int run_all(struct informed *informed, uint64_t until_ns)
{
	int status = 0;

	while (!status) {
		if (!informed->woken) {
			status = turn(informed, until_ns);
			continue;
		}
		informed->woken = false;
		poll_all(informed, &informed->waker);
	}
	return status == -ETIME ? 0 : status;
}

static int run_spin(struct informed *informed, uint64_t until_ns)
{
	int status = 0;

	while (status >= 0 && !informed->result->error && window_now_ns() < until_ns) {
		poll_all(informed, NULL);
		status = duet_loop_turn(informed->options.loop, 0);
	}
	return status < 0 ? status : informed->result->error;
}

static const struct informed_style PRECISE = { "precise", begin_precise, run_precise };
static const struct informed_style POLL_ALL = { "poll-all", begin_all, run_all };
static const struct informed_style SPIN = { "spin", begin_all, run_spin };

const struct informed_style *const INFORMED_STYLE[INFORMED_STYLES] = { &PRECISE, &POLL_ALL, &SPIN };

const struct informed_style *informed_style_find(const char *name)
{
	for (int i = 0; i < INFORMED_STYLES; i++) {
		if (!strcmp(INFORMED_STYLE[i]->name, name))
			return INFORMED_STYLE[i];
	}
	return NULL;
}

int informed_run(struct informed *informed, uint64_t until_ns)
{
	return informed->style->run(informed, until_ns);
}

void informed_destroy(struct informed *informed)
{
	if (informed)
		free(informed->children);
	free(informed);
}

/* The active one stands in the middle of the idle ones. */
static uint32_t handle_of(const struct informed *informed, uint32_t index)
{
	uint32_t idle = informed->options.idle_count, active = idle / 2;

	return index == active ? idle : index < active ? index : index - 1;
}

struct informed *informed_create(const struct informed_options *options,
				 const struct informed_style *style,
				 struct informed_result *result)
{
	struct informed *informed = calloc(1, sizeof(*informed));

	if (!informed)
		return NULL;
	informed->options = *options;
	informed->style = style;
	informed->result = result;
	informed->waker.wake = on_wake;
	informed->count = options->idle_count + 1;
	informed->children = calloc(informed->count, sizeof(*informed->children));
	if (!informed->children) {
		informed_destroy(informed);
		return NULL;
	}
	for (uint32_t i = 0; i < informed->count; i++) {
		struct waiting *waiting = &informed->children[i];

		waiting->handle = options->handles[handle_of(informed, i)];
		duet_op_future_init(&waiting->future);
		receive(waiting);
	}
	style->begin(informed);
	return informed;
}
