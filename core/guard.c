/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/debug.h>

#include "core/guard_ledger.h"

#ifdef DUET_DEBUG
#include <duet/msghdr.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/lifecycle.h"
#include "core/msghdr.h"
#include "core/operation.h"
#include "core/tasks/task.h"

/* The ledger of the guard: each operation that is lent, by its address. */

enum { BUCKETS = 4096 };

struct core_guard {
	struct core_guard *next;
	struct duet_loop *loop;
	struct core_guarded *free;
	struct core_guarded records[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct core_guarded *buckets[BUCKETS];
static struct core_guard *guards;

/* Of the next start of this thread, and of the one under way. */
static __thread struct origin {
	const struct duet_site *site;
	const void *from;
} next, now;

static __thread bool is_inside;

void core_guard_lock(void)
{
	pthread_mutex_lock(&lock);
	is_inside = true;
}

void core_guard_unlock(void)
{
	is_inside = false;
	pthread_mutex_unlock(&lock);
}

bool core_guard_is_inside(void)
{
	return is_inside;
}

static struct core_guarded **bucket_of(const struct duet_op *op)
{
	return &buckets[((uintptr_t)op >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

/* A forked child has the ledger of its parent's loops, in which nothing is lent to it. */
static bool is_ours(const struct core_guarded *guarded)
{
	return guarded->loop->owner_process == getpid();
}

static struct core_guarded *find(const struct duet_op *op)
{
	struct core_guarded *guarded = *bucket_of(op);

	while (guarded && !(guarded->op == op && is_ours(guarded)))
		guarded = guarded->next;
	return guarded;
}

const struct core_guarded *core_guard_find(const struct duet_op *op)
{
	return find(op);
}

const struct core_guarded *core_guard_search(core_guard_match *matches, const void *context)
{
	const pid_t process = getpid();

	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct core_guarded *at = buckets[i]; at; at = at->next)
			if (at->loop->owner_process == process && matches(at, context))
				return at;
	return NULL;
}

const struct duet_pool *core_guard_pool_at(const void *address)
{
	for (const struct core_guard *guard = guards; guard; guard = guard->next)
		for (uint32_t i = 0; i < guard->loop->pool_count; i++) {
			const struct duet_pool *pool = guard->loop->pools[i];
			uintptr_t place = (uintptr_t)address - (uintptr_t)pool->memory;

			if (place < (size_t)pool->count * pool->size_bytes)
				return pool;
		}
	return NULL;
}

/* ---- What is said. ---- */

/* As addr2line(1) wants it, where the program has no name for it. */
static int describe_address(const void *address, char *text, size_t size)
{
	const char *at = (const char *)address - 1;
	Dl_info found;

	if (!dladdr(at, &found) || !found.dli_fname)
		return snprintf(text, size, "%p", address);
	if (found.dli_sname)
		return snprintf(text, size, "%s+%#tx (%s)", found.dli_sname,
				at - (const char *)found.dli_saddr, found.dli_fname);
	return snprintf(text, size, "%s+%#tx", found.dli_fname,
			at - (const char *)found.dli_fbase);
}

static size_t describe_site(const struct core_guarded *guarded, char *text, size_t size)
{
	int length;

	if (guarded->site)
		length = snprintf(text, size, ", started at %s:%d", guarded->site->file,
				  guarded->site->line);
	else {
		length = snprintf(text, size, ", started at ");
		if ((size_t)length < size)
			length += describe_address(guarded->from, text + length,
						   size - (size_t)length);
	}
	return (size_t)length < size ? (size_t)length : size - 1;
}

size_t core_guard_describe(const struct duet_op *op, char *text, size_t size)
{
	const struct core_guarded *guarded;
	size_t length = 0;

	core_guard_lock();
	guarded = find(op);
	if (guarded)
		length = describe_site(guarded, text, size);
	core_guard_unlock();
	return length;
}

size_t core_guard_text(const struct core_guarded *guarded, char *text, size_t size)
{
	const struct core_kind *kind = &core_kinds[guarded->kind];
	char handle[40] = "";
	int length;

	if (kind->line != LINE_NONE || guarded->kind == DUET_CLOSE)
		snprintf(handle, sizeof(handle), " on handle %u.%u", guarded->handle.slot,
			 guarded->handle.generation);
	length = snprintf(text, size, "operation %p (%s%s), lent to loop %p since turn %u (now %u)",
			  (const void *)guarded->op,
			  duet_kind_name((enum duet_kind)guarded->kind), handle,
			  (const void *)guarded->loop, guarded->turn, guarded->loop->began.turn);
	if (length < 0 || (size_t)length >= size)
		return size - 1;
	return (size_t)length + describe_site(guarded, text + length, size - (size_t)length);
}

void core_guard_print(const struct core_guarded *guarded)
{
	char text[600];

	core_guard_text(guarded, text, sizeof(text));
	fprintf(stderr, "duet: %s", text);
}

void core_guard_stop(const struct core_guarded *guarded, const char *what, const char *rule)
{
	core_guard_print(guarded);
	fprintf(stderr, ": %s (%s)\n", what, rule);
	abort();
}

static const char owned_rule[] =
	"R2: operation and buffers are the loop's from start to the terminal completion";

void duet_core_guard_name(const struct duet_op *op)
{
	const struct core_guarded *guarded;

	core_guard_lock();
	guarded = find(op);
	if (guarded)
		core_guard_stop(guarded, "was overwritten while lent", owned_rule);
	core_guard_unlock();
}

/* ---- The life of a loop. ---- */

int core_guard_open(struct duet_loop *loop)
{
	struct core_guard *guard =
		calloc(1, sizeof(*guard) + (size_t)loop->entries_max * sizeof(guard->records[0]));

	if (!guard)
		return -ENOMEM;
	for (uint32_t i = loop->entries_max; i-- > 0;) {
		guard->records[i].next = guard->free;
		guard->free = &guard->records[i];
	}
	guard->loop = loop;
	loop->guard = guard;
	core_guard_lock();
	core_guard_install();
	guard->next = guards;
	guards = guard;
	core_guard_unlock();
	return 0;
}

/* With what was lent to it, if that is still so: it is left behind, or a forked child's copy. */
static void forget(struct core_guarded **link, const struct duet_loop *loop)
{
	while (*link) {
		struct core_guarded *guarded = *link;

		if (guarded->loop != loop) {
			link = &guarded->next;
			continue;
		}
		core_guard_mark_op(guarded->op, -1);
		if (guarded->piece_count)
			core_guard_reveal(guarded);
		*link = guarded->next;
	}
}

void core_guard_close(struct duet_loop *loop)
{
	struct core_guard **link = &guards;

	if (!loop->guard)
		return;
	core_guard_lock();
	while (*link != loop->guard)
		link = &(*link)->next;
	*link = loop->guard->next;
	for (unsigned i = 0; i < BUCKETS; i++)
		forget(&buckets[i], loop);
	core_guard_unlock();
	free(loop->guard);
	loop->guard = NULL;
}

void duet_debug_unguard(struct duet_loop *loop)
{
	if (!loop)
		return;
	for (uint32_t i = 0; i < loop->pool_count; i++)
		core_guard_pool_close(loop->pools[i]);
	core_guard_close(loop);
}

/* ---- The life of an operation. ---- */

void core_guard_site(const struct duet_site *site)
{
	next.site = site;
}

void core_guard_from(const void *address)
{
	next.from = address;
}

static bool is_copied(const struct core_guarded *guarded, const void *context)
{
	const struct duet_op *op = context;
	struct core_stamp began;

	memcpy(&began, &op->stamp, sizeof(began));
	return guarded->kind == op->kind && guarded->loop == op->loop &&
	       guarded->done == op->done && guarded->context == op->context &&
	       guarded->turn == began.turn && guarded->handle.slot == op->handle.slot &&
	       guarded->handle.generation == op->handle.generation;
}

/* op isn't idle, and nothing is known of it at that address. */
static void stop_if_moved(const struct duet_op *op)
{
	const struct core_guarded *original = core_guard_search(is_copied, op);

	if (!original)
		return;
	fprintf(stderr, "duet: operation %p is a copy: it was moved while lent. ", (const void *)op);
	core_guard_stop(original, "is where the loop has it", owned_rule);
}

static void stop_stranger(const struct duet_loop *loop, const struct duet_op *op)
{
	if (loop->owner_process == getpid() && pthread_equal(loop->owner_thread, pthread_self()))
		return;
	fprintf(stderr,
		"duet: operation %p (%s) was to be started from another thread than the loop's (R14: "
		"one thread owns a loop)\n",
		(const void *)op,
		op->kind < DUET_KIND_COUNT ? duet_kind_name((enum duet_kind)op->kind) : "?");
	core_abort_unless_owner(loop);
}

void core_guard_start(const struct duet_loop *loop, const struct duet_op *op, const void *from)
{
	const struct core_guarded *guarded;

	now = next;
	if (!now.from)
		now.from = from;
	next = (struct origin){0};
	stop_stranger(loop, op);
	if (op->state == STATE_IDLE)
		return;
	core_guard_lock();
	guarded = find(op);
	if (guarded)
		core_guard_stop(guarded, "was to be started a second time before it has ended",
				"R1: one terminal completion for each start");
	stop_if_moved(op);
	core_guard_unlock();
}

void core_guard_cancel(const struct duet_op *op)
{
	core_guard_lock();
	if (!find(op))
		stop_if_moved(op);
	core_guard_unlock();
}

void core_guard_init(const struct duet_op *op)
{
	const struct core_guarded *guarded;

	core_guard_lock();
	guarded = find(op);
	if (guarded)
		core_guard_stop(guarded, "was to be made anew while lent", owned_rule);
	core_guard_unlock();
}

static struct core_guarded *take(struct duet_loop *loop, const struct duet_op *op)
{
	struct core_guarded *guarded = loop->guard ? loop->guard->free : NULL;

	if (!guarded)
		return NULL;
	loop->guard->free = guarded->next;
	guarded->next = *bucket_of(op);
	*bucket_of(op) = guarded;
	core_guard_mark_op(op, 1);
	return guarded;
}

/* Each writes to its header what the kernel is shown: of two, the first would move the other's bytes. */
static void stop_if_header_is_lent(const struct duet_op *op)
{
	const struct core_guarded *guarded =
		core_msghdr_has(op) ? core_guard_lender(op->args.io.header, sizeof(struct duet_msghdr))
				    : NULL;

	if (guarded)
		core_guard_stop(guarded, "has the header that another was to be started with",
				owned_rule);
}

/* Those that have ended, and wait to be told, are more than the loop has places for: the rest are not
 * watched. */
void core_guard_begin(struct duet_loop *loop, const struct duet_op *op)
{
	struct core_guarded *guarded;

	core_guard_lock();
	stop_if_header_is_lent(op);
	guarded = take(loop, op);
	if (guarded) {
		*guarded = (struct core_guarded){.next = guarded->next,
						 .loop = loop,
						 .op = op,
						 .site = now.site,
						 .from = now.from,
						 .handle = op->handle,
						 .done = op->done,
						 .context = op->context,
						 .turn = loop->began.turn,
						 .kind = op->kind};
		core_guard_lend(guarded, op);
	}
	core_guard_unlock();
}

static bool is_intact(const struct core_guarded *guarded)
{
	const struct duet_op *op = guarded->op;

	return guarded->kind == op->kind && guarded->loop == op->loop &&
	       guarded->handle.slot == op->handle.slot &&
	       guarded->handle.generation == op->handle.generation;
}

void duet_core_guard_idle(const struct duet_op *op)
{
	struct core_guarded **link;

	core_guard_lock();
	for (link = bucket_of(op); *link; link = &(*link)->next) {
		struct core_guarded *guarded = *link;

		if (guarded->op != op || !is_ours(guarded))
			continue;
		if (!is_intact(guarded))
			core_guard_stop(guarded, "was overwritten while lent", owned_rule);
		if (guarded->piece_count)
			core_guard_uncover(guarded, op->transferred);
		core_guard_mark_op(op, -1);
		*link = guarded->next;
		guarded->next = guarded->loop->guard->free;
		guarded->loop->guard->free = guarded;
		break;
	}
	core_guard_unlock();
}

void duet_core_guard_lift_op(const struct duet_op *op)
{
	const struct core_guarded *guarded;

	core_guard_lock();
	guarded = find(op);
	if (guarded)
		core_guard_bare(guarded, true);
	core_guard_unlock();
}

void duet_core_guard_lower_op(const struct duet_op *op)
{
	const struct core_guarded *guarded;

	core_guard_lock();
	guarded = find(op);
	if (guarded)
		core_guard_bare(guarded, false);
	core_guard_unlock();
}
#else
size_t core_guard_describe(const struct duet_op *op, char *text, size_t size)
{
	(void)op;
	(void)text;
	(void)size;
	return 0;
}

void duet_debug_unguard(struct duet_loop *loop)
{
	(void)loop;
}
#endif
