/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TASKS_WATCHDOG_H
#define CORE_TASKS_WATCHDOG_H

#include <duet/watchdog.h>

/* A step begins, or has ended. */
void core_watchdog_begin(struct duet_watchdog *watchdog, const struct duet_task *task);
void core_watchdog_end(struct duet_watchdog *watchdog);

#endif
