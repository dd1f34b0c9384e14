/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is checked at the end of a run. */
#ifndef COMPARE_LABORATORY_ACCOUNT_H
#define COMPARE_LABORATORY_ACCOUNT_H

#include <stdint.h>

struct scene;

uint64_t account_clock_ns(void);
/* How many descriptors this process has open. */
uint32_t account_descriptors(void);

/* At the terminal completion: the lent memory is ours, and is written all over. */
void account_take_back(struct scene *scene);

/* Bytes that can still be read from fd, counted into what is readable and compared. */
void account_drain(struct scene *scene, int fd);
/* Connections that are still in the witness's backlog, closed. */
void account_backlog(struct scene *scene);

#endif
