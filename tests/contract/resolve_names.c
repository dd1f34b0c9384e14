/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>

#include "tests/support/harness.h"

/* The machine's own resolver, asked for what it knows without a network. */

static void open_with_threads(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.work_threads = 1;
	stage_reopen(&options, NULL);
}

static void resolve(struct trial *trial, const char *node, const char *service, int family, int flags)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM,
				  .ai_flags = flags };

	trial_init(trial);
	duet_op_resolve(&trial->op, node, service, &hints);
	trial_run(trial);
}

START_TEST(a_number_is_its_address)
{
	struct trial trial;
	const struct sockaddr_in *four;
	const struct sockaddr_in6 *six;

	open_with_threads();
	resolve(&trial, "192.0.2.7", "80", AF_INET, AI_NUMERICHOST | AI_NUMERICSERV);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	four = (const void *)duet_op_addresses(&trial.op)->ai_addr;
	ck_assert_uint_eq(four->sin_addr.s_addr, htonl(0xc0000207));
	ck_assert_uint_eq(four->sin_port, htons(80));
	freeaddrinfo(duet_op_addresses(&trial.op));
	resolve(&trial, "::1", "7", AF_INET6, AI_NUMERICHOST | AI_NUMERICSERV);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	six = (const void *)duet_op_addresses(&trial.op)->ai_addr;
	ck_assert_mem_eq(&six->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
	duet_addrinfo_free(duet_op_addresses(&trial.op));
}
END_TEST

START_TEST(this_machine_has_a_name)
{
	struct trial trial;
	const struct sockaddr_in *four;

	open_with_threads();
	resolve(&trial, "localhost", NULL, AF_INET, 0);
	ck_assert_int_ge(trial.op.result, 1);
	four = (const void *)duet_op_addresses(&trial.op)->ai_addr;
	ck_assert_uint_eq(ntohl(four->sin_addr.s_addr) >> 24, 127);
	duet_addrinfo_free(duet_op_addresses(&trial.op));
}
END_TEST

START_TEST(what_is_no_number_has_no_address_without_a_network)
{
	struct trial trial;

	open_with_threads();
	resolve(&trial, "no.number", NULL, AF_INET, AI_NUMERICHOST);
	expect(&trial, -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_op_resolve_code(&trial.op), EAI_NONAME);
	resolve(&trial, "127.0.0.1", "no-such-service", AF_INET, AI_NUMERICSERV);
	expect(&trial, -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	resolve(&trial, "127.0.0.1", "80", AF_INET, 1 << 30);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_op_resolve_code(&trial.op), EAI_BADFLAGS);
}
END_TEST

/* From the name to bytes: what was found is connected to. */
START_TEST(what_is_found_can_be_connected_to)
{
	struct duet_loop_options options;
	struct sockaddr_in address;
	duet_handle listener;
	struct trial trial, connecting;
	struct addrinfo *found;
	char port[8];

	duet_loop_options_init(&options);
	options.work_threads = 1;
	stage_reopen(&options, NULL);
	listener_open(&listener, &address);
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	resolve(&trial, "127.0.0.1", port, AF_INET, AI_NUMERICHOST | AI_NUMERICSERV);
	found = duet_op_addresses(&trial.op);
	trial_init(&connecting);
	duet_op_socket(&connecting.op, found->ai_family, found->ai_socktype, 0);
	trial_run(&connecting);
	trial_init(&trial);
	duet_op_connect(&trial.op, connecting.op.made, found->ai_addr, found->ai_addrlen);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_addrinfo_free(found);
	handle_close(connecting.op.made);
	handle_close(listener);
}
END_TEST

int main(void)
{
	return contract_run("resolve_names",
		CASES(a_number_is_its_address, this_machine_has_a_name,
			what_is_no_number_has_no_address_without_a_network,
			what_is_found_can_be_connected_to),
		NULL);
}
