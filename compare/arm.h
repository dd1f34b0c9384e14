/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* An arm: one of the things that are set side by side. Written BACKEND[/MODEL][:TUNING], as
 * "completion", "polling/future" or "completion:mode=plain". The tuning goes to the loop's options
 * as it is. */
#ifndef COMPARE_ARM_H
#define COMPARE_ARM_H

enum { ARM_TEXT_MAX = 96 };

struct arm {
	char text[ARM_TEXT_MAX]; /* as it was written: also what it is called in the report */
	char backend[ARM_TEXT_MAX];
	char model[ARM_TEXT_MAX];  /* "callback" where none was given */
	char tuning[ARM_TEXT_MAX]; /* "" where none was given */
};

/* 0, or -EINVAL with a sentence in why that says what is wrong with which part. Whether there is
 * such a backend or model is not asked here. */
int arm_read(const char *text, struct arm *arm, char *why, unsigned int why_size);

#endif
