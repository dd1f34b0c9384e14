/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kernel/view.h"

#include <compare/kernel/counts.skel.h>
#include <errno.h>
#include <stdio.h>

/* The header that is made from the program defines its guard, or nothing where it couldn't be made. */
#ifndef __COUNTS_BPF_SKEL_H__

int view_open(struct view **view, char *why)
{
	*view = NULL;
	snprintf(why, VIEW_WHY_MAX, "not built (needs clang, bpftool and libbpf-dev)");
	return -EOPNOTSUPP;
}

void view_begin(struct view *view, pid_t subject)
{
	(void)view, (void)subject;
}

void view_end(struct view *view)
{
	(void)view;
}

int view_read(const struct view *view, struct counts *counts, uint64_t *missed)
{
	(void)view, (void)counts, (void)missed;
	return -EOPNOTSUPP;
}

void view_close(struct view *view)
{
	(void)view;
}

#else

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct view {
	struct counts_bpf *programs;
	struct counts *each; /* one for each processor that there may ever be */
	int processors;
	uint64_t missed_before;
};

/* What libbpf would have printed names the program that was refused; it gives no other place to keep
 * it in. */
static char refused[32];

static int keep_refused(enum libbpf_print_level level, const char *format, va_list values)
{
	char text[256];

	if (level == LIBBPF_WARN && !*refused) {
		vsnprintf(text, sizeof(text), format, values);
		if (sscanf(text, "libbpf: prog '%31[^']'", refused) != 1)
			*refused = 0;
	}
	return 0;
}

static bool has_capability(const struct __user_cap_data_struct *data, unsigned int capability)
{
	return data[capability / 32].effective & (1U << capability % 32);
}

/* The kernel asks for both, and either may stand in for by the old one that allowed everything. */
static bool is_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data))
		return false;
	return has_capability(data, CAP_SYS_ADMIN) ||
		(has_capability(data, CAP_BPF) && has_capability(data, CAP_PERFMON));
}

static bool has_types(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

/* The same errno has several causes, and "permission denied" as root would be a lie: the verifier
 * says it, too. */
static int refuse(struct view *view, int status, char *why)
{
	if (!is_permitted())
		snprintf(why, VIEW_WHY_MAX, "needs root or CAP_BPF and CAP_PERFMON");
	else if (!has_types())
		snprintf(why, VIEW_WHY_MAX, "this kernel has no type information "
			 "(CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)");
	else if (*refused && status == -ESRCH)
		snprintf(why, VIEW_WHY_MAX, "this kernel lacks the tracepoint of the program %s "
			 "(CONFIG_FTRACE_SYSCALLS, CONFIG_TRACEPOINTS)", refused);
	else if (*refused)
		snprintf(why, VIEW_WHY_MAX, "the kernel refused the program %s (%s)", refused,
			 strerror(-status));
	else if (status == -EPERM)
		snprintf(why, VIEW_WHY_MAX, "bpf() is forbidden here although the capabilities are "
			 "there; a seccomp filter or lockdown does that");
	else
		snprintf(why, VIEW_WHY_MAX, "%s", strerror(-status));
	view_close(view);
	return status;
}

/* 0 where process ids are the kernel's own; else the inode of the namespace that they belong to. */
static uint32_t namespace_inode(void)
{
	const ino_t machine = 0xeffffffc; /* the kernel gives the first namespace this number */
	struct stat what;

	if (stat("/proc/self/ns/pid", &what) || what.st_ino == machine)
		return 0;
	return (uint32_t)what.st_ino;
}

static int load(struct view *view)
{
	int status;

	libbpf_set_print(keep_refused);
	*refused = 0;
	view->processors = libbpf_num_possible_cpus();
	if (view->processors < 0)
		return view->processors;
	view->each = calloc((size_t)view->processors, sizeof(*view->each));
	view->programs = counts_bpf__open();
	if (!view->each || !view->programs)
		return -errno;
	view->programs->rodata->nested_in = namespace_inode();
	status = counts_bpf__load(view->programs);
	return status ? status : counts_bpf__attach(view->programs);
}

int view_open(struct view **view, char *why)
{
	struct view *made = calloc(1, sizeof(*made));
	int status;

	*view = NULL;
	if (!made) {
		snprintf(why, VIEW_WHY_MAX, "out of memory");
		return -ENOMEM;
	}
	/* Asked first: some of what follows would go on without, and fail in words of its own. */
	status = is_permitted() ? load(made) : -EPERM;
	if (status)
		return refuse(made, status, why);
	*why = 0;
	*view = made;
	return 0;
}

static uint64_t missed_by(const struct bpf_program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return 0;
	return info.recursion_misses;
}

static uint64_t missed_so_far(const struct view *view)
{
	struct bpf_program *program;
	uint64_t missed = 0;

	bpf_object__for_each_program(program, view->programs->obj)
		missed += missed_by(program);
	return missed;
}

void view_begin(struct view *view, pid_t subject)
{
	const uint32_t key = 0;

	if (!view)
		return;
	memset(view->each, 0, (size_t)view->processors * sizeof(*view->each));
	bpf_map_update_elem(bpf_map__fd(view->programs->maps.counted), &key, view->each, BPF_ANY);
	view->missed_before = missed_so_far(view);
	view->programs->bss->subject = (uint32_t)subject;
	__atomic_store_n(&view->programs->bss->watching, 1, __ATOMIC_RELEASE);
}

void view_end(struct view *view)
{
	if (view)
		__atomic_store_n(&view->programs->bss->watching, 0, __ATOMIC_RELEASE);
}

static void add(struct counts *sum, const struct counts *part)
{
	for (int i = 0; i < COUNTS_CALLS_MAX; i++) {
		sum->calls[i] += part->calls[i];
		sum->wasted[i] += part->wasted[i];
	}
	sum->wakeups += part->wakeups;
	sum->voluntary += part->voluntary;
	sum->involuntary += part->involuntary;
}

int view_read(const struct view *view, struct counts *counts, uint64_t *missed)
{
	const uint32_t key = 0;
	int status = bpf_map_lookup_elem(bpf_map__fd(view->programs->maps.counted), &key,
					 view->each);

	memset(counts, 0, sizeof(*counts));
	for (int i = 0; !status && i < view->processors; i++)
		add(counts, &view->each[i]);
	*missed = missed_so_far(view) - view->missed_before;
	return status;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	counts_bpf__destroy(view->programs);
	free(view->each);
	free(view);
}

#endif
