/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/receivers.h"

#include <duet/coroutine.h>
#include <duet/handle.h>
#include <duet/scheduler.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/loop.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/claim/sample.h"

/* A message is shorter than the memory for it, as most are: a short receive says that there is
 * no more. */
enum { CROWD = 32, WARM = 4, MESSAGE = 64, MEMORY = 1024, TURN_NS = 1000000000 };

struct stand;

struct receiver {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_op op;
	struct stand *stand;
	duet_handle handle;
	int peer;
	bool early;
	unsigned char memory[MEMORY];
};

/* Receivers, each of whom hears one message a batch. */
struct stand {
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct receiver *receivers;
	uint32_t count, received;
	uint64_t random;
	uint32_t percent;
	unsigned char number; /* of the batch, in each of its bytes */
	bool is_ring, over, wrong;
};

/* ---- The receivers. ---- */

static bool is_message(const struct receiver *self, int32_t result)
{
	return result == MESSAGE && self->memory[0] == self->stand->number &&
	       self->memory[MESSAGE - 1] == self->stand->number;
}

/* Parked between batches. */
static DUET_COROUTINE(receive)
{
	DUET_BEGIN(struct receiver, self);
	while (!self->stand->over) {
		duet_op_recv(&self->op, self->handle, self->memory, MEMORY, 0);
		DUET_AWAIT(&self->op);
		self->stand->wrong |= !is_message(self, DUET_RESULT);
		self->stand->received++;
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static int add_receiver(struct stand *stand, struct receiver *receiver)
{
	int pair[2], error;

	*receiver = (struct receiver){ .stand = stand, .peer = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	receiver->peer = pair[1];
	error = duet_handle_adopt(stand->loop, pair[0], DUET_HANDLE_NO_ANCILLARY,
				  &receiver->handle);
	if (error)
		close(pair[0]);
	duet_op_init(&receiver->op, NULL, NULL);
	duet_coroutine_init(&receiver->coroutine, receive);
	duet_coroutine_task_init(&receiver->task, &receiver->coroutine);
	stand->count++;
	return error;
}

static int begin_stand(struct stand *stand, const struct receivers_options *wanted, uint32_t count)
{
	struct duet_loop_options options;
	struct duet_scheduler_options scheduling;
	int error;

	*stand = (struct stand){ .random = wanted->seed,
				 .percent = wanted->early,
				 .is_ring = strcmp(wanted->mechanism.name, "polling") != 0 };
	stand->receivers = calloc(count, sizeof(*stand->receivers));
	if (!stand->receivers)
		return -ENOMEM;
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.try_first = wanted->attempt;
	options.tuning = wanted->mechanism.tuning;
	error = duet_loop_create(&stand->loop, wanted->mechanism.backend, &options);
	duet_scheduler_options_init(&scheduling);
	scheduling.inline_max = wanted->inline_max;
	if (!error)
		error = duet_scheduler_init(&stand->scheduler, stand->loop, &scheduling);
	for (uint32_t i = 0; i < count && !error; i++)
		error = add_receiver(stand, &stand->receivers[i]);
	return error;
}

/* What can't be destroyed goes with the process. */
static void end_stand(struct stand *stand)
{
	stand->over = true;
	for (uint32_t i = 0; i < stand->count; i++) {
		duet_waker_wake(&stand->receivers[i].task.task.waker);
		close(stand->receivers[i].peer);
	}
	if (loop_end(stand->loop))
		return;
	free(stand->receivers);
}

/* ---- A batch. ---- */

static bool send_to(struct receiver *receiver)
{
	unsigned char message[MESSAGE];

	memset(message, receiver->stand->number, sizeof(message));
	return send(receiver->peer, message, sizeof(message), MSG_NOSIGNAL) == MESSAGE;
}

static uint32_t draw(struct stand *stand)
{
	uint32_t early = 0;

	stand->number++;
	stand->received = 0;
	for (uint32_t i = 0; i < stand->count; i++) {
		stand->receivers[i].early = rounds_random(&stand->random) % 100 < stand->percent;
		early += stand->receivers[i].early;
	}
	return early;
}

static bool send_some(struct stand *stand, bool early)
{
	bool sent = true;

	for (uint32_t i = 0; i < stand->count; i++) {
		if (stand->receivers[i].early == early)
			sent &= send_to(&stand->receivers[i]);
	}
	return sent;
}

static void wake_all(struct stand *stand)
{
	for (uint32_t i = 0; i < stand->count; i++) {
		struct duet_task *task = &stand->receivers[i].task.task;

		if (task->state == DUET_TASK_IDLE)
			duet_task_spawn(&stand->scheduler, NULL, task);
		else
			duet_waker_wake(&task->waker);
	}
}

static bool turn_until(struct stand *stand, uint32_t received)
{
	while (stand->received < received && !stand->wrong) {
		if (duet_loop_turn(stand->loop, TURN_NS) < 0)
			return false;
	}
	return !stand->wrong;
}

/* Whether so many wait for the kernel: armed, and on a ring handed over. */
static bool is_armed(const struct stand *stand, const struct duet_stats *before, uint32_t count)
{
	struct duet_stats now;
	uint64_t armed;

	duet_loop_stats(stand->loop, &now);
	armed = now.armed - before->armed;
	return armed >= count && (!stand->is_ring || now.submitted - before->submitted >= armed);
}

/* Until the early ones are received and the loop waits for the others: what a turn starts may be
 * attempted, or handed over, at the beginning of the next. */
static bool turn_early(struct stand *stand, uint32_t early)
{
	struct duet_stats before;

	duet_loop_stats(stand->loop, &before);
	do {
		if (duet_loop_turn(stand->loop, stand->received < early ? TURN_NS : 0) < 0 ||
		    stand->wrong)
			return false;
	} while (stand->received < early || !is_armed(stand, &before, stand->count - early));
	return true;
}

/* Both ends are this thread's, so that what is measured is work and not the scheduler's; what it
 * costs to send is left out. */
static bool play_batch(struct stand *stand, double *cpu_ns)
{
	uint32_t early = draw(stand);
	bool good = send_some(stand, true);
	uint64_t begun_ns = sample_cpu_ns();

	wake_all(stand);
	good = good && turn_early(stand, early);
	*cpu_ns = (double)(sample_cpu_ns() - begun_ns);
	good = good && send_some(stand, false);
	begun_ns = sample_cpu_ns();
	good = good && turn_until(stand, stand->count);
	*cpu_ns += (double)(sample_cpu_ns() - begun_ns);
	return good;
}

/* ---- A play. ---- */

static uint64_t suspensions(const struct duet_scheduler_stats *stats)
{
	return stats->resumed + stats->yielded;
}

static bool play_crowd(struct stand *stand, uint32_t batches, struct receivers_result *result)
{
	struct duet_scheduler_stats tasks_before;
	struct duet_stats before, after;
	double cpu_ns[RECEIVERS_BATCHES_MAX];
	bool good = true;
	double receives = (double)batches * CROWD;

	for (int i = 0; i < WARM && good; i++)
		good = play_batch(stand, cpu_ns);
	duet_loop_stats(stand->loop, &before);
	tasks_before = stand->scheduler.stats;
	for (uint32_t i = 0; i < batches && good; i++)
		good = play_batch(stand, &cpu_ns[i]);
	duet_loop_stats(stand->loop, &after);
	result->cpu_ns = sample_median(cpu_ns, batches) / CROWD;
	result->calls = (double)(after.system_calls - before.system_calls) / receives;
	result->wasted = (double)(after.wasted - before.wasted) / receives;
	result->suspensions =
		(double)(suspensions(&stand->scheduler.stats) - suspensions(&tasks_before)) /
		receives;
	return good;
}

/* From when both are there, the message and the receive, to when the coroutine has it. */
static bool play_one(struct stand *stand, double *taken_ns)
{
	bool early = draw(stand), good = !early || send_some(stand, true);
	uint64_t begun_ns = window_now_ns();

	wake_all(stand);
	if (!early) {
		good = turn_early(stand, 0);
		begun_ns = window_now_ns();
		good = good && send_some(stand, false);
	}
	good = good && turn_until(stand, 1);
	*taken_ns = (double)(window_now_ns() - begun_ns);
	return good;
}

/* Those that came early and late are two populations: a median of each, in the share of the
 * pattern. */
static bool play_alone(struct stand *stand, uint32_t times, struct receivers_result *result)
{
	static double taken_ns[2][RECEIVERS_TIMES_MAX];
	const double share = stand->percent / 100.0;
	uint32_t counts[2] = { 0, 0 };
	double one_ns;

	for (uint32_t i = 0; i < times + WARM; i++) {
		if (!play_one(stand, &one_ns))
			return false;
		if (i >= WARM)
			taken_ns[stand->receivers->early][counts[stand->receivers->early]++] =
				one_ns;
	}
	result->late_ns = sample_median(taken_ns[0], counts[0]);
	result->early_ns = sample_median(taken_ns[1], counts[1]);
	result->latency_ns = (counts[1] ? share * result->early_ns : 0) +
			     (counts[0] ? (1 - share) * result->late_ns : 0);
	return true;
}

static int play_crowd_of(const struct receivers_options *options, struct receivers_result *result)
{
	struct stand stand;
	int error = begin_stand(&stand, options, CROWD);

	if (!error && !play_crowd(&stand, options->batches, result))
		error = -EBADMSG;
	end_stand(&stand);
	return error;
}

int receivers_play(const struct receivers_options *options, struct receivers_result *result)
{
	struct stand stand;
	int error = play_crowd_of(options, result);

	if (error)
		return error;
	error = begin_stand(&stand, options, 1);
	if (!error && !play_alone(&stand, options->times, result))
		error = -EBADMSG;
	end_stand(&stand);
	return error;
}
