/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "completion/internal.h"

/* The kernel's operation behind each kind; 0 (a nop) for what needs none. */
static const uint8_t opcodes[DUET_IO_KIND_COUNT] = {
	[DUET_NOP] = IORING_OP_NOP,
	[DUET_POLL] = IORING_OP_POLL_ADD,
	[DUET_ACCEPT] = IORING_OP_ACCEPT,
	[DUET_CONNECT] = IORING_OP_CONNECT,
	[DUET_RECV] = IORING_OP_RECV,
	[DUET_SEND] = IORING_OP_SENDMSG,
	[DUET_READ] = IORING_OP_READ,
	[DUET_WRITE] = IORING_OP_WRITE,
	[DUET_OPEN] = IORING_OP_OPENAT,
	[DUET_FSYNC] = IORING_OP_FSYNC,
	[DUET_SHUTDOWN] = IORING_OP_SHUTDOWN,
	[DUET_CLOSE] = IORING_OP_CLOSE,
	[DUET_SOCKET] = IORING_OP_SOCKET,
	[DUET_SEND_ZERO_COPY] = IORING_OP_SEND_ZC,
};

/* What the backend is built on, all there since 5.19. */
static const struct {
	unsigned feature;
	const char *name;
} needs[] = {
	{IORING_FEAT_NODROP, "completions that are never dropped"},
	{IORING_FEAT_FAST_POLL, "internal polling"},
	{IORING_FEAT_EXT_ARG, "a timeout for each wait"},
	{IORING_FEAT_CQE_SKIP, "silent successes"},
};

static const char *missing_feature(unsigned features)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (!(features & needs[i].feature))
			return needs[i].name;
	return NULL;
}

int completion_capabilities(struct completion *self, uint8_t *capability, const char **missing)
{
	struct io_uring_probe *known = io_uring_get_probe_ring(&self->ring);

	*missing = known ? missing_feature(self->features) : "the probe";
	if (*missing) {
		io_uring_free_probe(known);
		return -ENOSYS;
	}
	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++)
		capability[kind] = completion_carries((enum duet_kind)kind) &&
						   io_uring_opcode_supported(known, opcodes[kind])
					   ? DUET_NATIVE
					   : DUET_ABSENT;
	capability[DUET_TIMEOUT] = DUET_NATIVE;
	self->native_socket = capability[DUET_SOCKET] == DUET_NATIVE;
	/* Both came with 6.0, and only one of them can be asked for. */
	self->multishot_recv = io_uring_opcode_supported(known, IORING_OP_SEND_ZC);
	self->zero_copy = capability[DUET_SEND_ZERO_COPY] == DUET_NATIVE;
	self->zero_copy_pieces = io_uring_opcode_supported(known, IORING_OP_SENDMSG_ZC);
	if (self->features & IORING_FEAT_REG_REG_RING)
		self->zero_copy_flags = IORING_SEND_ZC_REPORT_USAGE;
	io_uring_free_probe(known);
	if (!self->native_socket)
		capability[DUET_SOCKET] = DUET_EMULATED;
	if (!self->zero_copy)
		capability[DUET_SEND_ZERO_COPY] = DUET_EMULATED;
	capability[DUET_BIND] = DUET_EMULATED;
	capability[DUET_LISTEN] = DUET_EMULATED;
	return 0;
}

/* ---- A refusal in words. ---- */

/* The number in kernel.io_uring_disabled, -1 if it isn't there (it is since 6.6). DUET_PROC_ROOT
 * stands for /proc, for tests and for containers that mount the host's elsewhere. */
static int disabled_by_sysctl(void)
{
	const char *root = secure_getenv("DUET_PROC_ROOT");
	char path[256];
	int value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/kernel/io_uring_disabled", root ? root : "/proc");
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static const char *why_not_permitted(void)
{
	switch (disabled_by_sysctl()) {
	case 2:
		return "io_uring is switched off for everybody: kernel.io_uring_disabled is 2; an "
		       "administrator can set it to 0 with sysctl";
	case 1:
		return "io_uring is for the privileged only: kernel.io_uring_disabled is 1; run with "
		       "CAP_SYS_ADMIN, join kernel.io_uring_group, or set it to 0 with sysctl";
	default:
		return "io_uring is not permitted though no sysctl forbids it: most likely a seccomp "
		       "filter, as of a container; let it allow io_uring_setup, _enter and _register";
	}
}

static void say_memory(char *text, size_t size)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	snprintf(text, size,
		 "no memory for the ring; the limit of locked memory is %llu KiB: raise it with "
		 "ulimit -l, or ask for less with entries=N",
		 (unsigned long long)limit.rlim_cur / 1024);
}

static void say_missing(const char *missing, char *text, size_t size)
{
	if (missing)
		snprintf(text, size, "this kernel's io_uring lacks %s: Linux 5.19 or later is needed",
			 missing);
	else
		snprintf(text, size,
			 "the kernel has no io_uring (or not this mode): Linux 5.19 or later is "
			 "needed, mode=deferred 6.1, and no seccomp filter that hides it");
}

static void say(int error, const char *missing, char *text, size_t size)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		snprintf(text, size, "%s", why_not_permitted());
		break;
	case -ENOSYS:
		say_missing(missing, text, size);
		break;
	case -ENOMEM:
		say_memory(text, size);
		break;
	case -EMFILE:
	case -ENFILE:
		snprintf(text, size, "no descriptor is left for the ring: close some, or raise the "
				     "limit with ulimit -n");
		break;
	default:
		snprintf(text, size, "the ring can't be set up: %s", strerror(-error));
	}
}

/* ---- The probe. ---- */

static void say_shape(const struct completion *self, char *text, size_t size)
{
	snprintf(text, size, "%s, %u entries, %u completions, %s ring, multishot receive %s",
		 self->deferred ? "single issuer, deferred task work" : "plain",
		 self->ring.sq.ring_entries, self->ring.cq.ring_entries,
		 self->enter_flags ? "registered" : "unregistered",
		 self->multishot_recv ? "native" : "emulated");
}

static int try_ring(struct completion *self, const struct completion_tuning *tuning,
		    struct duet_probe *probe, const char **missing)
{
	struct duet_stats unused = {0};
	int error = completion_ring_open(self, tuning, &unused);

	if (error)
		return error;
	error = completion_capabilities(self, probe->capability, missing);
	if (!error)
		error = completion_ring_try(self);
	if (!error)
		say_shape(self, probe->shape, sizeof(probe->shape));
	completion_ring_close(self);
	return error;
}

int completion_probe(const char *text, struct duet_probe *probe)
{
	struct completion self = {0};
	struct completion_tuning tuning;
	const char *missing = NULL;

	*probe = (struct duet_probe){0};
	probe->error = completion_tuning_read(text, &tuning);
	if (probe->error) {
		snprintf(probe->reason, sizeof(probe->reason),
			 "the tuning \"%.60s\" makes no sense: give mode=deferred or mode=plain, "
			 "entries=8 to entries=32768, and direct=yes or direct=no", text);
		return probe->error;
	}
	probe->error = try_ring(&self, &tuning, probe, &missing);
	if (probe->error) {
		memset(probe->capability, DUET_ABSENT, sizeof(probe->capability));
		say(probe->error, missing, probe->reason, sizeof(probe->reason));
	}
	return probe->error;
}
