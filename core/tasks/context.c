/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/context.h"

#include <stdint.h>
#include <stdlib.h>

#ifndef DUET_FIBER_UCONTEXT

/*
 * What the System V ABI lets a callee keep: rbx, rbp, r12 to r15, the control bits of MXCSR and the
 * x87 control word; everything else is lost in any call. Below is how it stands at the context, which is a
 * stack pointer. The x87 word is loaded only if it differs, which is hardly ever: on the processors
 * of 2020 the load costs more than the comparison. MXCSR is loaded as it is: its status bits change with
 * every inexact result, so that it would hardly ever be equal.
 *
 * The jump to where the other side goes on is not a return: a processor predicts returns by calls,
 * and these don't pair. For the same reason a shadow stack (CET) would fault on the first return behind a
 * switch: core_context_can_switch() looks whether there is one. Linux enforces no indirect branch
 * tracking in user space.
 */
struct frame {
	uint32_t mxcsr;
	uint16_t x87;
	uint16_t unused;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	void (*next)(void);
};

_Static_assert(sizeof(struct frame) == 64, "as the code below has it");

void core_context_begin(void);

/* The CFI follows each push, so that a debugger or a profiler sees the way back at every instruction.
 * The beginning of a context has none: there a backtrace ends. */
__asm__(".text\n"
	".globl core_context_switch\n"
	".hidden core_context_switch\n"
	".type core_context_switch, @function\n"
	".p2align 4\n"
	"core_context_switch:\n"
	".cfi_startproc\n"
	"	pushq %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset rbp, 0\n"
	"	pushq %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset rbx, 0\n"
	"	pushq %r12\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset r12, 0\n"
	"	pushq %r13\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset r13, 0\n"
	"	pushq %r14\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset r14, 0\n"
	"	pushq %r15\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset r15, 0\n"
	"	subq $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movzwl 4(%rsp), %edx\n"
	"	movq %rsp, %rax\n"
	/* From here on everything is the other side's, whose frame is the same. */
	"	movq %rdi, %rsp\n"
	"	movq 56(%rsp), %rcx\n"
	"	ldmxcsr (%rsp)\n"
	"	cmpw 4(%rsp), %dx\n"
	"	jne 2f\n"
	"1:	movq 8(%rsp), %r15\n"
	"	movq 16(%rsp), %r14\n"
	"	movq 24(%rsp), %r13\n"
	"	movq 32(%rsp), %r12\n"
	"	movq 40(%rsp), %rbx\n"
	"	movq 48(%rsp), %rbp\n"
	".cfi_remember_state\n"
	".cfi_restore r15\n"
	".cfi_restore r14\n"
	".cfi_restore r13\n"
	".cfi_restore r12\n"
	".cfi_restore rbx\n"
	".cfi_restore rbp\n"
	"	addq $64, %rsp\n"
	".cfi_def_cfa_offset 0\n"
	".cfi_register rip, rcx\n"
	"	jmp *%rcx\n"
	".cfi_restore_state\n"
	"2:	fldcw 4(%rsp)\n"
	"	jmp 1b\n"
	".cfi_endproc\n"
	".size core_context_switch, . - core_context_switch\n"

	".globl core_context_begin\n"
	".hidden core_context_begin\n"
	".type core_context_begin, @function\n"
	".p2align 4\n"
	"core_context_begin:\n"
	".cfi_startproc\n"
	".cfi_undefined rip\n"
	"	movq %rax, %rdi\n"
	"	movq %r12, %rsi\n"
	"	callq *%rbx\n"
	"	ud2\n"
	".cfi_endproc\n"
	".size core_context_begin, . - core_context_begin\n");

void *core_context_make(void *bottom, void *top, void (*fn)(void *from, void *argument),
			void *argument)
{
	/* At core_context_begin() the stack is to be aligned as before a call. */
	struct frame *frame = (struct frame *)((uintptr_t)top & ~(uintptr_t)15) - 1;

	(void)bottom;
	*frame = (struct frame){.rbx = (uintptr_t)fn, .r12 = (uintptr_t)argument,
				.next = core_context_begin};
	__asm__("stmxcsr %0" : "=m"(frame->mxcsr));
	__asm__("fnstcw %0" : "=m"(frame->x87));
	return frame;
}

/* Without a shadow stack, or on a processor that knows of none, the instruction does nothing. */
bool core_context_can_switch(void)
{
	uint64_t shadow = 0;

	__asm__ volatile("rdsspq %0" : "+r"(shadow));
	return shadow == 0;
}

#else

#include <ucontext.h>

/* The context stands on the stack of who waits; a new one, on its own. */
struct frame {
	ucontext_t ucontext;
	void *from; /* set by who goes on here */
	void (*fn)(void *from, void *argument);
	void *argument;
};

void *core_context_switch(void *to)
{
	struct frame here;
	struct frame *other = to;

	other->from = &here;
	swapcontext(&here.ucontext, &other->ucontext);
	return here.from;
}

/* makecontext(3) passes nothing but ints. */
static void begin(unsigned high, unsigned low)
{
	struct frame *frame = (void *)((uintptr_t)((uint64_t)high << 32 | low));

	frame->fn(frame->from, frame->argument);
	abort();
}

void *core_context_make(void *bottom, void *top, void (*fn)(void *from, void *argument),
			void *argument)
{
	struct frame *frame = (struct frame *)((uintptr_t)top & ~(uintptr_t)63) - 1;
	const uint64_t at = (uintptr_t)frame;

	getcontext(&frame->ucontext);
	frame->fn = fn;
	frame->argument = argument;
	frame->ucontext.uc_link = NULL;
	frame->ucontext.uc_stack.ss_sp = bottom;
	frame->ucontext.uc_stack.ss_size = (size_t)((char *)frame - (char *)bottom);
	makecontext(&frame->ucontext, (void (*)(void))begin, 2, (unsigned)(at >> 32),
		    (unsigned)at);
	return frame;
}

bool core_context_can_switch(void)
{
	return true;
}

#endif
