/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/explore/scene.h"

#include <duet/debug.h>
#include <duet/reference.h>
#include <errno.h>
#include <string.h>

#include "core/backend.h"

enum { OPERATIONS_MAX = 16, HANDLES_MAX = 2, NODES = 4 };

struct scene scene;
const struct cast *cast;

/* What a moment consists of. The bytes in the stream are all alike and need no keeping. */
struct region {
	void *at;
	size_t bytes;
};

enum { REGIONS = 19 };
static struct region regions[REGIONS];

static void map_regions(void)
{
	struct duet_loop *loop = scene.loop;
	struct reference *world = scene_world();
	struct duet_pool *pool = scene.pool;
	const struct region all[REGIONS] = {
		{ &scene, sizeof(scene) },
		{ loop, sizeof(*loop) },
		{ loop->entries, loop->entries_max * sizeof(*loop->entries) },
		{ loop->slots, loop->handles_max * sizeof(*loop->slots) },
		{ loop->timers.heap, loop->timers.max * sizeof(*loop->timers.heap) },
		{ loop->timers.nodes,
		  (loop->timers.max + CORE_TIMER_RUNS) * sizeof(*loop->timers.nodes) },
		{ world, sizeof(*world) },
		{ world->nodes, NODES * sizeof(*world->nodes) },
		{ world->bag, loop->operations_max * sizeof(*world->bag) },
		{ world->holds, loop->entries_max * sizeof(*world->holds) },
		{ world->order, loop->operations_max * sizeof(*world->order) },
		{ pool, sizeof(*pool) },
		{ pool->stack, pool->count * sizeof(*pool->stack) },
		{ pool->chain, pool->count * sizeof(*pool->chain) },
		{ pool->lengths, pool->count * sizeof(*pool->lengths) },
		{ pool->states, pool->count * sizeof(*pool->states) },
		{ pool->since, pool->count * sizeof(*pool->since) },
		{ loop->ledger.ranges.cells,
		  loop->ledger.ranges.cells_max * sizeof(*loop->ledger.ranges.cells) },
		{ loop->ledger.ranges.places,
		  loop->ledger.ranges.places_max * sizeof(*loop->ledger.ranges.places) },
	};

	memcpy(regions, all, sizeof(regions));
}

size_t scene_size(void)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < REGIONS; i++)
		bytes += regions[i].bytes;
	return bytes;
}

/* What is counted is counted over all that is tried, so the counters are not put back. */
void scene_save(unsigned char *copy)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		memcpy(copy, regions[i].at, regions[i].bytes);
		copy += regions[i].bytes;
	}
}

void scene_restore(const unsigned char *copy)
{
#ifdef DUET_MOVES
	const struct core_moves moves = scene.loop->moves;
	struct duet_loop *loop = scene.loop;
#endif

	for (unsigned i = 0; i < REGIONS; i++) {
		memcpy(regions[i].at, copy, regions[i].bytes);
		copy += regions[i].bytes;
	}
#ifdef DUET_MOVES
	loop->moves = moves;
#endif
}

/* One end is a handle, the other only a place from which bytes come. */
static int open_stream(void)
{
	struct reference *world = scene_world();
	struct world_node *near = world_node_take(world, NODE_SOCKET);
	struct world_node *far = world_node_take(world, NODE_SOCKET);

	scene.near_end = (uint32_t)(near - world->nodes);
	scene.far_end = (uint32_t)(far - world->nodes);
	near->family = far->family = AF_UNIX;
	near->type = far->type = SOCK_STREAM;
	world_join(world, near, far);
	return duet_core_slot_make(scene.loop, world_descriptor(world, near), CLASS_UNIX_STREAM, 0,
		&scene.stream);
}

int scene_open(const struct cast *played, uint32_t (*choose)(uint32_t bound))
{
	struct duet_loop_options options;
	int error;

	cast = played;
	memset(&scene, 0, sizeof(scene));
	duet_loop_options_init(&options);
	options.operations_max = cast->room ? cast->room : OPERATIONS_MAX;
	options.handles_max = HANDLES_MAX;
	options.tuning = cast->tuning;
	error = duet_loop_create(&scene.loop, duet_reference(), &options);
	if (error)
		return error;
	/* All is put back again and again. */
	duet_debug_unguard(scene.loop);
	scene_world()->random.choose = choose;
	error = open_stream();
	if (!error)
		error = duet_pool_create(scene.loop, 1, 1, &scene.pool);
	if (!error)
		error = scene_open_scope(ROOT);
	if (!error)
		map_regions();
	return error;
}

/* Whatever is still under way ends with the loop, whose world is memory alone. */
void scene_close(void)
{
	struct duet_loop *loop = scene.loop;

	scene_world()->random.choose = NULL;
	loop->pending = 0;
	loop->done.first = loop->backlog.first = NULL;
	loop->deferred_first = NULL;
	atomic_store(&loop->posted, NULL);
	duet_loop_destroy(loop);
}

/* ---- The digest. ---- */

/* FNV-1a, with a last stir. */
static uint64_t digest;

static void digest_word(uint64_t word)
{
	digest = (digest ^ word) * UINT64_C(0x100000001b3);
	digest ^= digest >> 29;
}

static void digest_bytes(const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < bytes; i++)
		digest_word(at[i]);
}

/* Everything that is pointed at stands in the scene, whose address is always the same. */
static void digest_place(const void *at)
{
	digest_word(at ? (uint64_t)((const char *)at - (const char *)&scene) + 1 : 0);
}

static void digest_queue(const struct core_queue *queue)
{
	for (const struct duet_op *op = queue->first; op; op = op->queued)
		digest_place(op);
	digest_word(UINT64_MAX);
}

static void digest_ring(const struct duet_op *head)
{
	const struct duet_op *op = head;

	if (op)
		do {
			digest_place(op);
			op = op->next;
		} while (op != head);
	digest_word(UINT64_MAX);
}

static void digest_op(const struct duet_op *op)
{
	digest_word(op->state);
	if (op->state == STATE_IDLE)
		return;
	digest_word(op->request);
	digest_word(op->transferred);
	digest_word(op->progress);
	digest_word(op->backend != 0);
	digest_word(op->kind == DUET_SEND_ZERO_COPY ? op->held.calls : 0);
	if (op->state < STATE_RESULT)
		return;
	digest_word((uint32_t)op->result);
	digest_word((uint64_t)op->disposition << 8 | op->cause);
}

static void digest_scope(const struct duet_scope *scope)
{
	digest_word(scope->state);
	if (scope->state == SCOPE_IDLE)
		return;
	digest_word(scope->cause);
	digest_word((uint32_t)scope->failure);
	digest_word((uint32_t)scope->stopped);
	digest_bytes(&scope->present, 1);
	digest_bytes(&scope->budgeted, 1);
	digest_bytes(&scope->deferred, 1);
	digest_bytes(&scope->told, 1);
	digest_bytes(&scope->overran, 1);
	digest_place(scope->winner);
	for (const struct duet_member *member = scope->members; member; member = member->next)
		digest_place(member);
	digest_word(UINT64_MAX);
	for (const struct duet_cleanup *cleanup = scope->cleanups; cleanup; cleanup = cleanup->next)
		digest_place(cleanup);
	digest_word(scope->budgeted && scope->cleanup_end_ns <= scene_world()->now_ns);
	digest_op(&scope->presence);
}

/* Of times the order counts, and whether they have come: turns are a microsecond long here, and all
 * that is waited for a millisecond at least. */
static void digest_timers(const struct duet_loop *loop)
{
	const struct core_timer *timer = NULL;

	while ((timer = core_timers_after(&loop->timers, timer))) {
		digest_place(timer->op);
		digest_word(timer->due_ns <= scene_world()->now_ns);
	}
	digest_word(scene_world()->now_ns / 1000000000u);
	digest_word(loop->owed.first && loop->owed_ns <= scene_world()->now_ns);
	/* The loop's time is that of its last turn. */
	digest_word(loop->owed.first && loop->owed_ns <= loop->now_ns);
}

static void digest_messages(const struct duet_message *message)
{
	for (; message; message = message->next)
		digest_place(message);
	digest_word(UINT64_MAX);
}

uint64_t scene_digest(void)
{
	const struct duet_loop *loop = scene.loop;
	const struct world_node *node = &scene_world()->nodes[scene.near_end];

	digest = UINT64_C(0xcbf29ce484222325);
	digest_bytes(&scene.books, sizeof(scene.books));
	for (unsigned i = 0; i < SCOPES; i++)
		digest_scope(&scene.scopes[i]);
	for (unsigned i = 0; i < ACTORS + STEPS; i++)
		digest_op(&scene.actors[i].op);
	for (uint32_t i = 0; i < loop->handles_max; i++) {
		digest_word(loop->slots[i].slot_state);
		digest_ring(loop->slots[i].reads);
		digest_ring(loop->slots[i].writes);
		digest_ring(loop->slots[i].others);
	}
	digest_queue(&loop->done);
	digest_queue(&loop->owed);
	digest_queue(&loop->backlog);
	digest_messages(loop->deferred_first);
	digest_messages(atomic_load(&loop->posted));
	digest_timers(loop);
	digest_queue(&scene.pool->starved);
	digest_word((uint64_t)scene.pool->free_count << 1 | loop->fed);
	digest_word(scene.pool->fed_turn == loop->stats.turns ? scene.pool->fed : 0);
	digest_word((uint64_t)node->used << 8 | node->kind);
	digest_word(node->write_shut);
	return digest ^ digest >> 32;
}
