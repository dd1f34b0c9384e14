/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "laboratory/internal.h"

/*
 * The other ends. Every byte of a stream is known by its place: so a byte that comes twice, not at all or
 * to a stranger is seen as such, and not only counted.
 */

enum direction { FROM_PEER, TO_PEER };

/* Splitmix64 (Steele, Lea, Flood, 2014), of which a byte: no short period that would hide a shift. */
static unsigned char byte_at(int peer, enum direction direction, uint64_t place)
{
	uint64_t x = place + ((uint64_t)peer << 56) + ((uint64_t)direction << 48) +
		     UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (unsigned char)(x ^ x >> 31);
}

int duet_lab_pair(struct duet_lab *lab, duet_handle *handle)
{
	struct peer *peer = &lab->peers[lab->peer_count];
	int fd;
	int error;

	if (lab->peer_count == DUET_LAB_PEERS_MAX)
		return -ENOSPC;
	error = lab_wire_open(lab, handle, &fd);
	if (error)
		return error;
	*peer = (struct peer){.fd = fd, .handle = *handle};
	return lab->peer_count++;
}

struct peer *lab_peer_of(struct duet_lab *lab, duet_handle handle)
{
	for (int i = 0; i < lab->peer_count; i++)
		if (lab->peers[i].handle.slot == handle.slot &&
		    lab->peers[i].handle.generation == handle.generation)
			return &lab->peers[i];
	return NULL;
}

/* Whose number it is, or NULL: that of nobody, as the error of a duet_lab_pair() at which nobody looked. */
static struct peer *known(struct duet_lab *lab, int number)
{
	if (number >= 0 && number < lab->peer_count)
		return &lab->peers[number];
	lab_violation(lab, DUET_LAB_CHECK, "there is no peer %d, but %d of them", number,
		      lab->peer_count);
	return NULL;
}

/* ---- The script. ---- */

void lab_step_add(struct duet_lab *lab, enum step_kind kind, int peer, uint32_t bytes)
{
	if (lab->step_count < STEPS_MAX)
		lab->steps[lab->step_count++] = (struct step){
			.kind = (uint8_t)kind, .peer = (uint8_t)peer, .together = lab->together,
			.bytes = bytes};
	else
		lab_violation(lab, DUET_LAB_CHECK, "the script has more than %d steps", STEPS_MAX);
	lab->together = false;
}

void duet_lab_together(struct duet_lab *lab)
{
	lab->together = lab->step_count > 0;
}

void duet_lab_peer_sends(struct duet_lab *lab, int peer, uint32_t bytes)
{
	if (known(lab, peer))
		lab_step_add(lab, STEP_SENDS, peer, bytes);
}

void duet_lab_peer_receives(struct duet_lab *lab, int peer, uint32_t bytes)
{
	if (known(lab, peer))
		lab_step_add(lab, STEP_RECEIVES, peer, bytes);
}

void duet_lab_peer_closes(struct duet_lab *lab, int peer)
{
	if (known(lab, peer))
		lab_step_add(lab, STEP_CLOSES, peer, 0);
}

/* Each step in one piece: a receive that waits must not be given its first byte alone. */
static void send_some(struct duet_lab *lab, int number, uint32_t bytes)
{
	struct peer *peer = &lab->peers[number];
	unsigned char piece[4096];

	while (bytes) {
		uint32_t part = bytes < sizeof(piece) ? bytes : (uint32_t)sizeof(piece);
		int sent;

		for (uint32_t i = 0; i < part; i++)
			piece[i] = byte_at(number, FROM_PEER, peer->sent + i);
		sent = lab->world->send(lab->loop, peer->fd, piece, part);
		if (sent <= 0)
			return;
		peer->sent += (uint64_t)sent;
		bytes -= (uint32_t)sent;
	}
}

/* How much of it went out nobody knows who has given up a send: what follows has no place. */
static bool is_excused(struct duet_lab *lab, const struct peer *peer)
{
	return lab->abandoned_sends && lab_peer_of(lab, lab->abandoned_handle) == peer;
}

/* What is there, and no more than that. */
static void receive_some(struct duet_lab *lab, int number, uint32_t bytes)
{
	struct peer *peer = &lab->peers[number];
	bool excused = is_excused(lab, peer);
	unsigned char byte;

	while (bytes-- && lab->world->recv(lab->loop, peer->fd, &byte, 1) == 1) {
		if (byte != byte_at(number, TO_PEER, peer->arrived) && !excused)
			lab_violation(lab, DUET_LAB_MIXED,
				      "peer %d: byte %llu of the body's stream is another one", number,
				      (unsigned long long)peer->arrived);
		peer->arrived++;
	}
}

static void take(struct duet_lab *lab, const struct step *step)
{
	if (step->kind == STEP_CONNECTS)
		lab_peer_connect(lab, step->peer);
	if (lab->peers[step->peer].fd < 0)
		return;
	if (step->kind == STEP_SENDS)
		send_some(lab, step->peer, step->bytes);
	else if (step->kind == STEP_RECEIVES)
		receive_some(lab, step->peer, step->bytes);
	else if (step->kind == STEP_CLOSES)
		lab_wire_close(lab, &lab->peers[step->peer].fd);
}

bool lab_step(struct duet_lab *lab)
{
	if (lab->step_next == lab->step_count)
		return false;
	lab_probe_feed(lab);
	lab->acted = lab->handed_over;
	do
		take(lab, &lab->steps[lab->step_next++]);
	while (lab->step_next < lab->step_count && lab->steps[lab->step_next].together);
	return true;
}

/* ---- The account. ---- */

int duet_lab_sends_there(const struct duet_lab *lab, int peer, uint64_t place, const void *data,
			 size_t bytes)
{
	const unsigned char *byte = data;

	(void)lab;
	for (size_t i = 0; i < bytes; i++)
		if (byte[i] != byte_at(peer, FROM_PEER, place + i))
			return 0;
	return 1;
}

/* Fewer bytes than this are found by chance. */
enum { FOUND_BYTES = 4 };

/* Behind some that were lost, or once more: where it belongs says what went wrong. */
static void say_another(struct duet_lab *lab, int number, const unsigned char *data, size_t bytes)
{
	const struct peer *peer = &lab->peers[number];
	uint64_t place = 0;

	while (place + bytes <= peer->sent && !duet_lab_sends_there(lab, number, place, data, bytes))
		place++;
	if (bytes < FOUND_BYTES || place + bytes > peer->sent)
		lab_violation(lab, DUET_LAB_MIXED,
			      "peer %d: what came as its byte %llu is another one", number,
			      (unsigned long long)peer->received);
	else
		lab_violation(lab, DUET_LAB_MIXED, "peer %d: what came as its byte %llu is its byte %llu",
			      number, (unsigned long long)peer->received, (unsigned long long)place);
}

void duet_lab_received(struct duet_lab *lab, int number, const void *data, size_t bytes)
{
	struct peer *peer = known(lab, number);
	const unsigned char *byte = data;

	if (!peer)
		return;
	lab_discarded_count(lab);
	for (size_t i = 0; i < bytes; i++, peer->received++) {
		if (peer->received >= peer->sent ||
		    byte[i] != byte_at(number, FROM_PEER, peer->received)) {
			say_another(lab, number, byte + i, bytes - i);
			return;
		}
	}
}

void duet_lab_fill(struct duet_lab *lab, int peer, uint64_t place, void *data, size_t bytes)
{
	unsigned char *byte = data;

	(void)lab;
	for (size_t i = 0; i < bytes; i++)
		byte[i] = byte_at(peer, TO_PEER, place + i);
}

void duet_lab_sent(struct duet_lab *lab, int number, size_t bytes)
{
	struct peer *peer = known(lab, number);

	if (peer)
		peer->claimed += bytes;
}

/* What the peer sent and nobody took is still in the socket, if the handle is still open. */
static uint64_t still_there(const struct duet_lab *lab, const struct peer *peer)
{
	int fd = duet_handle_fd(lab->loop, peer->handle);

	return fd < 0 ? 0 : lab->world->unread(lab->loop, fd);
}

/* A handle that the body closed took what was unread with it: that was the body's to decide. */
static bool is_open(const struct duet_lab *lab, const struct peer *peer)
{
	return duet_handle_fd(lab->loop, peer->handle) >= 0;
}

void lab_peers_judge(struct duet_lab *lab)
{
	lab_discarded_count(lab);
	lab_listener_judge(lab);
	for (int i = 0; i < lab->peer_count; i++) {
		struct peer *peer = &lab->peers[i];
		uint64_t there = still_there(lab, peer);

		if (is_open(lab, peer) && peer->received + there != peer->sent)
			lab_violation(lab, DUET_LAB_BYTES,
				      "peer %d sent %llu, %llu received and %llu still there", i,
				      (unsigned long long)peer->sent,
				      (unsigned long long)peer->received,
				      (unsigned long long)there);
		if (peer->fd < 0)
			continue;
		receive_some(lab, i, UINT32_MAX);
		if (peer->arrived != peer->claimed && !is_excused(lab, peer))
			lab_violation(lab, DUET_LAB_BYTES,
				      "the body says that %llu went to peer %d, and %llu came",
				      (unsigned long long)peer->claimed, i,
				      (unsigned long long)peer->arrived);
	}
}

uint64_t lab_peers_digest(const struct duet_lab *lab)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < lab->peer_count; i++) {
		digest = (digest ^ lab->peers[i].received) * UINT64_C(0x100000001b3);
		digest = (digest ^ lab->peers[i].arrived) * UINT64_C(0x100000001b3);
	}
	return digest;
}

void lab_peers_close(struct duet_lab *lab)
{
	for (int i = 0; i < lab->peer_count; i++)
		lab_wire_close(lab, &lab->peers[i].fd);
}
