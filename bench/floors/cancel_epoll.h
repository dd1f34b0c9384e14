/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#ifndef DUET_BENCH_CANCEL_EPOLL_H
#define DUET_BENCH_CANCEL_EPOLL_H

#include "cancel_engine.h"

/* "floor-epoll" */
extern const struct cancel_engine cancel_epoll_engine;

#endif
