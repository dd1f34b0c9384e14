/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

#include "core/loop.h"

/* The loop was woken, perhaps by duet_loop_ask_dump(). */
void core_dump_asked(struct duet_loop *loop);

#endif
