/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/measure/window.h"
#include "compare/options.h"
#include "compare/say.h"
#include "compare/workloads/arguments.h"

#define LOAD_HOST "10.77.0.2"

const struct wire WIRE_NONE = { .server = -1, .load = -1 };

/* ---- The two hosts. ---- */

static int address_device(int fd, struct ifreq *request, const char *host, const char *mask)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&request->ifr_addr;

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, host, &address->sin_addr);
	if (ioctl(fd, SIOCSIFADDR, request))
		return -errno;
	inet_pton(AF_INET, mask, &address->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, request))
		return -errno;
	request->ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, request) ? -errno : 0;
}

/* Gives the present namespace's end of the wire its address. What a host says to itself goes by its
 * loopback device, which is down in a fresh namespace. */
static int configure(struct ifreq *request, const char *host)
{
	struct ifreq itself = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), status;

	if (fd < 0)
		return -errno;
	status = address_device(fd, request, host, "255.255.255.252");
	if (!status && ioctl(fd, SIOCSIFFLAGS, &itself))
		status = -errno;
	close(fd);
	return status;
}

/* The device of the present namespace: its descriptor, or a negative errno. */
static int open_device(const char *host)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "wire" };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), status;

	if (fd < 0)
		return -errno;
	status = ioctl(fd, TUNSETIFF, &request) ? -errno : configure(&request, host);
	if (!status)
		return fd;
	close(fd);
	return status;
}

/* From here on this process is in a namespace of its own; *space is a descriptor of that. */
static int enter_fresh(int *space)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	*space = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return *space < 0 ? -errno : 0;
}

static int make_host(const char *host, int *space, int *device)
{
	int status = enter_fresh(space);

	if (!status)
		*device = open_device(host);
	return status ? status : *device < 0 ? *device : 0;
}

static int refuse(int error)
{
	if (error == -EPERM || error == -EACCES)
		return say_failure(SAY_UNMEASURED, "compare: --delay needs the right to make network "
				   "namespaces: run it as root");
	if (error == -ENOENT || error == -ENODEV)
		return say_failure(SAY_UNMEASURED, "compare: --delay needs /dev/net/tun, which this "
				   "machine doesn't have");
	if (error == -ENOTDIR)
		return say_failure(SAY_UNMEASURED, "compare: --delay needs /proc, which isn't mounted "
				   "here");
	return say_failure(SAY_UNMEASURED, "compare: --delay: can't make a wire: %s",
			   strerror(-error));
}

static int make_hosts(struct wire *wire, int devices[2])
{
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), status;

	if (here < 0)
		return -ENOTDIR; /* the name of the device is ENOENT's */
	status = make_host(WIRE_SERVER_HOST, &wire->server, &devices[0]);
	if (!status)
		status = make_host(LOAD_HOST, &wire->load, &devices[1]);
	if (setns(here, CLONE_NEWNET))
		status = -errno;
	close(here);
	return status;
}

static int start_carrier(struct wire *wire, const int devices[2], uint64_t delay_ns, int cpu)
{
	struct arguments arguments;

	arguments_begin(&arguments);
	arguments_add(&arguments, "wire");
	arguments_add(&arguments, "--server=%d", devices[0]);
	arguments_add(&arguments, "--load=%d", devices[1]);
	arguments_add(&arguments, "--delay=%.9f", (double)delay_ns / 1e9);
	for (int i = 0; i < 2; i++)
		fcntl(devices[i], F_SETFD, 0);
	return process_start(&wire->carrier, arguments.list, cpu);
}

int wire_open(struct wire *wire, uint64_t delay_ns, int cpu)
{
	int devices[2] = { -1, -1 }, status;

	*wire = WIRE_NONE;
	status = make_hosts(wire, devices);
	if (!status)
		status = start_carrier(wire, devices, delay_ns, cpu);
	for (int i = 0; i < 2; i++) {
		if (devices[i] >= 0)
			close(devices[i]);
	}
	if (!status)
		return SAY_OK;
	wire_close(wire);
	return refuse(status);
}

bool wire_is_cut(const struct wire *wire)
{
	return wire->carrier.pid && process_is_over(&wire->carrier, 0);
}

void wire_close(struct wire *wire)
{
	if (wire->carrier.pid)
		process_end(&wire->carrier, SIGKILL);
	process_forget(&wire->carrier);
	if (wire->server >= 0)
		close(wire->server);
	if (wire->load >= 0)
		close(wire->load);
	*wire = WIRE_NONE;
}

/* ---- The carrier. ---- */

/* A power of two, and more than two windows of 64 connections: what doesn't fit is lost, as on any
 * wire, and sent again by TCP. */
enum { PACKETS_MAX = 4096, PACKET_BYTES_MAX = 2048 };

struct packet {
	uint64_t due_ns;
	ssize_t bytes;
	char data[PACKET_BYTES_MAX];
};

/* One direction. The delay is the same for all, so that they leave in the order in which they came. */
struct lane {
	int from, to;
	uint32_t first, count;
	struct packet *packets;
};

static void take(struct lane *lane, uint64_t delay_ns)
{
	for (;;) {
		struct packet *packet = &lane->packets[(lane->first + lane->count) % PACKETS_MAX];
		ssize_t got = read(lane->from, packet->data, sizeof(packet->data));

		if (got <= 0)
			return;
		if (lane->count == PACKETS_MAX - 1)
			continue;
		packet->bytes = got;
		packet->due_ns = window_now_ns() + delay_ns;
		lane->count++;
	}
}

static void give(struct lane *lane, uint64_t now_ns)
{
	while (lane->count && lane->packets[lane->first].due_ns <= now_ns) {
		const struct packet *packet = &lane->packets[lane->first];

		(void)!write(lane->to, packet->data, (size_t)packet->bytes);
		lane->first = (lane->first + 1) % PACKETS_MAX;
		lane->count--;
	}
}

static uint64_t next_due_ns(const struct lane lanes[2])
{
	uint64_t due_ns = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		if (lanes[i].count && lanes[i].packets[lanes[i].first].due_ns < due_ns)
			due_ns = lanes[i].packets[lanes[i].first].due_ns;
	}
	return due_ns;
}

static int carry(struct lane lanes[2], uint64_t delay_ns)
{
	struct pollfd ready[2] = { { .fd = lanes[0].from, .events = POLLIN },
				   { .fd = lanes[1].from, .events = POLLIN } };

	for (;;) {
		uint64_t due_ns = next_due_ns(lanes), now_ns = window_now_ns();
		uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
		struct timespec limit = { .tv_sec = (time_t)(left_ns / 1000000000),
					  .tv_nsec = (long)(left_ns % 1000000000) };

		if (ppoll(ready, 2, due_ns == UINT64_MAX ? NULL : &limit, NULL) < 0 &&
		    errno != EINTR)
			return SAY_UNMEASURED;
		for (int i = 0; i < 2; i++) {
			take(&lanes[i], delay_ns);
			give(&lanes[i], window_now_ns());
		}
	}
}

struct values {
	uint32_t server, load;
	uint64_t delay_ns;
};

static const struct option_row ROWS[] = {
	{ "server", OPTION_NUMBER, offsetof(struct values, server), 0, INT32_MAX, "N", "descriptor" },
	{ "load", OPTION_NUMBER, offsetof(struct values, load), 0, INT32_MAX, "N", "descriptor" },
	{ "delay", OPTION_SECONDS, offsetof(struct values, delay_ns), 0, UINT64_C(10000000000),
	  "SECONDS", "of each direction" },
	{ 0 },
};

static const struct option_set SET = {
	"wire", "", "Carries packets between two devices; compare starts this by itself.", ROWS,
};

int wire_command(int argc, char **argv)
{
	struct values values = {0};
	struct lane lanes[2];
	int first, code = options_read(&SET, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	lanes[0] = (struct lane){ .from = (int)values.server, .to = (int)values.load };
	lanes[1] = (struct lane){ .from = (int)values.load, .to = (int)values.server };
	for (int i = 0; i < 2; i++) {
		lanes[i].packets = calloc(PACKETS_MAX, sizeof(*lanes[i].packets));
		if (!lanes[i].packets)
			return say_failure(SAY_UNMEASURED, "wire: out of memory");
	}
	return carry(lanes, values.delay_ns);
}
