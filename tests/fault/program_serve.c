/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The two halves alone, and a machine that refuses: what is said, which exit code, and that auto falls
 * back only where the ring isn't permitted. Nothing of the machine is changed: what is taken away is
 * taken from the started process alone. */
#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/fault/served.h"
#include "tests/support/refuse.h"

static program_before_fn *const REFUSALS[] = { forbid_ring, forget_ring };

START_TEST(a_refused_ring_is_said_and_nothing_falls_back_silently)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, REFUSALS[_i], "serve echo --backend completion");
	program_end(program);
	program_expect(program, 3, "completion");
	ck_assert_str_eq(program->said, "");
	program_begin(program, REFUSALS[_i], "compare echo --rounds 1 --duration 0.05");
	program_end(program);
	program_expect(program, 3, "completion");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

static void play_against(unsigned int port)
{
	struct program *load = calloc(1, sizeof(*load));

	program_begin(load, NULL, "load echo 127.0.0.1:%u --connections 3 --depth 2 --size 5000 "
		      "--warmup 0.01 --duration 0.05", port);
	program_end(load);
	ck_assert_msg(load->code == 0, "exit code %d: %s", load->code, load->complained);
	free(load);
}

START_TEST(auto_falls_back_and_says_why_in_one_line)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, REFUSALS[_i], "serve echo --backend auto");
	program_await_word(program, "backend=polling\n");
	play_against(program_port(program));
	kill(program->pid, SIGTERM);
	program_end(program);
	program_expect(program, 0, "completion is not available");
	free(program);
}
END_TEST

START_TEST(a_server_says_at_sigusr1_what_it_waits_for_and_goes_on)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "serve echo --backend polling");
	program_await_word(program, "backend=polling\n");
	kill(program->pid, SIGUSR1);
	program_await_complaint(program, "duet: accept ");
	play_against(program_port(program));
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_msg(program->code == 0, "exit code %d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->complained, ", multishot, "));
	free(program);
}
END_TEST

START_TEST(doctor_tells_of_a_refused_ring_and_is_content)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, REFUSALS[_i], "doctor");
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	ck_assert_str_eq(program->complained, "");
	ck_assert_ptr_nonnull(strstr(program->said, "completion  not available: "));
	ck_assert_ptr_nonnull(strstr(program->said, "polling     available: "));
	free(program);
}
END_TEST

static char proc_root[128];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", proc_root, name);
	if (!text) {
		ck_assert_int_eq(mkdir(path, 0700), 0);
		return;
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void look_elsewhere(void)
{
	setenv("DUET_PROC_ROOT", proc_root, 1);
}

START_TEST(doctor_reads_the_machine_it_is_shown)
{
	static const char *const NAMES[] = { "sys/kernel/io_uring_disabled", "sys/kernel", "sys",
					     "loadavg", "" };
	struct program *program = calloc(1, sizeof(*program));
	const char *folder = getenv("TMPDIR");
	char path[256];

	snprintf(proc_root, sizeof(proc_root), "%s/duet-proc-XXXXXX", folder ? folder : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(proc_root));
	put("sys", NULL);
	put("sys/kernel", NULL);
	put("sys/kernel/io_uring_disabled", "2\n");
	put("loadavg", "7.25 3 2 1/100 1\n");
	program_begin(program, look_elsewhere, "doctor");
	program_end(program);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		snprintf(path, sizeof(path), "%s/%s", proc_root, NAMES[i]);
		remove(path);
	}
	ck_assert_int_eq(program->code, 0);
	ck_assert_ptr_nonnull(strstr(program->said, "2: nobody may use it"));
	ck_assert_ptr_nonnull(strstr(program->said, "kernel.io_uring_disabled=0"));
	ck_assert_ptr_nonnull(strstr(program->said, "7.25"));
	free(program);
}
END_TEST

static const char *const ECHOES[] = {
	"--backend completion", "--backend completion:mode=plain", "--backend polling",
	"--backend completion --model future", "--backend polling --model future",
	"--backend polling --model native", "--backend completion --model coroutine",
	"--backend polling --model coroutine",
};

START_TEST(every_server_echoes_whatever_comes)
{
	struct program *program = calloc(1, sizeof(*program));

	/* Two buffers for three connections and messages larger than both: starved all the time. */
	program_begin(program, NULL, "serve echo %s --buffers 2 --buffer-size 1024 --json -",
		      ECHOES[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < 3; i++)
		play_against(program_port(program));
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "\"system_calls\""));
	ck_assert_str_eq(program->complained, "");
	free(program);
}
END_TEST

static const struct {
	const char *floor;
	int ends;
} FLOORS[] = {
	{ "floor-epoll", SIGTERM }, { "floor-epoll", SIGINT }, { "floor-epoll", SIGHUP },
	{ "floor-uring", SIGTERM }, { "floor-uring", SIGINT }, { "floor-uring", SIGHUP },
};

START_TEST(a_floor_echoes_and_ends_like_a_server)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "serve echo --backend %s --json -", FLOORS[_i].floor);
	program_await_word(program, "listening");
	for (int i = 0; i < 3; i++)
		play_against(program_port(program));
	kill(program->pid, FLOORS[_i].ends);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_ptr_nonnull(strstr(program->said, "\"system_calls\""));
	ck_assert_str_eq(program->complained, "");
	free(program);
}
END_TEST

START_TEST(a_peer_that_resets_or_half_closes_harms_nobody)
{
	struct program *program = calloc(1, sizeof(*program));
	char data[512] = "", back[512];
	int fd;

	served_begin(program, "echo", ECHOES[_i]);
	for (int i = 0; i < 20; i++) {
		fd = served_connect(program);
		ck_assert_int_eq(send(fd, data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
		served_vanish(fd, true); /* with data under way */
	}
	fd = served_connect(program);
	ck_assert_int_eq(send(fd, data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(recv(fd, back, sizeof(back), MSG_WAITALL), sizeof(back));
	ck_assert_int_eq(recv(fd, back, sizeof(back), 0), 0);
	close(fd);
	play_against(program_port(program));
	served_end(program);
	free(program);
}
END_TEST

static const char *const BACKENDS[] = { "auto", "completion", "polling" };

START_TEST(a_server_without_descriptors_to_begin_with_says_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, served_no_files, "serve echo --backend %s", BACKENDS[_i]);
	program_end(program);
	program_expect(program, 3, "ulimit -n");
	ck_assert_str_eq(program->said, "");
	free(program);
}
END_TEST

START_TEST(an_address_of_another_machine_is_said_with_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));

	/* Of the block that is for documentation: no machine has it. */
	program_begin(program, NULL, "serve echo --backend polling --host 192.0.2.1");
	program_end(program);
	program_expect(program, 3, "give a --host that this machine has");
	free(program);
}
END_TEST

START_TEST(a_server_out_of_descriptors_serves_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int peers[40];

	program_begin(program, served_few_files, "serve echo %s", ECHOES[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	for (int i = 0; i < 40; i++)
		close(peers[i]);
	play_against(program_port(program));
	kill(program->pid, SIGTERM);
	program_end(program);
	program_expect(program, 0, "ulimit -n"); /* once, however often it happened */
	free(program);
}
END_TEST

/* All are there before the server looks: a multishot accept then has them all in one go. */
START_TEST(a_burst_beyond_the_places_waits_and_none_is_refused)
{
	enum { BURST = 40 };
	struct program *program = calloc(1, sizeof(*program));
	int peers[BURST];
	char byte;

	program_begin(program, NULL, "serve echo --connections 3 %s", ECHOES[_i]);
	program_await_word(program, "listening");
	kill(program->pid, SIGSTOP);
	for (int i = 0; i < BURST; i++) {
		peers[i] = served_connect(program);
		ck_assert_int_eq(send(peers[i], &(char){ (char)i }, 1, MSG_NOSIGNAL), 1);
	}
	kill(program->pid, SIGCONT);
	for (int i = 0; i < BURST; i++) {
		ck_assert_msg(recv(peers[i], &byte, 1, 0) == 1, "connection %d was closed", i + 1);
		ck_assert_int_eq(byte, i);
		close(peers[i]);
	}
	play_against(program_port(program));
	served_end(program);
	free(program);
}
END_TEST

START_TEST(a_server_that_waits_for_places_can_be_ended)
{
	enum { BURST = 10 };
	struct program *program = calloc(1, sizeof(*program));
	int peers[BURST];

	program_begin(program, NULL, "serve echo --connections 2 %s", ECHOES[_i]);
	program_await_word(program, "listening");
	for (int i = 0; i < BURST; i++)
		peers[i] = served_connect(program);
	program_pause_ms(50);
	kill(program->pid, SIGTERM);
	program_end(program);
	for (int i = 0; i < BURST; i++)
		close(peers[i]);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	free(program);
}
END_TEST

static void fill_output(void)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

static void close_output(void)
{
	close(STDOUT_FILENO);
}

START_TEST(a_server_that_cannot_say_where_it_is_ends)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, fill_output, "serve echo --backend polling");
	program_end(program);
	program_expect(program, 3, "No space left on device");
	program_begin(program, close_output, "serve echo --backend polling");
	program_end(program);
	program_expect(program, 3, "it is closed");
	free(program);
}
END_TEST

static bool low_ports_are_kept(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	int first = 0;

	if (file) {
		if (fscanf(file, "%d", &first) != 1)
			first = 0;
		fclose(file);
	}
	return first > 80;
}

static void become_nobody(void)
{
	if (!getuid() && setresuid(65534, 65534, 65534))
		_exit(125);
}

START_TEST(a_privileged_port_is_said_with_what_to_do)
{
	struct program *program = calloc(1, sizeof(*program));

	if (low_ports_are_kept()) {
		program_begin(program, become_nobody, "serve echo --backend polling --port 80");
		program_end(program);
		program_expect(program, 3, "from 1024 on");
	} else {
		program_skip("here everybody may listen on port 80");
	}
	free(program);
}
END_TEST

START_TEST(more_connections_than_places_wait_for_their_turn)
{
	struct program *program = calloc(1, sizeof(*program));
	char byte = 7;
	int first, second;

	program_begin(program, NULL, "serve echo --connections 1 %s", ECHOES[_i]);
	program_await_word(program, "listening");
	first = served_connect(program);
	send(first, &byte, 1, 0);
	ck_assert_int_eq(recv(first, &byte, 1, 0), 1);
	second = served_connect(program);
	send(second, &byte, 1, 0);
	close(first);
	ck_assert_int_eq(recv(second, &byte, 1, 0), 1);
	close(second);
	kill(program->pid, SIGTERM);
	program_end(program);
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	free(program);
}
END_TEST

START_TEST(an_address_in_use_is_said_with_what_to_do)
{
	struct program *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));

	program_begin(first, NULL, "serve echo --backend polling");
	program_await_word(first, "listening");
	program_begin(second, NULL, "serve echo --backend polling --port %u", program_port(first));
	program_end(second);
	program_expect(second, 3, "choose another --port");
	kill(first->pid, SIGINT);
	program_end(first);
	ck_assert_int_eq(first->code, 0);
	free(first);
	free(second);
}
END_TEST

static void send_until_stuck(int fd)
{
	static char much[1 << 16];
	int idle = 0;

	/* It reads nothing: what the server takes, sends back and can't get rid of ends here. */
	while (idle < 20) {
		if (send(fd, much, sizeof(much), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
			idle = 0;
			continue;
		}
		idle++;
		program_pause_ms(5);
	}
}

START_TEST(a_peer_that_does_not_read_keeps_nobody_from_being_served)
{
	struct program *program = calloc(1, sizeof(*program));
	char said[64];
	int deaf;

	program_begin(program, NULL, "serve echo --buffer-size 4K %s", ECHOES[_i]);
	program_await_word(program, "listening");
	deaf = served_connect(program);
	send_until_stuck(deaf);
	play_against(program_port(program));
	/* It may yet read: then it has its answers, from the first on. */
	ck_assert_int_eq(recv(deaf, said, sizeof(said), MSG_WAITALL), sizeof(said));
	close(deaf);
	play_against(program_port(program));
	served_end(program);
	free(program);
}
END_TEST

int main(void)
{
	const int servers = sizeof(ECHOES) / sizeof(*ECHOES);
	Suite *suite = suite_create("program serve");
	TCase *cases = tcase_create("serve");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_loop_test(cases, a_refused_ring_is_said_and_nothing_falls_back_silently, 0, 2);
	tcase_add_loop_test(cases, auto_falls_back_and_says_why_in_one_line, 0, 2);
	tcase_add_test(cases, a_server_says_at_sigusr1_what_it_waits_for_and_goes_on);
	tcase_add_loop_test(cases, doctor_tells_of_a_refused_ring_and_is_content, 0, 2);
	tcase_add_test(cases, doctor_reads_the_machine_it_is_shown);
	tcase_add_loop_test(cases, every_server_echoes_whatever_comes, 0, servers);
	tcase_add_loop_test(cases, a_floor_echoes_and_ends_like_a_server, 0,
			    sizeof(FLOORS) / sizeof(*FLOORS));
	tcase_add_loop_test(cases, a_peer_that_resets_or_half_closes_harms_nobody, 0, servers);
	tcase_add_loop_test(cases, a_peer_that_does_not_read_keeps_nobody_from_being_served, 0,
			    servers);
	tcase_add_loop_test(cases, a_server_without_descriptors_to_begin_with_says_what_to_do, 0,
			    sizeof(BACKENDS) / sizeof(*BACKENDS));
	tcase_add_test(cases, an_address_of_another_machine_is_said_with_what_to_do);
	tcase_add_loop_test(cases, a_server_out_of_descriptors_serves_on, 0, servers);
	tcase_add_loop_test(cases, a_burst_beyond_the_places_waits_and_none_is_refused, 0, servers);
	tcase_add_loop_test(cases, a_server_that_waits_for_places_can_be_ended, 0, servers);
	tcase_add_test(cases, a_server_that_cannot_say_where_it_is_ends);
	tcase_add_test(cases, a_privileged_port_is_said_with_what_to_do);
	tcase_add_loop_test(cases, more_connections_than_places_wait_for_their_turn, 0, servers);
	tcase_add_test(cases, an_address_in_use_is_said_with_what_to_do);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
