/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/tasks/context.h"

enum {
	COUNT_MAX = 1 << 20,
	STACK_BYTES_MIN = 8192,
	STACK_BYTES_MAX = 1 << 30,
	GUARD_BYTES_MAX = 1 << 20,
	PAGES_AT_ONCE = 256, /* asked for, of a stack */
};

struct duet_stacks {
	unsigned char *memory; /* guard, stack, guard, stack ... */
	size_t page_bytes;
	size_t stack_bytes;
	size_t guard_bytes;
	uint32_t count;
	uint32_t live;
	uint32_t live_max;
	uint32_t used; /* from here on never handed out */
	uint32_t free; /* the chain, index + 1 */
	uint64_t handed_out;
	uint64_t refused;
	struct duet_stack stacks[];
};

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static size_t pitch(const struct duet_stacks *stacks)
{
	return stacks->guard_bytes + stacks->stack_bytes;
}

static unsigned char *bottom_of(const struct duet_stacks *stacks, uint32_t index)
{
	return stacks->memory + index * pitch(stacks) + stacks->guard_bytes;
}

unsigned char *core_stack_bottom(const struct duet_stack *stack)
{
	return bottom_of(stack->stacks, (uint32_t)(stack - stack->stacks->stacks));
}

size_t core_stack_bytes(const struct duet_stack *stack)
{
	return stack->stacks->stack_bytes;
}

size_t core_stack_guard_bytes(const struct duet_stack *stack)
{
	return stack->stacks->guard_bytes;
}

/* ---- Handed out. ---- */

/* Never used before: address order. */
static struct duet_stack *fresh(struct duet_stacks *stacks)
{
	struct duet_stack *stack = &stacks->stacks[stacks->used];
	unsigned char *bottom = bottom_of(stacks, stacks->used);

	stacks->used++;
	stack->stacks = stacks;
	stack->notes.valgrind =
		VALGRIND_STACK_REGISTER(bottom, bottom + stacks->stack_bytes - 1);
	return stack;
}

static struct duet_stack *find(struct duet_stacks *stacks)
{
	struct duet_stack *stack;

	if (!stacks->free)
		return stacks->used < stacks->count ? fresh(stacks) : NULL;
	stack = &stacks->stacks[stacks->free - 1];
	stacks->free = stack->next;
	return stack;
}

struct duet_stack *core_stack_take(struct duet_stacks *stacks, struct duet_fiber *fiber,
				   const struct duet_site *site)
{
	struct duet_stack *stack = find(stacks);

	if (!stack) {
		stacks->refused++;
		return NULL;
	}
	stack->fiber = fiber;
	stack->spawned = site;
	stack->over = false;
	core_note_begin(&stack->notes, core_stack_bottom(stack), stacks->stack_bytes);
	stacks->handed_out++;
	stacks->live++;
	if (stacks->live > stacks->live_max)
		stacks->live_max = stacks->live;
	return stack;
}

void core_stack_give(struct duet_stack *stack)
{
	struct duet_stacks *stacks = stack->stacks;

	core_note_end(&stack->notes);
	stack->fiber = NULL;
	stack->next = stacks->free;
	stacks->free = (uint32_t)(stack - stacks->stacks) + 1;
	stacks->live--;
}

/* ---- Their memory. ---- */

int duet_stacks_trim(struct duet_stacks *stacks)
{
	int error = 0;

	for (uint32_t index = 0; index < stacks->used; index++) {
		if (stacks->stacks[index].fiber)
			continue;
		if (madvise(bottom_of(stacks, index), stacks->stack_bytes, MADV_DONTNEED))
			error = -errno;
	}
	return error;
}

/* Adds what the kernel has given out of one stack. */
static int measure(const struct duet_stacks *stacks, uint32_t index, struct duet_stacks_use *use)
{
	const size_t page_bytes = stacks->page_bytes;
	size_t lowest = stacks->stack_bytes;
	unsigned char resident[PAGES_AT_ONCE];

	for (size_t at = 0; at < stacks->stack_bytes; at += PAGES_AT_ONCE * page_bytes) {
		size_t bytes = stacks->stack_bytes - at;

		if (bytes > PAGES_AT_ONCE * page_bytes)
			bytes = PAGES_AT_ONCE * page_bytes;
		if (mincore(bottom_of(stacks, index) + at, bytes, resident))
			return -errno;
		for (size_t page = 0; page < bytes / page_bytes; page++) {
			if (!(resident[page] & 1))
				continue;
			use->touched_bytes += page_bytes;
			if (lowest == stacks->stack_bytes)
				lowest = at + page * page_bytes;
		}
	}
	if (stacks->stack_bytes - lowest > use->deepest_bytes)
		use->deepest_bytes = stacks->stack_bytes - lowest;
	return 0;
}

int duet_stacks_measure(const struct duet_stacks *stacks, struct duet_stacks_use *use)
{
	int error = 0;

	*use = (struct duet_stacks_use){0};
	for (uint32_t index = 0; index < stacks->used && !error; index++)
		error = measure(stacks, index, use);
	return error;
}

void duet_stacks_stats(const struct duet_stacks *stacks, struct duet_stack_stats *stats)
{
	*stats = (struct duet_stack_stats){.count = stacks->count,
					    .stack_bytes = (uint32_t)stacks->stack_bytes,
					    .live = stacks->live,
					    .live_max = stacks->live_max,
					    .used = stacks->used,
					    .handed_out = stacks->handed_out,
					    .refused = stacks->refused};
}

/* ---- From create to destroy. ---- */

void duet_stacks_options_init(struct duet_stacks_options *options)
{
	*options = (struct duet_stacks_options){.size = sizeof(*options),
						.count = 64,
						.stack_bytes = 65536,
						.guard_bytes = 16384};
}

static int check(const struct duet_stacks_options *options)
{
	if (options->size != sizeof(*options))
		return -EINVAL;
	if (options->count < 1 || options->count > COUNT_MAX)
		return -EINVAL;
	if (options->stack_bytes < STACK_BYTES_MIN || options->stack_bytes > STACK_BYTES_MAX)
		return -EINVAL;
	if (options->guard_bytes < 1 || options->guard_bytes > GUARD_BYTES_MAX)
		return -EINVAL;
	return core_context_can_switch() ? 0 : -ENOTSUP;
}

/* Everything is a guard but what is made a stack. A huge page would be touched as a whole: none is
 * wanted, and a kernel that has none has nothing to refuse. */
static int map(struct duet_stacks *stacks)
{
	const size_t bytes = stacks->count * pitch(stacks);
	void *memory;
	int error;

	if (pitch(stacks) > SIZE_MAX / stacks->count)
		return -ENOMEM;
	memory = mmap(NULL, bytes, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	stacks->memory = memory;
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	for (uint32_t index = 0; index < stacks->count; index++) {
		if (!mprotect(bottom_of(stacks, index), stacks->stack_bytes,
			      PROT_READ | PROT_WRITE))
			continue;
		error = -errno;
		munmap(memory, bytes);
		return error;
	}
	return 0;
}

static struct duet_stacks *make(const struct duet_stacks_options *options)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct duet_stacks *stacks =
		calloc(1, sizeof(*stacks) + options->count * sizeof(stacks->stacks[0]));

	if (!stacks)
		return NULL;
	stacks->page_bytes = page_bytes;
	stacks->stack_bytes = round_up(options->stack_bytes, page_bytes);
	stacks->guard_bytes = round_up(options->guard_bytes, page_bytes);
	stacks->count = options->count;
	return stacks;
}

int duet_stacks_create(struct duet_stacks **stacks, const struct duet_stacks_options *options)
{
	struct duet_stacks_options defaults;
	struct duet_stacks *made;
	int error;

	*stacks = NULL;
	duet_stacks_options_init(&defaults);
	if (!options)
		options = &defaults;
	error = check(options);
	if (error)
		return error;
	made = make(options);
	if (!made)
		return -ENOMEM;
	error = map(made);
	if (error)
		free(made);
	else
		*stacks = made;
	return error;
}

int duet_stacks_destroy(struct duet_stacks *stacks)
{
	if (!stacks)
		return 0;
	if (stacks->live)
		return -EBUSY;
	for (uint32_t index = 0; index < stacks->used; index++)
		VALGRIND_STACK_DEREGISTER(stacks->stacks[index].notes.valgrind);
	munmap(stacks->memory, stacks->count * pitch(stacks));
	free(stacks);
	return 0;
}
