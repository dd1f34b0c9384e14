/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/scheduling_scene.h"

#include <duet/coroutine.h>
#include <duet/handle.h>
#include <duet/scheduler.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/sample.h"
#include "compare/claim/scheduling_sender.h"
#include "compare/loop.h"
#include "compare/measure/histogram.h"
#include "compare/measure/window.h"

enum {
	CONNECTIONS = SCHEDULING_CONNECTIONS,
	STAGES = 3,
	OTHERS = 64,
	WOKEN = 8, /* of the others, by a message */
	STEP_NS = 1000,
	TURN_NS = 1000000000,
};

struct scene;

/* Receives, and wakes others, and the first of those whom the messages pass through. */
struct connection {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct scene *scene;
	struct handler *first;
	duet_handle handle;
	uint32_t received;
	uint64_t message;
};

struct handler {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct connection *connection;
	struct handler *next; /* NULL: it is the last */
	uint32_t handled;
};

/* Other work: a step whenever it is woken. */
struct other {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct scene *scene;
};

struct scene {
	const struct scheduling_options *options;
	struct duet_loop *loop;
	struct duet_scheduler scheduler;
	struct connection connections[CONNECTIONS];
	struct handler handlers[CONNECTIONS][STAGES];
	struct other others[OTHERS];
	uint32_t turn; /* whose it is among the others to be woken */
	struct histogram latency;
	uint32_t handled;
	bool over, wrong;
	cpu_set_t allowed;
	int begun; /* connections that have their two ends */
	struct scheduling_sender sender;
};

/* ---- The loop. ---- */

/* Who is woken last is who the message is for: it is behind the others, or ahead of them. */
static void pass_on(struct connection *self)
{
	struct scene *scene = self->scene;

	self->received++;
	for (int i = 0; i < WOKEN && scene->options->crowd; i++)
		duet_waker_wake(&scene->others[scene->turn++ % OTHERS].task.task.waker);
	duet_waker_wake(&self->first->task.task.waker);
}

static DUET_COROUTINE(receive)
{
	DUET_BEGIN(struct connection, self);
	for (;;) {
		duet_op_recv(&self->op, self->handle, &self->message, sizeof(self->message), 0);
		DUET_AWAIT(&self->op);
		if (DUET_RESULT < 0)
			DUET_RETURN(DUET_RESULT); /* the loop is being shut down */
		self->scene->wrong |=
			DUET_RESULT != sizeof(self->message) ||
			self->message !=
				schedule_message(&self->scene->sender.schedule,
						 (uint32_t)(self - self->scene->connections),
						 self->received);
		pass_on(self);
	}
	DUET_END;
}

static void handle(struct handler *self)
{
	struct connection *connection = self->connection;
	struct scene *scene = connection->scene;
	const uint32_t which = (uint32_t)(connection - scene->connections);

	for (; self->handled < connection->received; self->handled++, scene->handled++)
		histogram_record(&scene->latency,
				 window_now_ns() -
					 scheduling_due_ns(&scene->sender, which, self->handled));
}

static DUET_COROUTINE(handle_all)
{
	DUET_BEGIN(struct handler, self);
	while (!self->connection->scene->over) {
		if (self->next)
			duet_waker_wake(&self->next->task.task.waker);
		else
			handle(self);
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

static void compute(void)
{
	const uint64_t begun_ns = window_now_ns();

	while (window_now_ns() - begun_ns < STEP_NS)
		;
}

static DUET_COROUTINE(work)
{
	DUET_BEGIN(struct other, self);
	while (!self->scene->over) {
		compute();
		DUET_SUSPEND_UNLESS(0);
	}
	DUET_END;
}

/* ---- A scene. ---- */

static int spawn(struct scene *scene, struct duet_coroutine_task *task,
		 struct duet_coroutine *coroutine, duet_coroutine_fn *body)
{
	duet_coroutine_init(coroutine, body);
	duet_coroutine_task_init(task, coroutine);
	return duet_task_spawn(&scene->scheduler, NULL, &task->task);
}

static int begin_stages(struct scene *scene, struct connection *connection,
			struct handler *stages)
{
	int error = 0;

	connection->first = stages;
	for (int i = 0; i < STAGES && !error; i++) {
		stages[i].connection = connection;
		stages[i].next = i + 1 < STAGES ? &stages[i + 1] : NULL;
		error = spawn(scene, &stages[i].task, &stages[i].coroutine, handle_all);
	}
	return error;
}

static int connect_one(struct scene *scene, int which)
{
	struct connection *connection = &scene->connections[which];
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	scene->sender.peers[scene->begun++] = pair[1];
	connection->scene = scene;
	duet_op_init(&connection->op, NULL, NULL);
	error = duet_handle_adopt(scene->loop, pair[0], 0, &connection->handle);
	if (error) {
		close(pair[0]);
		return error;
	}
	error = begin_stages(scene, connection, scene->handlers[which]);
	return error ? error
		     : spawn(scene, &connection->task, &connection->coroutine, receive);
}

static int begin_others(struct scene *scene)
{
	int error = 0;

	for (int i = 0; i < OTHERS && !error; i++) {
		scene->others[i].scene = scene;
		error = spawn(scene, &scene->others[i].task, &scene->others[i].coroutine, work);
	}
	return error;
}

static int begin_scene(struct scene *scene, const struct scheduling_options *wanted)
{
	struct duet_scheduler_options scheduling;
	struct duet_loop_options options;
	int error;

	scene->options = wanted;
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.spin_ns = wanted->spin_ns;
	options.tuning = wanted->mechanism.tuning;
	error = duet_loop_create(&scene->loop, wanted->mechanism.backend, &options);
	duet_scheduler_options_init(&scheduling);
	scheduling.steps_max = wanted->steps_max;
	scheduling.newest_max = wanted->newest_max;
	if (!error)
		error = duet_scheduler_init(&scene->scheduler, scene->loop, &scheduling);
	for (int i = 0; i < CONNECTIONS && !error; i++)
		error = connect_one(scene, i);
	return error || !wanted->crowd ? error : begin_others(scene);
}

static void wake(struct duet_task *task)
{
	if (task->scheduler) /* it was spawned */
		duet_waker_wake(&task->waker);
}

/* What can't be destroyed goes with the process. */
static int end_scene(struct scene *scene)
{
	scene->over = true;
	for (int i = 0; i < CONNECTIONS * STAGES; i++)
		wake(&scene->handlers[i / STAGES][i % STAGES].task.task);
	for (int i = 0; i < OTHERS; i++)
		wake(&scene->others[i].task.task);
	for (int i = 0; i < scene->begun; i++)
		close(scene->sender.peers[i]);
	return loop_end(scene->loop);
}

/* ---- A play. ---- */

/* The calling thread to the nth of these processors, or the last. */
static void pin(const cpu_set_t *allowed, unsigned int nth)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, allowed))
			continue;
		CPU_ZERO(&only);
		CPU_SET((size_t)cpu, &only);
		if (!nth--)
			break;
	}
	sched_setaffinity(0, sizeof(only), &only);
}

static int run(struct scene *scene)
{
	while (scene->handled < scene->options->messages && !scene->wrong) {
		int turned = duet_loop_turn(scene->loop, TURN_NS);

		if (turned < 0 || atomic_load(&scene->sender.failed))
			return turned < 0 ? turned : -EIO;
	}
	return scene->wrong ? -EBADMSG : 0;
}

static void judge(const struct scene *scene, const struct duet_stats *before,
		  struct scheduling_result *result)
{
	const double messages = scene->options->messages;
	struct duet_stats after;

	duet_loop_stats(scene->loop, &after);
	scheduling_sender_judge(&scene->sender, &scene->latency, result);
	result->turns = (double)(after.turns - before->turns) / messages;
	result->calls = (double)(after.system_calls - before->system_calls) / messages;
}

/* A thread begins where its maker is pinned. */
static int run_with_sender(struct scene *scene, struct scheduling_result *result)
{
	struct duet_stats before;
	uint64_t begun_ns;
	int error;

	if (scene->options->pinned)
		pin(&scene->allowed, 1);
	scene->sender.messages = scene->options->messages;
	scene->sender.loop = scene->loop;
	error = scheduling_sender_begin(&scene->sender);
	if (error)
		return error;
	if (scene->options->pinned)
		pin(&scene->allowed, 0);
	duet_loop_stats(scene->loop, &before);
	begun_ns = sample_cpu_ns();
	error = run(scene);
	result->cpu_ns = (double)(sample_cpu_ns() - begun_ns) / scene->options->messages;
	scheduling_sender_join(&scene->sender);
	judge(scene, &before, result);
	return error;
}

int scheduling_play(const struct scheduling_options *options, struct scheduling_result *result)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	int error, ended;

	if (!scene)
		return -ENOMEM;
	sched_getaffinity(0, sizeof(scene->allowed), &scene->allowed);
	error = begin_scene(scene, options);
	if (!error)
		error = run_with_sender(scene, result);
	ended = end_scene(scene);
	sched_setaffinity(0, sizeof(scene->allowed), &scene->allowed);
	if (!ended)
		free(scene);
	return error ? error : ended;
}
