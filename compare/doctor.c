/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What this kernel and machine offer and forbid. It reads and tries, and changes nothing: what it
 * would change it says. */
#include "compare/doctor.h"

#include <duet/loop.h>
#include <duet/operation.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compare/backends.h"
#include "compare/kernel/view.h"
#include "compare/measure/noise.h"
#include "compare/options.h"
#include "compare/report/machine.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/semantics/semantics.h"

struct values {
	const char *proc_root;
	const char *json;
	bool kernel;
};

static const struct option_row ROWS[] = {
	{ "proc-root", OPTION_TEXT, offsetof(struct values, proc_root), 0, 0, "FOLDER",
	  "look there instead of /proc (or DUET_PROC_ROOT)" },
	{ "kernel", OPTION_FLAG, offsetof(struct values, kernel), 0, 0, "",
	  "instead: how this kernel's ring behaves, against what was recorded; 1 if it differs" },
	{ "json", OPTION_TEXT, offsetof(struct values, json), 0, 0, "FILE",
	  "also write what was found as JSON; - alone" },
	{ 0 },
};

static const struct option_set SET = {
	"doctor", "",
	"Says what this machine offers and forbids, and what would make measuring "
	"quieter. Changes nothing. Exit code 0, also where a backend is missing.",
	ROWS,
};

static void print_machine(const struct doctor *doctor)
{
	char model[256], text[1024];
	struct utsname names;

	uname(&names);
	snprintf(text, sizeof(text), "%s %s, %s", names.sysname, names.release, names.machine);
	say_wrapped(stdout, text, printf("kernel      "), 12);
	snprintf(text, sizeof(text), "%s/cpuinfo", doctor->proc);
	machine_value(model, sizeof(model), text, "model name");
	snprintf(text, sizeof(text), "%u allowed, %ld online%s%s%s", machine_cpus(),
		 sysconf(_SC_NPROCESSORS_ONLN), *model ? ", " : "", model,
		 machine_is_virtual(doctor->proc) ? ", virtual" : "");
	say_wrapped(stdout, text, printf("processors  "), 12);
}

/* The reason of a refusal is the library's: it tried. */
static void probe_backends(struct doctor *doctor)
{
	for (size_t i = 0; i < BACKENDS_COUNT; i++)
		duet_backend_probe(backends_at(i), NULL, &doctor->probes[i]);
}

static void print_backends(const struct doctor *doctor)
{
	puts("\nbackends");
	for (size_t i = 0; i < BACKENDS_COUNT; i++) {
		const struct duet_probe *probe = &doctor->probes[i];
		int refused = probe->error;
		int column = printf("  %-11s %s: ", duet_backend_name(backends_at(i)),
				    refused ? "not available" : "available");

		say_wrapped(stdout, refused ? probe->reason : probe->shape, column, 14);
	}
}

static void print_kernel_view(void)
{
	char why[VIEW_WHY_MAX];
	struct view *view;

	if (!view_open(&view, why)) {
		say_wrapped(stdout, "system calls, wakeups and switches of a measured process",
			    printf("\nkernel view on: ") - 1, 12);
		view_close(view);
	} else {
		say_wrapped(stdout, why, printf("\nkernel view off: ") - 1, 12);
	}
}

const char *doctor_capability_word(const struct duet_probe *probe, int kind)
{
	static const char *const WORDS[] = { "absent", "emulated", "native" };
	unsigned int capability = probe->capability[kind];

	return probe->error || capability > DUET_NATIVE ? "-" : WORDS[capability];
}

/* The last column ends with its word, and not with blanks. */
static void print_column(size_t index, const char *word)
{
	if (index + 1 < BACKENDS_COUNT)
		printf("%-15s", word);
	else
		puts(word);
}

static void print_capabilities(const struct doctor *doctor)
{
	printf("\n%-17s", "operations");
	for (size_t i = 0; i < BACKENDS_COUNT; i++)
		print_column(i, duet_backend_name(backends_at(i)));
	/* The rest is the loop's own, and the same on all. */
	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++) {
		printf("  %-15s", duet_kind_name((enum duet_kind)kind));
		for (size_t i = 0; i < BACKENDS_COUNT; i++)
			print_column(i, doctor_capability_word(&doctor->probes[i], kind));
	}
}

/* The kinds of one backend that have the same reason, from `first` on: its text, and they are done. */
static void print_reason(const char *name, const struct duet_probe *probe, int first, bool *done)
{
	char text[1024];
	size_t length = 0;

	for (int kind = first; kind < DUET_IO_KIND_COUNT; kind++) {
		if (strcmp(probe->why[kind], probe->why[first]) != 0)
			continue;
		done[kind] = true;
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
					   length ? ", " : "", duet_kind_name((enum duet_kind)kind));
	}
	snprintf(text + length, sizeof(text) - length, ": %s", probe->why[first]);
	say_wrapped(stdout, text, printf("  %-11s ", name), 14);
}

static void print_reasons(const struct doctor *doctor)
{
	puts("\nwhy not native");
	for (size_t i = 0; i < BACKENDS_COUNT; i++) {
		const struct duet_probe *probe = &doctor->probes[i];
		bool done[DUET_IO_KIND_COUNT] = { false };

		for (int kind = 0; kind < DUET_IO_KIND_COUNT && !probe->error; kind++) {
			if (!done[kind] && *probe->why[kind])
				print_reason(duet_backend_name(backends_at(i)), probe, kind, done);
		}
	}
}

static void print_named(const char *name, const char *text)
{
	say_wrapped(stdout, text, printf("  %-16s ", name), 4);
}

static void print_limit(const char *name, __rlimit_resource_t which, const char *unit, rlim_t divide)
{
	struct rlimit limit;
	char text[96];

	if (getrlimit(which, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		snprintf(text, sizeof(text), "unlimited");
	else if (limit.rlim_max == RLIM_INFINITY)
		snprintf(text, sizeof(text), "%" PRIu64 " %s, may be raised",
			 (uint64_t)(limit.rlim_cur / divide), unit);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " %s, may be raised to %" PRIu64,
			 (uint64_t)(limit.rlim_cur / divide), unit,
			 (uint64_t)(limit.rlim_max / divide));
	print_named(name, text);
}

static void print_limits(const struct doctor *doctor)
{
	static const char *const MEANINGS[] = {
		"0: everyone may use it", "1: only CAP_SYS_ADMIN and the group io_uring_group",
		"2: nobody may use it",
	};
	char line[64], text[160];

	puts("\nlimits");
	print_limit("open files", RLIMIT_NOFILE, "files", 1);
	print_limit("locked memory", RLIMIT_MEMLOCK, "KiB", 1024);
	if (!machine_line(line, sizeof(line), "%s/sys/kernel/io_uring_disabled", doctor->proc))
		snprintf(text, sizeof(text), "this kernel has no sysctl kernel.io_uring_disabled");
	else
		snprintf(text, sizeof(text), "kernel.io_uring_disabled = %s",
			 *line >= '0' && *line <= '2' && !line[1] ? MEANINGS[*line - '0'] : line);
	print_named("io_uring", text);
}

static void advise(struct doctor *doctor, const char *text)
{
	doctor->advice++;
	fputs("  - ", stdout);
	say_wrapped(stdout, text, 4, 4);
}

static void advise_on_ring(struct doctor *doctor)
{
	char line[64];

	if (machine_line(line, sizeof(line), "%s/sys/kernel/io_uring_disabled", doctor->proc) &&
	    strcmp(line, "0") != 0)
		advise(doctor, "io_uring is switched off for some or all: sysctl "
			       "kernel.io_uring_disabled=0 would allow it (ask who runs the machine "
			       "why it is off)");
}

static void advise_on_processors(struct doctor *doctor)
{
	char line[256];
	int subject, load;

	if (!machine_cpu_pair(&subject, &load))
		advise(doctor, "one processor only: server and load share it, so that latency and "
			       "throughput say little; CPU per operation still holds");
	else if (machine_cpus() < 4)
		advise(doctor, "fewer than four processors: server and load take one each, and "
			       "every other program disturbs one of them");
	if (machine_line(line, sizeof(line),
			 "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", subject) &&
	    strcmp(line, "performance") != 0)
		advise(doctor, "the frequency governor isn't 'performance': cpupower frequency-set "
			       "-g performance");
	if (machine_line(line, sizeof(line), "/sys/devices/system/cpu/cpufreq/boost") &&
	    !strcmp(line, "1"))
		advise(doctor, "turbo is on, and makes figures depend on temperature: echo 0 > "
			       "/sys/devices/system/cpu/cpufreq/boost");
	if (machine_is_virtual(doctor->proc))
		advise(doctor, "a virtual machine: what the hypervisor takes is noticed as steal "
			       "only where it tells");
}

static void advise_on_load(struct doctor *doctor)
{
	char line[128], text[200];
	struct noise_machine machine;
	double load;

	if (machine_line(line, sizeof(line), "%s/loadavg", doctor->proc) &&
	    (load = strtod(line, NULL)) > 0.5) {
		snprintf(text, sizeof(text), "other programs run: the load average is %.2f; end "
			 "them, or expect disturbed rounds", load);
		advise(doctor, text);
	}
	if (!noise_read_machine(doctor->proc, NULL, &machine) && machine.steal_ns) {
		snprintf(text, sizeof(text), "the hypervisor has taken %.1f s of processor time since "
			 "boot (steal)", (double)machine.steal_ns / 1e9);
		advise(doctor, text);
	}
}

static int check_folder(const char *path)
{
	struct stat what;

	if (stat(path, &what))
		return say_failure(SAY_USAGE, "doctor: --proc-root %s: %s", path, strerror(errno));
	if (!S_ISDIR(what.st_mode))
		return say_failure(SAY_USAGE, "doctor: --proc-root %s: this is no folder", path);
	return SAY_OK;
}

static void print_all(struct doctor *doctor)
{
	print_machine(doctor);
	print_backends(doctor);
	print_kernel_view();
	print_capabilities(doctor);
	print_reasons(doctor);
	print_limits(doctor);
	puts("\nadvice");
	advise_on_ring(doctor);
	advise_on_processors(doctor);
	advise_on_load(doctor);
	if (!doctor->advice)
		puts("  nothing found that disturbs");
}

static int play_kernel(struct semantics_result *result, const struct values *values, bool alone)
{
	int error = semantics_play(SEMANTICS_RECORDED, result);
	json_t *json;
	int code = SAY_OK;

	if (error)
		return say_failure(SAY_UNMEASURED, "doctor --kernel: a case couldn't be played: %s",
				   strerror(-error));
	if (!alone)
		semantics_print(result, stdout);
	if (values->json) {
		json = semantics_json(result);
		code = store_write(json, values->json);
		json_decref(json);
	}
	return code || !result->differing ? code : SAY_GATE;
}

/* A ring that is refused is refused in the library's words. */
static int look_at_kernel(const struct values *values, bool alone)
{
	struct semantics_result *result = calloc(1, sizeof(*result));
	struct duet_probe *probe = calloc(1, sizeof(*probe));
	int code;

	if (!result || !probe)
		code = say_failure(SAY_UNMEASURED, "out of memory");
	else if (duet_backend_probe(backends_find("completion"), NULL, probe))
		code = say_failure(SAY_UNMEASURED, "doctor --kernel: %s", probe->reason);
	else
		code = play_kernel(result, values, alone);
	free(probe);
	free(result);
	return code;
}

static int look(struct doctor *doctor, const struct values *values)
{
	bool alone = values->json && !strcmp(values->json, "-");

	if (values->kernel)
		return look_at_kernel(values, alone);

	doctor->proc = values->proc_root ? values->proc_root : "/proc";
	probe_backends(doctor);
	if (!alone)
		print_all(doctor);
	return values->json ? doctor_write_json(doctor, values->json) : SAY_OK;
}

int doctor_command(int argc, char **argv)
{
	struct values values = { .proc_root = getenv("DUET_PROC_ROOT") };
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (!doctor)
		code = say_failure(SAY_UNMEASURED, "out of memory");
	if (code == OPTIONS_READ && argc != first)
		code = say_failure(SAY_USAGE, "doctor: '%s' is too much; it takes options only",
				   argv[first]);
	if (code == OPTIONS_READ && values.proc_root && check_folder(values.proc_root))
		code = SAY_USAGE;
	if (code == OPTIONS_READ)
		code = look(doctor, &values);
	free(doctor);
	return code;
}
