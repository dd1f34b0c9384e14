/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/questions/cells.h"

#include <string.h>

#include "compare/questions/question.h"
#include "compare/report/conclude.h"
#include "compare/report/field.h"

const char *const CELLS_ARM_NAMES[CELLS_ARMS] = {
	[CELLS_COMPLETION_CONTINUATION] = "completion/coroutine",
	[CELLS_COMPLETION_FUTURE] = "completion/future",
	[CELLS_POLLING_CONTINUATION] = "polling/coroutine",
	[CELLS_POLLING_FUTURE] = "polling/future",
	[CELLS_COMPLETION_CALLBACK] = "completion/callback",
	[CELLS_POLLING_CALLBACK] = "polling/callback",
};

/* Short, for the rows below. */
enum {
	CC = CELLS_COMPLETION_CONTINUATION,
	CF = CELLS_COMPLETION_FUTURE,
	PC = CELLS_POLLING_CONTINUATION,
	PF = CELLS_POLLING_FUTURE,
	CK = CELLS_COMPLETION_CALLBACK,
	PK = CELLS_POLLING_CALLBACK,
};

static const struct {
	const char *key, *title;
	struct effect_shape shape;
} EFFECTS[] = {
	{ "future", "future/continuation", { { { CF, 0.5 }, { CC, -0.5 }, { PF, 0.5 }, { PC, -0.5 } }, 1 } },
	{ "future_on_completion", "  on completion", { { { CF, 1 }, { CC, -1 } }, 1 } },
	{ "future_on_polling", "  on polling", { { { PF, 1 }, { PC, -1 } }, 1 } },
	{ "polling", "polling/completion", { { { PC, 0.5 }, { CC, -0.5 }, { PF, 0.5 }, { CF, -0.5 } }, 1 } },
	{ "polling_by_continuations", "  by continuations", { { { PC, 1 }, { CC, -1 } }, 1 } },
	{ "polling_by_futures", "  by futures", { { { PF, 1 }, { CF, -1 } }, 1 } },
	{ "interaction", "interaction", { { { PF, 1 }, { PC, -1 }, { CF, -1 }, { CC, 1 } }, 2 } },
	{ "both", "both at once", { { { PF, 1 }, { CC, -1 } }, 1 } },
	{ "coroutine_over_callback_on_completion", "coroutine/callback on completion",
	  { { { CC, 1 }, { CK, -1 } }, 1 } },
	{ "coroutine_over_callback_on_polling", "coroutine/callback on polling",
	  { { { PC, 1 }, { PK, -1 } }, 1 } },
	{ "future_over_callback_on_completion", "future/callback on completion",
	  { { { CF, 1 }, { CK, -1 } }, 1 } },
	{ "future_over_callback_on_polling", "future/callback on polling",
	  { { { PF, 1 }, { PK, -1 } }, 1 } },
};

static const char *const METRICS[] = { "cpu_per_operation_ns", "latency_p50_ns", "throughput_per_s",
				       "fetch_p50_ns" };

static bool has_verdict(const json_t *effects, const char *key, enum effect_verdict verdict)
{
	return !strcmp(field_string(question_row(effects, key), "verdict"),
		       effect_word(verdict));
}

/* The claim is about the ways to go on, with the same kernel below them: on both of its kinds. */
static const char *identical(const json_t *effects)
{
	static const char *const BELOW[] = { "future_on_completion", "future_on_polling" };
	int within = 0, beyond = 0;

	for (int i = 0; i < 2; i++) {
		within += has_verdict(effects, BELOW[i], EFFECT_WITHIN);
		beyond += has_verdict(effects, BELOW[i], EFFECT_BEYOND);
	}
	return within == 2 ? "yes" : beyond ? "no" : "not shown";
}

static json_t *metric_json(const json_t *cell, const char *key)
{
	json_t *effects = json_array();

	for (size_t i = 0; i < sizeof(EFFECTS) / sizeof(*EFFECTS); i++)
		json_array_append_new(effects, question_effect(cell, key, EFFECTS[i].key,
							       EFFECTS[i].title,
							       &EFFECTS[i].shape));
	return json_pack("{s:s, s:s, s:o}", "key", key, "identical", identical(effects), "effects",
			 effects);
}

static json_t *answer(const json_t *cell)
{
	json_t *metrics = json_array();

	for (size_t i = 0; i < sizeof(METRICS) / sizeof(*METRICS); i++) {
		if (conclude_speaks_of(cell, conclude_find(METRICS[i])))
			json_array_append_new(metrics, metric_json(cell, METRICS[i]));
	}
	return json_pack("{s:o}", "metrics", metrics);
}

const struct question QUESTION_CELLS = {
	"cells", "The four cells", answer, cells_print,
};
