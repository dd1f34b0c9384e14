/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>

/* pthread_create() of a thread that takes no signals: those are the program's. 0 or -errno. */
int core_thread_create(pthread_t *thread, const pthread_attr_t *attributes,
		       void *(*run)(void *argument), void *argument);

#endif
