/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOAN_H
#define CORE_LOAN_H

#include "core/guard.h"
#include "core/loop.h"

/* A loan: memory that is out of the caller's hands, from the start of the operation that names it to its
 * terminal completion. The ledger is the account of all; its byte-seconds are counted by duet_core_tick(). */

static inline void core_loan_begin(struct duet_loop *loop, const struct duet_op *op)
{
	struct core_ledger *ledger = &loop->ledger;

	ledger->lent_count++;
	ledger->lent_bytes += op->args.io.length_bytes;
	if (ledger->lent_bytes > ledger->lent_peak_bytes)
		ledger->lent_peak_bytes = ledger->lent_bytes;
}

static inline void core_loan_end(struct duet_loop *loop, const struct duet_op *op)
{
	loop->ledger.lent_count--;
	loop->ledger.lent_bytes -= op->args.io.length_bytes;
	CORE_GUARD(duet_core_guard_give_back(op));
}

#endif
