/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/operation.h>
#include <stdlib.h>
#include <string.h>

const char *duet_error_name(int error)
{
	const char *name = strerrorname_np(abs(error));

	return name ? name : "E?";
}
