/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "compare/measure/rounds.h"
#include "compare/measure/window.h"

/* Ends that are answered in one go, where all are. */
enum { BATCH = 256 };
/* Of a pass in which what has ended is started or closed at once: more cost time and show no more. */
enum { SAMPLE = 1000 };
/* Of a deadline: how long the starts take is known from the pass before. */
static const uint64_t LEAD_MIN_NS = 2000000, LEAD_MAX_NS = 2000000000, FAR_NS = 60000000000;

/* What a pass is for: the clock is looked at in none but its own. */
enum pass { PASS_CPU, PASS_ENDED, PASS_MEMORY, PASS_CLOSED };

struct waiter {
	struct sockaddr_un name;
	socklen_t name_bytes;
	char byte;
	bool again; /* started once more at its end, for the next pass to get rid of */
	bool gone;  /* its descriptor is closed */
};

struct crowd {
	struct crowd_options options;
	struct crowd_result *result;
	void *engine;
	struct waiter *waiters;
	uint32_t *order;      /* of the groups; of single ones where all are answered */
	uint64_t random;
	enum pass pass;
	bool dismissing;      /* what ends now is of no interest */
	uint64_t asked_ns, lead_ns;
	uint32_t ended, closed;
	int sender, error;
};

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note(struct crowd *crowd, int status)
{
	if (status < 0 && !crowd->error)
		crowd->error = status;
}

/* ---- What ends. ---- */

static bool closes(const struct crowd *crowd)
{
	return crowd->options.method == CANCEL_DESCRIPTOR || crowd->pass == PASS_CLOSED;
}

static bool is_answered(const struct crowd *crowd, uint32_t index)
{
	return crowd->options.method == CANCEL_NEVER ||
		(crowd->options.storm && index % CROWD_STORM == 0);
}

static int expected(const struct crowd *crowd, uint32_t index)
{
	if (crowd->dismissing)
		return -ECANCELED;
	if (is_answered(crowd, index))
		return 1;
	return crowd->options.method == CANCEL_DEADLINE ? -ETIMEDOUT : -ECANCELED;
}

static void start(struct crowd *crowd, uint32_t index, uint64_t deadline_ns, bool loose)
{
	note(crowd, crowd->options.engine->start(crowd->engine, index, &crowd->waiters[index].byte,
						 deadline_ns, loose));
}

/* From when the batch was sent: a program with a loop has such a time at hand. */
static uint64_t far_ns(const struct crowd *crowd)
{
	return crowd->options.timed ? crowd->asked_ns + FAR_NS : 0;
}

static void ended(void *context, uint32_t index, int result)
{
	struct crowd *crowd = context;

	crowd->ended++;
	crowd->result->wrong += result != expected(crowd, index);
	if (crowd->dismissing)
		return;
	crowd->result->operations_total++;
	if (crowd->options.method == CANCEL_NEVER)
		start(crowd, index, far_ns(crowd), false);
	if (crowd->pass == PASS_CPU || (is_answered(crowd, index) && crowd->options.storm))
		return;
	if (crowd->pass == PASS_ENDED) {
		histogram_record(&crowd->result->ended, window_now_ns() - crowd->asked_ns);
	} else if (crowd->pass == PASS_MEMORY) {
		start(crowd, index, 0, true);
		crowd->waiters[index].again = true;
		histogram_record(&crowd->result->memory, window_now_ns() - crowd->asked_ns);
	} else if (crowd->options.method != CANCEL_DESCRIPTOR) {
		note(crowd, crowd->options.engine->close(crowd->engine, index));
	}
}

static void closed(void *context, uint32_t index)
{
	struct crowd *crowd = context;

	crowd->waiters[index].gone = true;
	crowd->closed++;
	if (crowd->pass == PASS_CLOSED)
		histogram_record(&crowd->result->closed, window_now_ns() - crowd->asked_ns);
}

/* ---- Set-up. ---- */

/* A datagram socket with a name that the kernel has chosen: one descriptor each, and one sender
 * reaches them all. */
static int make_waiter(struct crowd *crowd, uint32_t index)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	struct waiter *waiter = &crowd->waiters[index];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	waiter->name_bytes = sizeof(waiter->name);
	waiter->gone = false;
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) ||
	    getsockname(fd, (struct sockaddr *)&waiter->name, &waiter->name_bytes)) {
		status = -errno;
		close(fd);
		return status;
	}
	return crowd->options.engine->adopt(crowd->engine, index, fd);
}

static void shuffle(struct crowd *crowd, uint32_t count)
{
	for (uint32_t i = count; i > 1; i--) {
		uint32_t other = (uint32_t)(rounds_random(&crowd->random) % i), mine = crowd->order[i - 1];

		crowd->order[i - 1] = crowd->order[other];
		crowd->order[other] = mine;
	}
}

static int make(struct crowd *crowd)
{
	const struct crowd_options *options = &crowd->options;
	const struct cancel_shape shape = {
		.pending = options->pending, .group = options->group, .method = options->method,
		.ended = ended, .closed = closed, .context = crowd, .host = options->host,
	};
	int status = 0;

	crowd->waiters = calloc(options->pending, sizeof(*crowd->waiters));
	crowd->order = calloc(options->pending, sizeof(*crowd->order));
	if (!crowd->waiters || !crowd->order)
		return -ENOMEM;
	crowd->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	crowd->engine = options->engine->create(&shape);
	if (crowd->sender < 0 || !crowd->engine)
		return -errno;
	for (uint32_t i = 0; !status && i < options->pending; i++)
		status = make_waiter(crowd, i);
	return status;
}

int crowd_create(struct crowd **out, const struct crowd_options *options)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	int status;

	*out = crowd;
	if (!crowd)
		return -ENOMEM;
	crowd->options = *options;
	crowd->random = options->seed;
	crowd->lead_ns = LEAD_MIN_NS;
	crowd->sender = -1;
	status = make(crowd);
	return status;
}

void crowd_destroy(struct crowd *crowd)
{
	if (!crowd)
		return;
	if (crowd->engine)
		crowd->options.engine->destroy(crowd->engine);
	if (crowd->sender >= 0)
		close(crowd->sender);
	free(crowd->order);
	free(crowd->waiters);
	free(crowd);
}

/* ---- A pass. ---- */

static void turn(struct crowd *crowd, int64_t timeout_ns)
{
	note(crowd, crowd->options.engine->turn(crowd->engine, timeout_ns));
}

/* The kernel has all that was started, and has said that nothing is there. */
static void settle(struct crowd *crowd)
{
	turn(crowd, 0);
	turn(crowd, 0);
}

static bool is_over(const struct crowd *crowd, uint32_t first)
{
	const struct cancel_engine *engine = crowd->options.engine;

	return !engine->over || engine->over(crowd->engine, first);
}

static void start_all(struct crowd *crowd, uint64_t deadline_ns)
{
	for (uint32_t i = 0; !crowd->error && i < crowd->options.pending; i++)
		start(crowd, i, deadline_ns, false);
}

/* One group from its request to its end. */
static void end_group(struct crowd *crowd, uint32_t first)
{
	const uint32_t group = crowd->options.group;

	crowd->ended = crowd->closed = 0;
	if (crowd->pass != PASS_CPU)
		crowd->asked_ns = window_now_ns();
	note(crowd, crowd->options.engine->request(crowd->engine, first));
	while (!crowd->error && (crowd->ended < group || !is_over(crowd, first) ||
				 (closes(crowd) && crowd->closed < group)))
		turn(crowd, -1);
}

static void end_groups(struct crowd *crowd)
{
	const uint32_t group = crowd->options.group, count = crowd->options.pending / group;
	const enum pass pass = crowd->pass;

	for (uint32_t i = 0; i < count; i++)
		crowd->order[i] = i;
	shuffle(crowd, count);
	for (uint32_t i = 0; !crowd->error && i < count; i++) {
		if (pass >= PASS_MEMORY && i * group >= SAMPLE)
			crowd->pass = PASS_CPU;
		end_group(crowd, crowd->order[i] * group);
	}
	crowd->pass = pass;
}

static void answer(struct crowd *crowd, uint32_t index)
{
	const struct waiter *waiter = &crowd->waiters[index];

	if (sendto(crowd->sender, "x", 1, 0, (const struct sockaddr *)&waiter->name,
		   waiter->name_bytes) != 1)
		note(crowd, -errno);
}

/* All that are pending, in random order and in batches; only what ends them is measured. */
static uint64_t answer_all(struct crowd *crowd)
{
	const uint32_t pending = crowd->options.pending;
	uint64_t spent_ns = 0;

	for (uint32_t i = 0; i < pending; i++)
		crowd->order[i] = i;
	shuffle(crowd, pending);
	for (uint32_t first = 0; !crowd->error && first < pending; first += BATCH) {
		uint32_t count = pending - first < BATCH ? pending - first : BATCH;

		for (uint32_t i = first; i < first + count; i++)
			answer(crowd, crowd->order[i]);
		crowd->ended = 0;
		crowd->asked_ns = window_now_ns();
		spent_ns -= cpu_now_ns();
		while (!crowd->error && crowd->ended < count)
			turn(crowd, -1);
		spent_ns += cpu_now_ns();
	}
	return spent_ns;
}

/* Waits for what was given a time: the ends before it are those that were answered. */
static void await_deadline(struct crowd *crowd)
{
	while (!crowd->error && (crowd->ended < crowd->options.pending ||
				 (crowd->pass == PASS_CLOSED &&
				  crowd->closed + (crowd->options.storm
							   ? crowd->options.pending / CROWD_STORM
							   : 0) < crowd->options.pending)))
		turn(crowd, -1);
}

/* All with one deadline, and started before it. False if the starts took longer: nothing was
 * measured. */
static bool start_timed(struct crowd *crowd)
{
	uint64_t begun_ns = window_now_ns(), taken_ns;

	crowd->ended = crowd->closed = 0;
	crowd->asked_ns = begun_ns + crowd->lead_ns;
	start_all(crowd, crowd->asked_ns);
	settle(crowd);
	for (uint32_t i = 0; crowd->options.storm && i < crowd->options.pending; i += CROWD_STORM)
		answer(crowd, i);
	taken_ns = window_now_ns() - begun_ns;
	crowd->lead_ns = 2 * taken_ns < LEAD_MIN_NS ? LEAD_MIN_NS : 2 * taken_ns;
	if (crowd->lead_ns > LEAD_MAX_NS)
		note(crowd, -ETIME);
	return begun_ns + taken_ns < crowd->asked_ns;
}

/* What was started again is ended without a look at it. */
static void dismiss(struct crowd *crowd)
{
	uint32_t count = 0;

	crowd->dismissing = true;
	crowd->ended = 0;
	for (uint32_t i = crowd->options.pending; i-- > 0;) {
		if (!crowd->waiters[i].again && crowd->options.method != CANCEL_NEVER)
			continue;
		crowd->waiters[i].again = false;
		count++;
		note(crowd, crowd->options.engine->cancel(crowd->engine, i));
	}
	while (!crowd->error && crowd->ended < count)
		turn(crowd, -1);
	crowd->dismissing = false;
}

static void replace_closed(struct crowd *crowd)
{
	for (uint32_t i = 0; !crowd->error && i < crowd->options.pending; i++)
		if (crowd->waiters[i].gone)
			note(crowd, make_waiter(crowd, i));
}

static void clear_up(struct crowd *crowd)
{
	if (crowd->pass == PASS_MEMORY || crowd->options.method == CANCEL_NEVER)
		dismiss(crowd);
	if (closes(crowd))
		replace_closed(crowd);
}

/* Their time came before all were started: nothing of it counts. */
static void discard(struct crowd *crowd, const struct crowd_result *before)
{
	await_deadline(crowd);
	clear_up(crowd);
	*crowd->result = *before;
}

static uint64_t play_deadline(struct crowd *crowd)
{
	struct crowd_result *before = malloc(sizeof(*before));
	uint64_t spent_ns;

	if (!before) {
		note(crowd, -ENOMEM);
		return 0;
	}
	*before = *crowd->result;
	while (!start_timed(crowd) && !crowd->error)
		discard(crowd, before);
	free(before);
	spent_ns = cpu_now_ns();
	await_deadline(crowd);
	return cpu_now_ns() - spent_ns;
}

static uint64_t play_groups(struct crowd *crowd)
{
	uint64_t begun_ns;

	start_all(crowd, 0);
	settle(crowd);
	begun_ns = cpu_now_ns();
	end_groups(crowd);
	return cpu_now_ns() - begun_ns;
}

static uint64_t play_answers(struct crowd *crowd)
{
	crowd->asked_ns = window_now_ns();
	start_all(crowd, far_ns(crowd));
	settle(crowd);
	return answer_all(crowd);
}

static void play_pass(struct crowd *crowd, enum pass pass)
{
	static uint64_t (*const plays[CANCEL_METHODS])(struct crowd *crowd) = {
		play_groups, play_groups, play_groups, play_deadline, play_answers,
	};
	uint64_t spent_ns;

	crowd->pass = pass;
	spent_ns = plays[crowd->options.method](crowd);
	if (pass == PASS_CPU) {
		crowd->result->cpu_ns += spent_ns;
		crowd->result->operations += crowd->options.pending;
	}
	clear_up(crowd);
}

int crowd_play(struct crowd *crowd, struct crowd_result *result)
{
	const enum cancel_method method = crowd->options.method;

	crowd->result = result;
	play_pass(crowd, PASS_CPU);
	play_pass(crowd, PASS_ENDED);
	/* What is closed has no next receive; what is answered is started again at once anyway. */
	if (method != CANCEL_DESCRIPTOR && method != CANCEL_NEVER)
		play_pass(crowd, PASS_MEMORY);
	if (method != CANCEL_NEVER)
		play_pass(crowd, PASS_CLOSED);
	return crowd->error;
}
