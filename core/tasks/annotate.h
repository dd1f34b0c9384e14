/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_ANNOTATE_H
#define CORE_TASKS_ANNOTATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What tools are told of stacks and switches: AddressSanitizer and ThreadSanitizer where the library is
 * built with them, Valgrind where its headers are, by requests that are a few instructions without it.
 *
 * The four moments of a step: enter and left on the loop's side of a fiber, entered and leave on its own.
 * Always inlined: ThreadSanitizer counts calls and returns on the stack that it was told of last.
 */
#ifdef __has_feature
#define CORE_HAS_FEATURE(name) __has_feature(name)
#else
#define CORE_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || CORE_HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define CORE_ASAN 1
#endif

#if defined(__SANITIZE_THREAD__) || CORE_HAS_FEATURE(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define CORE_TSAN 1
#endif

#ifdef __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(lowest, highest) ((void)(lowest), (void)(highest), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#define CORE_INLINE static inline __attribute__((always_inline))

struct core_notes {
#ifdef CORE_ASAN
	void *fake;         /* frames of it that AddressSanitizer keeps elsewhere */
	void *fake_outside; /* and those of who runs it, whose stack is: */
	const void *outside;
	size_t outside_bytes;
#endif
#ifdef CORE_TSAN
	void *thread; /* what ThreadSanitizer takes the fiber for */
	void *thread_outside;
#endif
	unsigned valgrind;
};

/* A stack is to have a fiber. What the last one's functions left poisoned on it is over. */
CORE_INLINE void core_note_begin(struct core_notes *notes, void *bottom, size_t bytes)
{
	(void)notes, (void)bottom, (void)bytes;
#ifdef CORE_ASAN
	ASAN_UNPOISON_MEMORY_REGION(bottom, bytes);
	notes->fake = NULL;
#endif
#ifdef CORE_TSAN
	notes->thread = __tsan_create_fiber(0);
#endif
}

CORE_INLINE void core_note_end(struct core_notes *notes)
{
	(void)notes;
#ifdef CORE_TSAN
	__tsan_destroy_fiber(notes->thread);
#endif
}

CORE_INLINE void core_note_enter(struct core_notes *notes, const void *bottom, size_t bytes)
{
	(void)notes, (void)bottom, (void)bytes;
#ifdef CORE_ASAN
	__sanitizer_start_switch_fiber(&notes->fake_outside, bottom, bytes);
#endif
#ifdef CORE_TSAN
	notes->thread_outside = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(notes->thread, 0);
#endif
}

CORE_INLINE void core_note_entered(struct core_notes *notes)
{
	(void)notes;
#ifdef CORE_ASAN
	__sanitizer_finish_switch_fiber(notes->fake, &notes->outside, &notes->outside_bytes);
#endif
}

CORE_INLINE void core_note_leave(struct core_notes *notes, bool over)
{
	(void)notes, (void)over;
#ifdef CORE_ASAN
	__sanitizer_start_switch_fiber(over ? NULL : &notes->fake, notes->outside,
				       notes->outside_bytes);
#endif
#ifdef CORE_TSAN
	__tsan_switch_to_fiber(notes->thread_outside, 0);
#endif
}

CORE_INLINE void core_note_left(struct core_notes *notes)
{
	(void)notes;
#ifdef CORE_ASAN
	__sanitizer_finish_switch_fiber(notes->fake_outside, NULL, NULL);
#endif
}

#endif
