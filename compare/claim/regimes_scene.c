/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/regimes_scene.h"

#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/polling.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/claim/sample.h"
#include "compare/loop.h"
#include "compare/measure/instructions.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/report/field.h"

/* A pool that is received into is shared by all: what idle connections need of it doesn't grow with their
 * number, and as many get a message at once. */
enum { SPARE = 16, SHARED_BUFFERS = 64, TURN_NS = 1000000000 };

struct regimes_connection {
	struct regimes_scene *scene;
	duet_handle handle;
};

const char *regimes_way_name(unsigned int way)
{
	return way == REGIMES_TRY ? "try" : duet_regime_name((enum duet_regime)way);
}

unsigned int regimes_way_find(const char *arm)
{
	const char *end = strrchr(arm, '/');
	unsigned int way = 0;

	while (way < REGIMES_WAYS && (!end || strcmp(regimes_way_name(way), end + 1) != 0))
		way++;
	return way;
}

static bool is_given(unsigned int way)
{
	return way == DUET_REGIME_MOVED || way == DUET_REGIME_REGISTERED;
}

static bool has_own_memory(unsigned int way)
{
	return way == DUET_REGIME_LENT || way == DUET_REGIME_COPIED;
}

/* ---- A connection. ---- */

static uint32_t index_of(const struct regimes_connection *connection)
{
	return (uint32_t)(connection - connection->scene->connections);
}

static unsigned char *memory_of(const struct regimes_connection *connection)
{
	const struct regimes_scene *scene = connection->scene;

	return scene->memory + (size_t)index_of(connection) * scene->options->buffer_bytes;
}

static void start(struct regimes_scene *scene, struct duet_op *op)
{
	scene->wrong |= duet_op_start(scene->loop, op) != 0;
}

/* A buffer that is held stands in the operation that had it last. */
static void receive(struct regimes_connection *connection, struct duet_op *op)
{
	struct regimes_scene *scene = connection->scene;
	const uint32_t bytes = scene->options->buffer_bytes;
	struct duet_buffer held = op->buffer;

	held.length_bytes = bytes;
	if (scene->options->way == DUET_REGIME_LENT)
		duet_op_recv(op, connection->handle, memory_of(connection), bytes, 0);
	else if (scene->options->way == DUET_REGIME_POOLED)
		duet_op_recv_pooled(op, connection->handle, scene->pool, DUET_MULTISHOT);
	else if (scene->options->way == DUET_REGIME_COPIED)
		duet_op_recv_buffer(op, connection->handle,
				    duet_buffer_copied(memory_of(connection), bytes, scene->pool), 0);
	else
		duet_op_recv_buffer(op, connection->handle, held, 0);
	start(scene, op);
}

static void reply(struct regimes_connection *connection, struct duet_op *op, uint32_t bytes)
{
	struct regimes_scene *scene = connection->scene;
	struct duet_buffer held = op->buffer;

	if (scene->options->way == DUET_REGIME_LENT)
		duet_op_send(op, connection->handle, memory_of(connection), bytes, DUET_WHOLE);
	else if (scene->options->way == DUET_REGIME_COPIED)
		duet_op_send_buffer(op, connection->handle,
				    duet_buffer_copied(memory_of(connection), bytes, scene->pool),
				    DUET_WHOLE);
	else
		duet_op_send_buffer(op, connection->handle, held, DUET_WHOLE);
	start(scene, op);
}

/* An echo is looked at where it comes back. */
static void look_at(struct regimes_scene *scene, const unsigned char *data, ssize_t bytes)
{
	const uint32_t whole = scene->options->message_bytes;

	scene->wrong |= bytes != (ssize_t)whole ||
			(!scene->options->echoes && memcmp(data, scene->sent, whole) != 0);
}

static void on_pooled_reply(struct duet_op *op)
{
	struct regimes_scene *scene = op->context;

	scene->wrong |= op->disposition != DUET_COMPLETED;
	scene->wrong |= duet_buffer_return(scene->loop, &op->buffer) != 0;
	scene->ended++;
}

static void on_pooled(struct duet_op *op)
{
	struct regimes_connection *connection = op->context;
	struct regimes_scene *scene = connection->scene;
	struct duet_op *answer = scene->replies ? &scene->replies[index_of(connection)] : NULL;

	if (!op->more) {
		scene->wrong |= !scene->ending;
		return;
	}
	look_at(scene, op->buffer.data, op->result);
	if (answer) {
		answer->buffer = op->buffer;
		reply(connection, answer, (uint32_t)op->result);
		return;
	}
	scene->wrong |= duet_buffer_return(scene->loop, &op->buffer) != 0;
	scene->ended++;
}

static void on_end(struct duet_op *op)
{
	struct regimes_connection *connection = op->context;
	struct regimes_scene *scene = connection->scene;

	if (op->disposition != DUET_COMPLETED) {
		scene->wrong |= !scene->ending;
		return;
	}
	if (op->kind == DUET_RECV)
		look_at(scene, op->buffer.data, op->result);
	if (op->kind == DUET_RECV && scene->options->echoes) {
		reply(connection, op, (uint32_t)op->result);
		return;
	}
	scene->ended++;
	receive(connection, op);
}

static void on_ready(struct duet_wait *wait)
{
	struct regimes_scene *scene = wait->context;
	ssize_t bytes = duet_polling_try_recv(scene->loop, wait->handle, scene->memory,
					      scene->options->buffer_bytes);

	if (bytes != -EAGAIN) {
		look_at(scene, scene->memory, bytes);
		if (scene->options->echoes)
			scene->wrong |= bytes != duet_polling_try_send(scene->loop, wait->handle,
								       scene->memory, (size_t)bytes);
		scene->ended++;
	}
	scene->wrong |= duet_polling_wait(scene->loop, wait) != 0;
}

/* ---- The stages. ---- */

/* Without echoes who sends to a connection is the descriptor of another. */
static int open_pair(struct regimes_scene *scene, uint32_t at)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	scene->ends[at] = pair[0];
	scene->peers[at] = pair[1];
	if (!scene->options->echoes) {
		scene->ends[at + 1] = pair[1];
		scene->peers[at + 1] = pair[0];
	}
	return 0;
}

static void shuffle(struct regimes_scene *scene)
{
	const uint32_t count = scene->options->connections;
	uint64_t random = scene->options->seed;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = (uint32_t)(rounds_random(&random) % (i + 1));

		scene->order[i] = scene->order[other];
		scene->order[other] = i;
	}
}

static int open_sockets(struct regimes_scene *scene)
{
	const struct regimes_options *options = scene->options;
	int error = 0;

	scene->ends = malloc(options->connections * sizeof(*scene->ends));
	scene->peers = malloc(options->connections * sizeof(*scene->peers));
	scene->order = calloc(options->connections, sizeof(*scene->order));
	scene->sent = malloc(options->message_bytes);
	scene->back = malloc(options->message_bytes);
	if (!scene->ends || !scene->peers || !scene->order || !scene->sent || !scene->back)
		return -ENOMEM;
	for (uint32_t i = 0; i < options->connections; i++)
		scene->ends[i] = scene->peers[i] = -1;
	for (uint32_t i = 0; i < options->message_bytes; i++)
		scene->sent[i] = (unsigned char)(i % 251 + options->seed);
	shuffle(scene);
	for (uint32_t i = 0; i < options->connections && !error; i += options->echoes ? 1 : 2)
		error = open_pair(scene, i);
	return error;
}

static int create_loop(struct regimes_scene *scene)
{
	const struct regimes_options *options = scene->options;
	const bool both = options->echoes && options->way == DUET_REGIME_POOLED;
	struct duet_loop_options wanted;

	duet_loop_options_init(&wanted);
	wanted.handles_max = options->connections + SPARE;
	wanted.operations_max = SPARE;
	if (options->way != REGIMES_TRY)
		wanted.operations_max += options->connections * (both ? 2 : 1);
	wanted.worker_threads = 0;
	wanted.tuning = options->mechanism.tuning;
	return duet_loop_create(&scene->loop, options->mechanism.backend, &wanted);
}

static int make_records(struct regimes_scene *scene)
{
	const struct regimes_options *options = scene->options;
	const uint32_t count = options->connections;
	const bool both = options->echoes && options->way == DUET_REGIME_POOLED;

	scene->connections = calloc(count, sizeof(*scene->connections));
	if (options->way == REGIMES_TRY)
		scene->waits = calloc(count, sizeof(*scene->waits));
	else
		scene->ops = calloc(count, sizeof(*scene->ops));
	if (both)
		scene->replies = calloc(count, sizeof(*scene->replies));
	if (!scene->connections || !(scene->ops || scene->waits) || (both && !scene->replies))
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		scene->connections[i].scene = scene;
		if (scene->ops)
			duet_op_init(&scene->ops[i], options->way == DUET_REGIME_POOLED ? on_pooled
											: on_end,
				     &scene->connections[i]);
		if (both)
			duet_op_init(&scene->replies[i], on_pooled_reply, scene);
	}
	return 0;
}

static int make_pool(struct regimes_scene *scene)
{
	const struct regimes_options *options = scene->options;
	struct duet_pool_options wanted;

	duet_pool_options_init(&wanted);
	wanted.count = options->way == DUET_REGIME_POOLED ? SHARED_BUFFERS : options->connections;
	wanted.size_bytes = options->buffer_bytes;
	if (options->way != DUET_REGIME_POOLED)
		wanted.regime = DUET_REGIME_MOVED;
	if (options->way == DUET_REGIME_REGISTERED)
		wanted.regime = DUET_REGIME_REGISTERED;
	return duet_pool_create_with(scene->loop, &wanted, &scene->pool);
}

static int make_buffers(struct regimes_scene *scene)
{
	const struct regimes_options *options = scene->options;
	const size_t count = options->way == REGIMES_TRY ? 1 : options->connections;
	int error = 0;

	if (has_own_memory(options->way) || options->way == REGIMES_TRY) {
		scene->memory = malloc(count * options->buffer_bytes);
		if (!scene->memory)
			return -ENOMEM;
	}
	if (options->way != DUET_REGIME_LENT && options->way != REGIMES_TRY)
		error = make_pool(scene);
	for (uint32_t i = 0; i < options->connections && is_given(options->way) && !error; i++)
		error = duet_buffer_take(scene->pool, &scene->ops[i].buffer);
	return error;
}

static int adopt(struct regimes_scene *scene, uint32_t i)
{
	struct regimes_connection *connection = &scene->connections[i];
	int error = duet_handle_adopt(scene->loop, scene->ends[i], DUET_HANDLE_NO_ANCILLARY,
				      &connection->handle);

	if (error)
		return error;
	scene->ends[i] = -1;
	if (scene->ops) {
		receive(connection, &scene->ops[i]);
		return 0;
	}
	scene->waits[i] = (struct duet_wait){ .ready = on_ready,
					      .context = scene,
					      .handle = connection->handle,
					      .direction = DUET_READABLE };
	return duet_polling_wait(scene->loop, &scene->waits[i]);
}

static int begin_receives(struct regimes_scene *scene)
{
	const uint32_t count = scene->options->connections;
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = adopt(scene, i);
	for (uint32_t i = 0, some; i < count && !error; i += some) {
		some = count - i < SHARED_BUFFERS / 2 ? count - i : SHARED_BUFFERS / 2;
		if (!regimes_scene_send(scene, some) || !regimes_scene_play(scene, some) ||
		    !regimes_scene_check(scene, some))
			error = -EBADMSG;
	}
	/* Twice: what is started in a turn may be handed over at the end of the next. */
	for (int i = 0; i < 2 && !error; i++)
		error = duet_loop_turn(scene->loop, 0) < 0 ? -EBADMSG : 0;
	return error;
}

int regimes_scene_stage(struct regimes_scene *scene, enum regimes_stage stage)
{
	static int (*const stages[REGIMES_STAGES])(struct regimes_scene * scene) = {
		[REGIMES_SOCKETS] = open_sockets,   [REGIMES_LOOP] = create_loop,
		[REGIMES_RECORDS] = make_records,   [REGIMES_BUFFERS] = make_buffers,
		[REGIMES_RECEIVES] = begin_receives,
	};

	return stages[stage](scene);
}

int regimes_scene_begin(struct regimes_scene *scene, const struct regimes_options *options)
{
	int error = 0;

	*scene = (struct regimes_scene){ .options = options };
	for (int stage = 0; stage < REGIMES_STAGES && !error; stage++)
		error = regimes_scene_stage(scene, (enum regimes_stage)stage);
	return error;
}

static void close_descriptors(struct regimes_scene *scene)
{
	for (uint32_t i = 0; scene->ends && scene->peers && i < scene->options->connections; i++) {
		if (scene->ends[i] >= 0)
			close(scene->ends[i]);
		if (scene->options->echoes && scene->peers[i] >= 0)
			close(scene->peers[i]);
	}
}

/* What can't be destroyed goes with the process. */
void regimes_scene_end(struct regimes_scene *scene)
{
	scene->ending = true;
	if (loop_end(scene->loop))
		return;
	close_descriptors(scene);
	free(scene->memory);
	free(scene->replies);
	free(scene->waits);
	free(scene->ops);
	free(scene->connections);
	free(scene->back);
	free(scene->sent);
	free(scene->order);
	free(scene->peers);
	free(scene->ends);
}

/* ---- Arms. ---- */

/* What the loop finds out by itself is asked of a loop: memory that no kernel knows of is moved. */
static bool is_registered_here(const struct regimes_options *options)
{
	struct regimes_scene scene = { .options = options };
	bool here = !create_loop(&scene) &&
		    duet_loop_regime(scene.loop, DUET_REGIME_REGISTERED) == DUET_NATIVE &&
		    !make_pool(&scene);

	loop_end(scene.loop);
	return here;
}

void regimes_add_arms(struct claim_group *group, const struct mechanism *mechanism,
		      uint32_t connections, uint32_t buffer_bytes)
{
	struct regimes_options options = { .mechanism = *mechanism, .connections = connections,
					   .buffer_bytes = buffer_bytes };
	const unsigned int lent = group->count;
	char name[CLAIM_NAME_MAX];

	for (options.way = 0; options.way < REGIMES_WAYS; options.way++) {
		if ((options.way == DUET_REGIME_REGISTERED && !is_registered_here(&options)) ||
		    (options.way == REGIMES_TRY && strcmp(mechanism->name, "polling") != 0))
			continue;
		snprintf(name, sizeof(name), "%s/%s", mechanism->name,
			 regimes_way_name(options.way));
		claim_add_arm(group, name, mechanism->name,
			      options.way == DUET_REGIME_LENT ? 0 : lent);
	}
}

void regimes_conclude_registered(json_t *result, const json_t *group)
{
	bool ring = false, registered = false;
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(group, "arms"), i, arm) {
		const char *name = field_string(arm, "name");

		ring |= !strncmp(name, "completion", strlen("completion"));
		registered |= regimes_way_find(name) == DUET_REGIME_REGISTERED;
	}
	if (ring && !registered)
		claim_add_finding(result, "registered",
				  "not there: this kernel knows of no such memory, or refuses to "
				  "pin so much of it (ulimit -l).");
}

/* ---- Messages. ---- */

static uint32_t connection_at(const struct regimes_scene *scene, uint32_t from, uint32_t i)
{
	return scene->order[(from + i) % scene->options->connections];
}

bool regimes_scene_send(struct regimes_scene *scene, uint32_t count)
{
	const uint32_t bytes = scene->options->message_bytes;

	scene->ended = 0;
	for (uint32_t i = 0; i < count; i++) {
		const int peer = scene->peers[connection_at(scene, scene->next, i)];

		if (send(peer, scene->sent, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)bytes)
			return false;
	}
	return true;
}

bool regimes_scene_play(struct regimes_scene *scene, uint32_t count)
{
	while (scene->ended < count && !scene->wrong) {
		if (duet_loop_turn(scene->loop, TURN_NS) < 0)
			return false;
	}
	return !scene->wrong;
}

bool regimes_scene_check(struct regimes_scene *scene, uint32_t count)
{
	const uint32_t bytes = scene->options->message_bytes;

	for (uint32_t i = 0; i < count && scene->options->echoes; i++) {
		const int peer = scene->peers[connection_at(scene, scene->next, i)];

		if (recv(peer, scene->back, bytes, MSG_DONTWAIT | MSG_WAITALL) != (ssize_t)bytes ||
		    memcmp(scene->back, scene->sent, bytes) != 0)
			return false;
	}
	scene->next = (scene->next + count) % scene->options->connections;
	return true;
}

/* ---- What it costs. ---- */

static bool play_batch(struct regimes_scene *scene, uint32_t count, int counter,
		       struct regimes_cost *cost)
{
	double begun_instructions;
	uint64_t begun_ns;
	bool good = regimes_scene_send(scene, count);

	begun_instructions = instructions_read(counter);
	begun_ns = sample_cpu_ns();
	good = good && regimes_scene_play(scene, count);
	cost->cpu_ns = (double)(sample_cpu_ns() - begun_ns) / count;
	cost->instructions = (instructions_read(counter) - begun_instructions) / count;
	return good && regimes_scene_check(scene, count);
}

int regimes_scene_cost(struct regimes_scene *scene, uint32_t batches, uint32_t count,
		       struct regimes_cost *cost)
{
	static double cpu_ns[REGIMES_BATCHES_MAX], instructions[REGIMES_BATCHES_MAX];
	int counter = instructions_open();
	bool good = batches <= REGIMES_BATCHES_MAX;

	for (uint32_t i = 0; i < batches && good; i++) {
		struct regimes_cost one;

		good = play_batch(scene, count, counter, &one);
		cpu_ns[i] = one.cpu_ns;
		instructions[i] = one.instructions;
	}
	instructions_close(counter);
	if (!good)
		return -EBADMSG;
	cost->cpu_ns = sample_median(cpu_ns, batches);
	cost->instructions = counter < 0 ? NAN : sample_median(instructions, batches);
	return 0;
}

/* After the median was taken they are sorted. */
int regimes_scene_latency(struct regimes_scene *scene, uint32_t singles,
			  struct regimes_latency *latency)
{
	static double taken_ns[REGIMES_SINGLES_MAX];
	bool good = singles <= REGIMES_SINGLES_MAX;

	for (uint32_t i = 0; i < singles && good; i++) {
		uint64_t begun_ns = window_now_ns();

		good = regimes_scene_send(scene, 1) && regimes_scene_play(scene, 1);
		taken_ns[i] = (double)(window_now_ns() - begun_ns);
		good = good && regimes_scene_check(scene, 1);
	}
	if (!good)
		return -EBADMSG;
	latency->p50_ns = sample_median(taken_ns, singles);
	latency->p99_ns = taken_ns[singles - 1 - singles / 100];
	return 0;
}
