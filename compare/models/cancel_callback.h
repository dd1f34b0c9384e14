/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Receives that are ended early, by callbacks: one source for all backends. Its host is a loop, which
 * outlives it. */
#ifndef COMPARE_MODELS_CANCEL_CALLBACK_H
#define COMPARE_MODELS_CANCEL_CALLBACK_H

#include "bench/floors/cancel_engine.h"

extern const struct cancel_engine CANCEL_CALLBACK;

#endif
