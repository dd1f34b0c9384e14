/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * An arm: one of the things that are set side by side. Written as one of
 *
 *   BACKEND[/MODEL][:KEY=VALUE,...]   "completion", "polling/future", "completion:mode=plain"
 *   floor-NAME                        a loop written by hand with nothing of the library
 *   exec:COMMAND                      any echo server; {port} in it is where it has to listen
 *
 * each with NAME= before it, of letters, digits and "-_.", if it is to be called so:
 * "libuv=exec:./server {port}".
 * Of the keys try, burst and spin_us are the loop's own, the same on every backend; idle is the
 * question informed's; all others are the backend's tuning and go to it as they are.
 */
#ifndef COMPARE_ARM_H
#define COMPARE_ARM_H

#include <stdint.h>

/* A sentence about an arm quotes it whole, with what to do about it behind. */
enum { ARM_TEXT_MAX = 512, ARM_NAME_MAX = 64, ARM_WHY_MAX = ARM_TEXT_MAX + 192 };

#define ARM_UNSET UINT32_MAX

enum arm_kind { ARM_BACKEND, ARM_FLOOR, ARM_EXTERNAL };

struct duet_loop_options;

struct arm {
	char text[ARM_TEXT_MAX];    /* as it was written */
	char name[ARM_TEXT_MAX];    /* what it is called in the report; without NAME= the text */
	enum arm_kind kind;
	char backend[ARM_NAME_MAX]; /* or the floor's name */
	char model[ARM_NAME_MAX];   /* "callback" where none was given */
	char keys[ARM_TEXT_MAX];    /* "" where none were given */
	char tuning[ARM_TEXT_MAX];  /* those of the keys that are the backend's */
	char command[ARM_TEXT_MAX]; /* external: with {port} in it */
	uint32_t try_first, burst_max, spin_ns; /* ARM_UNSET: the loop's default */
	uint32_t idle; /* children of the question informed; ARM_UNSET where none were given */
};

/* 0, or -EINVAL with a sentence in why that says what is wrong with which part. Whether there is
 * such a backend, model or floor is not asked here. */
int arm_read(const char *text, struct arm *arm, char *why, unsigned int why_size);

/* Puts what the keys say into options; the tuning is lent as long as arm lives. */
void arm_tune(const struct arm *arm, struct duet_loop_options *options);

#endif
