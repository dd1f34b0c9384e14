/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef POLLING_CALL_H
#define POLLING_CALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The system calls of every message and of every turn, made without libc. Its recv, send and
 * epoll_wait are cancellation points, around which it does some sixty instructions in a program
 * that has threads, and its syscall(2) moves each argument once more than needed: eleven. The
 * answer is the kernel's own, -errno included; errno is left alone.
 */
static inline long polling_system_call6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long answer;

	__asm__ volatile("syscall"
			 : "=a"(answer)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return answer;
#elif defined(__aarch64__) && !defined(__ILP32__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
	long answer = syscall(number, a, b, c, d, e, f);

	return answer < 0 ? -errno : answer;
#endif
}

/* The fifth and the sixth argument are 0: without an address its length is of no interest to the kernel,
 * but Valgrind looks at it. */
static inline long polling_system_call(long number, long a, long b, long c, long d)
{
	return polling_system_call6(number, a, b, c, d, 0, 0);
}

#endif
