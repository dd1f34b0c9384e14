/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * What a program does with an operation that it has asked to end. Here are the safe ways; the unsafe ones
 * that the field has shipped are kept beside them, in specimens/, which no command can select.
 */
#ifndef COMPARE_LABORATORY_POLICY_H
#define COMPARE_LABORATORY_POLICY_H

#include <duet/laboratory.h>
#include <stdbool.h>

enum policy_release {
	RELEASE_AT_END,     /* waits for the terminal completion */
	RELEASE_AT_REQUEST, /* asks for the end, and goes on as if it had come */
	RELEASE_REAPED,     /* goes on, and leaves operation and memory to the loop, whose they are */
	RELEASE_POLLED,     /* a future, which is polled to its end before it is freed */
	RELEASE_SCOPED,     /* a scope of its own, with a cleanup, which is joined */
};

struct policy {
	const char *name;
	const char *does; /* a few words */
	bool safe;
	enum policy_release release;
	bool discards; /* what comes after the request: it believes that nothing has happened */
	bool reuses;   /* the same memory, at once */
	bool forgets;  /* of a message that was not whole, what it had */
	bool copies;   /* receives elsewhere, and copies at the end */
	bool dirties;  /* gives a connection back on which an answer is still to come */
};

/* The safe ones. Ends with one without a name. */
extern const struct policy POLICIES[];

#endif
