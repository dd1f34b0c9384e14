/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/environment.h"

#include <dirent.h>
#include <duet/api.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "compare/report/machine.h"

/* The build says which commit it is of; an unpacked archive has none. */
#ifndef DUET_COMMIT
#define DUET_COMMIT "unknown"
#endif
#ifndef DUET_BUILD_FLAGS
#define DUET_BUILD_FLAGS "unknown"
#endif

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

json_t *environment_tool_json(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", "duet", "version",
			 duet_version(), "git_commit", DUET_COMMIT, "compiler", COMPILER,
			 "compiler_flags", DUET_BUILD_FLAGS, "jansson_version", JANSSON_VERSION);
}

static json_t *mitigations_json(void)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	json_t *json = json_object();
	DIR *files = opendir(folder);
	struct dirent *entry;
	char line[256];

	while (files && (entry = readdir(files))) {
		if (entry->d_name[0] != '.' &&
		    machine_line(line, sizeof(line), "%s/%s", folder, entry->d_name))
			json_object_set_new(json, entry->d_name, json_string(line));
	}
	if (files)
		closedir(files);
	return json;
}

static void add_line(json_t *json, const char *key, const char *path)
{
	char line[1024];

	if (machine_line(line, sizeof(line), "%s", path))
		json_object_set_new(json, key, json_string(line));
}

static json_t *limit_json(int which)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)which, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return json_null();
	return json_integer((json_int_t)limit.rlim_cur);
}

json_t *environment_json(void)
{
	struct utsname names;
	char model[256], microcode[64];
	int subject, load;
	json_t *json;

	uname(&names);
	machine_value(model, sizeof(model), "/proc/cpuinfo", "model name");
	machine_value(microcode, sizeof(microcode), "/proc/cpuinfo", "microcode");
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:o, s:o, s:o}", "kernel_release",
			 names.release, "kernel_version", names.version, "architecture",
			 names.machine, "cpu_model", *model ? model : "unknown", "cpu_microcode",
			 microcode, "cpus_allowed", (int)machine_cpus(), "virtual_machine",
			 machine_is_virtual("/proc"), "open_files_max", limit_json(RLIMIT_NOFILE),
			 "locked_memory_max_bytes", limit_json(RLIMIT_MEMLOCK), "mitigations",
			 mitigations_json());
	json_object_set_new(json, "shared_core", json_boolean(!machine_cpu_pair(&subject, &load)));
	json_object_set_new(json, "subject_cpu", json_integer(subject));
	json_object_set_new(json, "load_cpu", json_integer(load));
	add_line(json, "load_average", "/proc/loadavg");
	add_line(json, "cpu_pressure", "/proc/pressure/cpu");
	add_line(json, "io_uring_disabled", "/proc/sys/kernel/io_uring_disabled");
	add_line(json, "cpu_governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	add_line(json, "clocksource",
		 "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	return json;
}
