/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/datagram.h"

/* Sockets that keep messages apart: UDP over IPv4 and IPv6, and the two kinds of the unix family. */

static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
static struct station here, there;
static struct duet_msghdr header, answered;
static unsigned char in[70000], out[70000];

/* Two of that family; false: this machine has none. */
static bool two_open(int family)
{
	if (!station_open(family, &here))
		return false;
	ck_assert(station_open(family, &there));
	memset(&header, 0, sizeof(header));
	memset(&answered, 0, sizeof(answered));
	return true;
}

#define each_family(family)                                                                        \
	for (unsigned i_ = 0, family; i_ < 3 && (family = (unsigned)families[i_], true); i_++)     \
		if (two_open((int)family))

static void send_to(duet_handle from, const struct station *to, const void *data, size_t bytes)
{
	struct duet_msghdr addressed = { 0 };
	struct trial trial;

	station_address(to, &addressed);
	trial_init(&trial);
	duet_op_sendto(&trial.op, from, data, bytes, &addressed);
	trial_run(&trial);
	expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

static int receive(duet_handle handle, size_t room)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_recvfrom(&trial.op, handle, in, room, &header);
	trial_run(&trial);
	ck_assert_int_eq(trial.op.disposition, trial.op.result < 0 ? DUET_FAILED : DUET_COMPLETED);
	return trial.op.result;
}

static void receive_start(struct trial *trial, duet_handle handle)
{
	trial_init(trial);
	duet_op_recvfrom(&trial->op, handle, in, sizeof(in), &header);
	trial_start(trial);
}

START_TEST(an_echo_goes_to_where_the_question_came_from)
{
	struct trial trial;

	each_family(family) {
		send_to(here.handle, &there, "question", 8);
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 8);
		ck_assert_msg(station_is(&here, &header), "on %s, family %u", stage.arm->name,
			family);
		ck_assert_int_eq(header.flags, 0);
		trial_init(&trial);
		duet_op_sendto(&trial.op, there.handle, in, 8, &header);
		trial_run(&trial);
		expect(&trial, 8, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(receive(here.handle, sizeof(in)), 8);
		ck_assert(station_is(&there, &header));
		ck_assert_mem_eq(in, "question", 8);
	}
}
END_TEST

START_TEST(an_empty_datagram_is_a_datagram)
{
	each_family(family) {
		send_to(here.handle, &there, "", 0);
		send_to(here.handle, &there, "x", 1);
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 0);
		ck_assert(station_is(&here, &header));
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 1);
	}
}
END_TEST

START_TEST(a_datagram_that_is_too_long_is_cut_and_the_header_says_so)
{
	each_family(family) {
		send_to(here.handle, &there, "hello", 5);
		send_to(here.handle, &there, "next", 4);
		ck_assert_int_eq(receive(there.handle, 2), 2);
		ck_assert_int_eq(header.flags & MSG_TRUNC, MSG_TRUNC);
		ck_assert_mem_eq(in, "he", 2);
		ck_assert_int_eq(receive(there.handle, 4), 4);
		ck_assert_int_eq(header.flags, 0);
		ck_assert_mem_eq(in, "next", 4);
	}
}
END_TEST

START_TEST(with_no_room_at_all_a_datagram_is_taken_and_cut)
{
	each_family(family) {
		send_to(here.handle, &there, "hello", 5);
		send_to(here.handle, &there, "next", 4);
		ck_assert_int_eq(receive(there.handle, 0), 0);
		ck_assert_int_eq(header.flags & MSG_TRUNC, MSG_TRUNC);
		ck_assert(station_is(&here, &header));
		ck_assert_int_eq(receive(there.handle, 4), 4);
		ck_assert_mem_eq(in, "next", 4);
	}
}
END_TEST

START_TEST(the_pieces_of_a_datagram_are_one_and_fill_those_of_the_receiver)
{
	struct iovec pieces[3] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cde" }, 3 },
		{ (char[]){ "f" }, 1 } };
	struct iovec into[2] = { { in, 4 }, { in + 10, 4 } };
	struct trial trial;

	each_family(family) {
		station_address(&there, &header);
		trial_init(&trial);
		duet_op_sendmsg(&trial.op, here.handle, pieces, 3, &header, 0);
		trial_run(&trial);
		expect(&trial, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		duet_op_recvmsg(&trial.op, there.handle, into, 2, &answered, 0);
		trial_run(&trial);
		ck_assert_int_eq(trial.op.result, 6);
		ck_assert_mem_eq(in, "abcd", 4);
		ck_assert_mem_eq(in + 10, "ef", 2);
	}
}
END_TEST

START_TEST(connected_they_know_plain_sends_and_receives)
{
	struct trial trial;
	char four[4];

	each_family(family) {
		station_connect(&here, &there);
		station_connect(&there, &here);
		trial_init(&trial);
		for (unsigned i = 0; i < 5; i++) {
			duet_op_send(&trial.op, here.handle, "hello", i + 1, 0);
			ck_assert_int_eq(trial_run(&trial), (int)i + 1);
		}
		for (unsigned i = 0; i < 5; i++) {
			duet_op_recv(&trial.op, there.handle, four, sizeof(four), 0);
			ck_assert_int_eq(trial_run(&trial), i < 4 ? (int)i + 1 : 4);
		}
		/* And messages without an address, from the other side. */
		trial_init(&trial);
		duet_op_sendto(&trial.op, there.handle, "back", 4, &header);
		trial_run(&trial);
		expect(&trial, 4, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(receive(here.handle, sizeof(in)), 4);
		ck_assert(station_is(&there, &header));
	}
}
END_TEST

START_TEST(without_address_or_peer_there_is_nowhere_to_send_to)
{
	struct trial trial;

	each_family(family) {
		trial_init(&trial);
		duet_op_sendto(&trial.op, here.handle, "x", 1, &header);
		trial_run(&trial);
		expect(&trial, family == AF_UNIX ? -ENOTCONN : -EDESTADDRREQ, DUET_FAILED,
			DUET_CAUSE_ITSELF);
	}
}
END_TEST

START_TEST(where_nobody_is_a_unix_datagram_is_refused)
{
	struct trial trial;

	ck_assert(two_open(AF_UNIX));
	station_address(&there, &header);
	handle_close(there.handle);
	trial_init(&trial);
	duet_op_sendto(&trial.op, here.handle, "x", 1, &header);
	trial_run(&trial);
	expect(&trial, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(where_nobody_is_the_next_receive_over_udp_says_so)
{
	for (unsigned i = 0; i < 2; i++) {
		if (!two_open(families[i]))
			continue;
		station_connect(&here, &there);
		handle_close(there.handle);
		send_to(here.handle, &there, "x", 1);
		ck_assert_int_eq(receive(here.handle, sizeof(in)), -ECONNREFUSED);
	}
}
END_TEST

START_TEST(a_datagram_longer_than_can_be_is_EMSGSIZE)
{
	struct trial trial;

	for (unsigned i = 0; i < 2; i++) {
		if (!two_open(families[i]))
			continue;
		station_address(&there, &header);
		trial_init(&trial);
		duet_op_sendto(&trial.op, here.handle, out, sizeof(out), &header);
		trial_run(&trial);
		expect(&trial, -EMSGSIZE, DUET_FAILED, DUET_CAUSE_ITSELF);
		send_to(here.handle, &there, "x", 1);
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 1);
	}
}
END_TEST

START_TEST(a_receive_waits_for_its_datagram)
{
	struct trial trial;

	each_family(family) {
		receive_start(&trial, there.handle);
		stage_settle(3);
		ck_assert_uint_eq(trial.ends, 0);
		send_to(here.handle, &there, "hello", 5);
		await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert(station_is(&here, &header));
	}
}
END_TEST

START_TEST(a_receive_that_is_cancelled_takes_nothing_and_its_header_says_nothing)
{
	struct trial trial;

	each_family(family) {
		station_address(&here, &header);
		receive_start(&trial, there.handle);
		stage_settle(3);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_uint_eq(header.address_bytes, 0);
		send_to(here.handle, &there, "hello", 5);
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 5);
	}
}
END_TEST

START_TEST(a_peek_leaves_the_datagram)
{
	struct iovec into = { in, 3 };
	struct trial trial;

	each_family(family) {
		send_to(here.handle, &there, "hello", 5);
		for (unsigned i = 0; i < 2; i++) {
			trial_init(&trial);
			duet_op_recvmsg(&trial.op, there.handle, &into, 1, &header, MSG_PEEK);
			ck_assert_int_eq(trial_run(&trial), 3);
			ck_assert_int_eq(header.flags & MSG_TRUNC, MSG_TRUNC);
			ck_assert(station_is(&here, &header));
		}
		ck_assert_int_eq(receive(there.handle, sizeof(in)), 5);
		ck_assert_mem_eq(in, "hello", 5);
	}
}
END_TEST

START_TEST(receives_take_datagrams_in_the_order_in_which_they_were_started)
{
	static struct duet_msghdr headers[4];
	static char bytes[4];
	struct trial trials[4];

	each_family(family) {
		for (unsigned i = 0; i < 4; i++) {
			trial_init(&trials[i]);
			if (i & 1)
				duet_op_recvfrom(&trials[i].op, there.handle, &bytes[i], 1, &headers[i]);
			else
				duet_op_recv(&trials[i].op, there.handle, &bytes[i], 1, 0);
			trial_start(&trials[i]);
		}
		for (unsigned i = 0; i < 4; i++)
			send_to(here.handle, &there, &"abcd"[i], 1);
		for (unsigned i = 0; i < 4; i++) {
			await(&trials[i]);
			expect(&trials[i], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		}
		ck_assert_mem_eq(bytes, "abcd", 4);
	}
}
END_TEST

/* ---- A queue that is full. ---- */

enum { PATIENT = 600, PATIENT_BYTES = 200 };

static struct trial waiting[PATIENT];

/* Nothing is lost, and nothing comes that wasn't sent: however often an attempt was refused. */
static void expect_numbers(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ck_assert_msg(receive(there.handle, sizeof(in)) == PATIENT_BYTES,
			"on %s: datagram %u", stage.arm->name, i);
		ck_assert(pattern_holds(in, PATIENT_BYTES, i));
		stage_settle(1);
	}
}

START_TEST(connected_a_unix_datagram_waits_for_room)
{
	static struct duet_msghdr headers[PATIENT];
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = PATIENT + 4;
	stage_reopen(&options, NULL);
	ck_assert(two_open(AF_UNIX));
	station_connect(&here, &there);
	for (unsigned i = 0; i < PATIENT; i++) {
		pattern_fill(out + i, PATIENT_BYTES, i);
		trial_init(&waiting[i]);
		if (i & 1)
			duet_op_sendto(&waiting[i].op, here.handle, out + i, PATIENT_BYTES,
				&headers[i]);
		else
			duet_op_send(&waiting[i].op, here.handle, out + i, PATIENT_BYTES, 0);
		trial_start(&waiting[i]);
	}
	stage_settle(10);
	ck_assert_uint_eq(waiting[PATIENT - 1].ends, 0);
	expect_numbers(PATIENT);
	for (unsigned i = 0; i < PATIENT; i++)
		expect(&waiting[i], PATIENT_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(to_an_address_a_full_queue_is_EAGAIN)
{
	struct trial trial;
	unsigned sent = 0;

	ck_assert(two_open(AF_UNIX));
	trial_init(&trial);
	for (;; sent++) {
		station_address(&there, &header);
		pattern_fill(out, PATIENT_BYTES, sent);
		duet_op_sendto(&trial.op, here.handle, out, PATIENT_BYTES, &header);
		if (trial_run(&trial) < 0)
			break;
		ck_assert_uint_lt(sent, 100000);
	}
	expect(&trial, -EAGAIN, DUET_FAILED, DUET_CAUSE_ITSELF);
	expect_numbers(sent);
	send_to(here.handle, &there, "x", 1);
	ck_assert_int_eq(receive(there.handle, sizeof(in)), 1);
}
END_TEST

START_TEST(a_datagram_that_waits_for_room_is_cancelled_whole)
{
	struct trial trial;
	unsigned sent = 0;

	ck_assert(two_open(AF_UNIX));
	station_connect(&here, &there);
	do {
		pattern_fill(out, PATIENT_BYTES, sent);
		trial_init(&trial);
		duet_op_sendto(&trial.op, here.handle, out, PATIENT_BYTES, &answered);
		trial_start(&trial);
		stage_settle(3);
	} while (trial.ends && ++sent);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect_numbers(sent);
	send_to(here.handle, &there, "x", 1);
	ck_assert_int_eq(receive(there.handle, sizeof(in)), 1);
}
END_TEST

/* ---- In order, and kept apart. ---- */

START_TEST(a_seqpacket_connection_keeps_messages_apart)
{
	struct trial trial;
	duet_handle pair[2];

	seqpacket_open(pair);
	trial_init(&trial);
	duet_op_sendto(&trial.op, pair[0], "hello", 5, &answered);
	ck_assert_int_eq(trial_run(&trial), 5);
	duet_op_send(&trial.op, pair[0], "you", 3, 0);
	ck_assert_int_eq(trial_run(&trial), 3);
	ck_assert_int_eq(receive(pair[1], 4), 4);
	ck_assert_int_eq(header.flags & MSG_TRUNC, MSG_TRUNC);
	ck_assert_int_eq(receive(pair[1], sizeof(in)), 3);
	ck_assert_mem_eq(in, "you", 3);
	handle_close(pair[0]);
	ck_assert_int_eq(receive(pair[1], sizeof(in)), 0);
}
END_TEST

/* ---- With others at the same receiver, who are not of this loop. ---- */

START_TEST(whom_others_write_to_as_well_gets_each_datagram_whole)
{
	enum { OTHERS = 300 };
	static char ours_text[] = "ours";
	struct iovec pieces[2] = { { ours_text, 2 }, { ours_text + 2, 2 } };
	unsigned theirs = 0, ours = 0;
	struct trial trial;
	int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert(two_open(AF_UNIX));
	station_connect(&here, &there);
	ck_assert_int_eq(connect(other, (struct sockaddr *)&there.address, there.address_bytes), 0);
	for (unsigned round = 0; round < OTHERS; round++) {
		trial_init(&trial);
		if (round % 3 == 0)
			duet_op_sendto(&trial.op, here.handle, "ours", 4, &answered);
		else if (round % 3 == 1)
			duet_op_send(&trial.op, here.handle, "ours", 4, 0);
		else
			duet_op_send_vector(&trial.op, here.handle, pieces, 2, 0);
		trial_start(&trial);
		for (unsigned tries = 0; !trial.ends; tries++) {
			/* They take the places that come free, as soon as they can, but for some. */
			while (tries % 4 != 3 && send(other, "theirs", 6, MSG_DONTWAIT) == 6)
				theirs++;
			stage_settle(1);
			if (trial.ends)
				break;
			ck_assert_int_ge(recv(duet_handle_fd(stage.loop, there.handle), in, 16,
						 MSG_DONTWAIT), 4);
			ck_assert_int_eq(in[0] == 'o' ? memcmp(in, "ours", 4) : memcmp(in, "theirs", 6), 0);
			ours += in[0] == 'o';
			theirs -= in[0] == 't';
		}
		expect(&trial, 4, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	for (unsigned left = OTHERS - ours + theirs; left; left--) {
		int n = receive(there.handle, 16);

		ck_assert_msg(n == 4 || n == 6, "on %s: %d bytes", stage.arm->name, n);
	}
	close(other);
}
END_TEST

/* ---- Control data that goes back with the answer. ---- */

static duet_handle bound_to_any(struct sockaddr_in *place)
{
	socklen_t length = sizeof(*place);
	duet_handle handle;
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*place = (struct sockaddr_in){ .sin_family = AF_INET };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)place, length), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)place, &length), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	ck_assert_int_eq(duet_handle_set_option(stage.loop, handle, IPPROTO_IP, IP_PKTINFO, &on,
				 sizeof(on)), 0);
	return handle;
}

START_TEST(an_answer_leaves_from_the_address_that_was_asked)
{
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct duet_msghdr asked = { .control = control, .control_room_bytes = sizeof(control) };
	struct sockaddr_in place;
	struct trial trial;
	duet_handle any = bound_to_any(&place);

	ck_assert(two_open(AF_INET));
	/* Loopback has more addresses than one, of which the kernel would take the first. */
	place.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	memcpy(&there.address, &place, sizeof(place));
	there.address_bytes = sizeof(place);
	send_to(here.handle, &there, "question", 8);
	trial_init(&trial);
	duet_op_recvfrom(&trial.op, any, in, sizeof(in), &asked);
	trial_run(&trial);
	expect(&trial, 8, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(asked.control_bytes, sizeof(control));
	duet_op_sendto(&trial.op, any, in, 8, &asked);
	ck_assert_int_eq(trial_run(&trial), 8);
	ck_assert_int_eq(receive(here.handle, sizeof(in)), 8);
	ck_assert(station_is(&there, &header));
}
END_TEST

int main(void)
{
	return contract_run("datagram",
		CASES(an_echo_goes_to_where_the_question_came_from,
			an_empty_datagram_is_a_datagram,
			a_datagram_that_is_too_long_is_cut_and_the_header_says_so,
			with_no_room_at_all_a_datagram_is_taken_and_cut,
			the_pieces_of_a_datagram_are_one_and_fill_those_of_the_receiver,
			connected_they_know_plain_sends_and_receives,
			without_address_or_peer_there_is_nowhere_to_send_to,
			where_nobody_is_a_unix_datagram_is_refused,
			where_nobody_is_the_next_receive_over_udp_says_so,
			a_datagram_longer_than_can_be_is_EMSGSIZE,
			a_receive_waits_for_its_datagram,
			a_receive_that_is_cancelled_takes_nothing_and_its_header_says_nothing,
			a_peek_leaves_the_datagram,
			receives_take_datagrams_in_the_order_in_which_they_were_started,
			connected_a_unix_datagram_waits_for_room,
			to_an_address_a_full_queue_is_EAGAIN,
			a_datagram_that_waits_for_room_is_cancelled_whole,
			a_seqpacket_connection_keeps_messages_apart),
		CASES(whom_others_write_to_as_well_gets_each_datagram_whole,
			an_answer_leaves_from_the_address_that_was_asked));
}
