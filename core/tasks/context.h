/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_CONTEXT_H
#define CORE_TASKS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A context: where a thread of control goes on, on a stack of its own. It is good once. The form of a
 * switch that gives the other side's context is that of Boost.Context's jump_fcontext (O. Kowalke).
 *
 * -DDUET_FIBER_UCONTEXT: by swapcontext(3), also where the library has a switch of its own, which is on
 * x86-64. That one makes no system call; swapcontext sets the signal mask with every switch.
 */
#if !defined(__x86_64__) || !defined(__LP64__)
#undef DUET_FIBER_UCONTEXT
#define DUET_FIBER_UCONTEXT 1
#endif

/* Goes on at `to`, and gives whoever goes on here the context of the other side. What functions keep is
 * kept: registers, and the control words of both floating-point units. */
void *core_context_switch(void *to);

/* A context that begins with fn(from, argument) on the stack that ends at top. fn never returns, and
 * from is where the first switch came from. */
void *core_context_make(void *bottom, void *top, void (*fn)(void *from, void *argument),
			void *argument);

/* Whether a switch as it was built is possible on this thread. */
bool core_context_can_switch(void);

#endif
