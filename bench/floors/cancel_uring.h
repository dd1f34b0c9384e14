/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#ifndef DUET_BENCH_CANCEL_URING_H
#define DUET_BENCH_CANCEL_URING_H

#include "cancel_engine.h"

/* "floor-uring", and "floor-link", whose deadlines are the ring's own, a linked timeout each. */
extern const struct cancel_engine cancel_uring_engine, cancel_link_engine;

#endif
