/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_STACK_H
#define DUET_STACK_H

#include <duet/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pool of stacks for fibers: see <duet/fiber.h>.
 *
 * One mapping, made at once, in which each stack has a guard below it that faults when it is touched.
 * It takes address space at first; memory comes page by page as a stack is used, and stays with it. A
 * stack is handed out to a fiber when it is spawned and comes back at its end; the one that came back
 * last is handed out next, so that few pages are ever touched. A pool belongs to one thread, whose
 * loops may share it. After create nothing is allocated.
 */
struct duet_stacks;

struct duet_stacks_options {
	uint32_t size;        /* sizeof(struct duet_stacks_options), set by the init function */
	uint32_t count;       /* 1 to 2^20; default 64. Each takes 32 bytes beside its mapping, and the
				 kernel counts it as two mappings: see vm.max_map_count, 65530 as a rule */
	uint32_t stack_bytes; /* of each, rounded up to whole pages: 8192 to 2^30; default 65536. Of it
				 the library uses less than 3 KiB; handlers of signals run on it, too */
	uint32_t guard_bytes; /* below each, rounded up likewise: 1 to 2^20; default 16384. A function
				 whose variables are larger than that may step over it, unless it is
				 compiled with -fstack-clash-protection */
};

DUET_API void duet_stacks_options_init(struct duet_stacks_options *options);

/*
 * options may be NULL. 0; -EINVAL (options); -ENOMEM (address space, or vm.max_map_count); -ENOTSUP:
 * this thread has a shadow stack, and the library was built with a switch of its own that knows of none:
 * build it with -DDUET_FIBER_UCONTEXT. On an error *stacks is NULL.
 */
DUET_API int duet_stacks_create(struct duet_stacks **stacks,
				const struct duet_stacks_options *options);

/* 0, or -EBUSY while a fiber has one of them: then nothing is freed. Accepts NULL. */
DUET_API int duet_stacks_destroy(struct duet_stacks *stacks);

/* Gives the memory of all stacks that no fiber has back to the kernel: a system call for each that was
 * ever used. 0, or the kernel's error. */
DUET_API int duet_stacks_trim(struct duet_stacks *stacks);

struct duet_stack_stats {
	uint32_t count;
	uint32_t stack_bytes; /* usable, of each */
	uint32_t live;        /* with a fiber now */
	uint32_t live_max;    /* at most so far */
	uint32_t used;        /* ever handed out */
	uint64_t handed_out;
	uint64_t refused;     /* none was left */
};

DUET_API void duet_stacks_stats(const struct duet_stacks *stacks, struct duet_stack_stats *stats);

/*
 * High-water marks since create or the last trim, in whole pages: the kernel is asked which it has
 * given out (mincore(2)). So it costs nothing until it is asked, and then a system call a stack that was
 * ever used (and another for each further MiB of it); a painted pattern would be exact to the byte, but
 * touches every page to paint it, which is what the stacks are there to avoid. A page that was swapped
 * out isn't counted.
 */
struct duet_stacks_use {
	size_t deepest_bytes; /* from the top of a stack to its lowest page, the largest of all */
	size_t touched_bytes; /* of all stacks together */
};

DUET_API int duet_stacks_measure(const struct duet_stacks *stacks, struct duet_stacks_use *use);

#ifdef __cplusplus
}
#endif

#endif
