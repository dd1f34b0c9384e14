/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The file reader of the twins: one source on the public headers, and a backend for each engine.
 */
#ifndef DUET_BENCH_FILE_READER_H
#define DUET_BENCH_FILE_READER_H

#include "bench/floors/file_engine.h"

extern const struct file_engine twin_polling_reader;
extern const struct file_engine twin_completion_reader;

/* The same, but each end comes by a callback, also of what could be had at once. */
extern const struct file_engine twin_polling_called_reader;

#endif
