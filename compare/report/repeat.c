/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/repeat.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare/report/store.h"
#include "compare/say.h"

static bool is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./:=,+@%";

	return *word && !word[strspn(word, plain)];
}

/* Inside '' a shell reads everything as it is, but for the ' itself. */
void repeat_word(FILE *line, const char *word)
{
	if (is_plain(word)) {
		fputs(word, line);
		return;
	}
	fputc('\'', line);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", line);
		else
			fputc(*word, line);
	}
	fputc('\'', line);
}

/* How many words a --seed takes here: options may be shortened, and have their value behind a =. */
static int seed_words(const char *word)
{
	static const char whole[] = "--seed";
	size_t length = strcspn(word, "=");

	if (length < sizeof("--see") - 1 || length > sizeof(whole) - 1 ||
	    strncmp(word, whole, length) != 0)
		return 0;
	return word[length] ? 1 : 2;
}

char *repeat_line(const char *program, int argc, char *const argv[], uint64_t seed)
{
	char *text = NULL;
	size_t size;
	FILE *line = open_memstream(&text, &size);

	if (!line)
		return NULL;
	repeat_word(line, program);
	/* In front: behind a -- it would be an operand. */
	fprintf(line, " %s --seed %" PRIu64, argv[0], seed);
	for (int i = 1; i < argc; i++) {
		int skipped = seed_words(argv[i]);

		if (skipped) {
			i += skipped - 1;
			continue;
		}
		fputc(' ', line);
		repeat_word(line, argv[i]);
	}
	fclose(line);
	return text;
}

/* To the next blank that isn't inside ''. */
static int shell_word(const char *text)
{
	bool quoted = false;
	int length = 0;

	for (; text[length] && (quoted || text[length] != ' '); length++) {
		if (text[length] == '\\' && !quoted && text[length + 1])
			length++;
		else
			quoted ^= text[length] == '\'';
	}
	return length;
}

void repeat_print(const char *text, FILE *out)
{
	int column = 2;

	while (*text) {
		int word = shell_word(text);

		if (column + word > say_columns(out) - 4 && column > 4)
			column = fprintf(out, " \\\n    ") - 3;
		else if (column > 2)
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", word, text);
		text += word + (text[word] == ' ');
	}
	fputc('\n', out);
}

json_t *repeat_called_json(int argc, char *const argv[], char *line)
{
	json_t *words = json_array(), *called;
	time_t now = time(NULL);
	struct tm when;
	char started[32];

	for (int i = 0; i < argc; i++)
		json_array_append_new(words, store_string(argv[i]));
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &when));
	called = json_pack("{s:o, s:s, s:o}", "argv", words, "started", started, "repeat",
			   store_string(line ? line : "?"));
	free(line);
	return called;
}

json_t *repeat_run_json(int argc, char *const argv[], uint64_t seed)
{
	json_t *run = json_pack("{s:I}", "seed", (json_int_t)seed);

	json_object_update_new(run, repeat_called_json(argc, argv, repeat_line(say_program(), argc,
									       argv, seed)));
	return run;
}
