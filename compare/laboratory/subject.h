/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What can be cancelled: a kind of operation, in a situation. */
#ifndef COMPARE_LABORATORY_SUBJECT_H
#define COMPARE_LABORATORY_SUBJECT_H

#include <duet/operation.h>
#include <stddef.h>

struct scene;

enum subject_traits {
	SUBJECT_BY_ITSELF = 1 << 0, /* what it waits for comes without anybody's help */
	SUBJECT_HALFWAY = 1 << 1,   /* in flight it has moved something already */
	SUBJECT_MAKES = 1 << 2,     /* its result is a descriptor */
	SUBJECT_CLOSES = 1 << 3,    /* it ends its own handle */
};

struct subject {
	const char *name;
	enum duet_kind kind;
	unsigned traits;
	const char *what;     /* for people */
	const char *unmet;    /* why what it waits for can't come in time, or NULL */
	int (*prepare)(struct scene *scene);                     /* NULL: it needs nothing */
	void (*describe)(struct scene *scene);                   /* says what the target is to do */
	void (*block)(struct scene *scene, struct duet_op *op); /* one to stand in line behind, or NULL */
	void (*satisfy)(struct scene *scene);                    /* what it waits for comes, or NULL */
	void (*take)(struct scene *scene);                       /* each completion, or NULL */
	void (*account)(struct scene *scene);                    /* at the end, or NULL */
};

/* One by one, NULL behind the last. */
const struct subject *subject_at(size_t index);
const struct subject *subject_find(const char *name);

/* The tables that make up the whole, each ended by one without a name. */
extern const struct subject SUBJECTS_PLAIN[], SUBJECTS_STREAM[], SUBJECTS_SOCKET[], SUBJECTS_FILE[],
	SUBJECTS_NAME[], SUBJECTS_EVENT[];

#endif
