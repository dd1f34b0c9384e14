/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <duet/operation.h>
#include <jansson.h>
#include <string.h>

#include "compare/doctor.h"
#include "compare/report/environment.h"
#include "compare/report/store.h"
#include "compare/say.h"

/* docs/doctor-schema.md says what the keys mean. */

static json_t *operations_json(const struct duet_probe *probe)
{
	json_t *operations = json_array();

	for (int kind = 0; kind < DUET_IO_KIND_COUNT && !probe->error; kind++)
		json_array_append_new(operations,
				      json_pack("{s:s, s:s, s:s}", "name",
						duet_kind_name((enum duet_kind)kind), "capability",
						doctor_capability_word(probe, kind), "why",
						probe->why[kind]));
	return operations;
}

static json_t *backends_json(const struct doctor *doctor)
{
	json_t *backends = json_array();

	for (size_t i = 0; i < BACKENDS_COUNT; i++) {
		const struct duet_probe *probe = &doctor->probes[i];

		json_array_append_new(backends,
				      json_pack("{s:s, s:b, s:s, s:s, s:o}", "name",
						duet_backend_name(backends_at(i)), "available",
						!probe->error, "reason", probe->reason, "shape",
						probe->shape, "operations",
						operations_json(probe)));
	}
	return backends;
}

int doctor_write_json(const struct doctor *doctor, const char *path)
{
	json_t *result = json_pack("{s:i, s:s, s:o, s:o, s:o}", "schema", STORE_SCHEMA, "kind",
				   "doctor", "tool", environment_tool_json(), "environment",
				   environment_json(), "backends", backends_json(doctor));
	int error = store_write(result, path);

	json_decref(result);
	return error;
}
