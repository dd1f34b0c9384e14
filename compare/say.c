/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool progress_shown;
static const char *called = "duet";

void say_called(const char *program)
{
	if (program && *program)
		called = program;
}

const char *say_program(void)
{
	return called;
}

void say_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

void say_clean(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* U+0080 to U+009F */
			at[0] = at[1] = '?';
	}
}

static void say_line(const char *format, va_list arguments)
{
	char *text = NULL;

	say_progress_end();
	if (vasprintf(&text, format, arguments) < 0)
		return;
	say_clean(text);
	fprintf(stderr, "duet: %s\n", text);
	free(text);
}

int say_failure(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
	return code;
}

void say_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say_line(format, arguments);
	va_end(arguments);
}

/* A line that wraps can't be redrawn, so that it is cut at the width of the terminal. */
static int terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 8)
		return 79;
	return size.ws_col - 1;
}

/* Between two words: half a figure would be another one. */
static void cut_to(char *line, int columns)
{
	char *end = line + columns;

	if (strlen(line) <= (size_t)columns)
		return;
	while (end > line && *end != ' ')
		end--;
	*end = 0;
}

/* A dumb one would print them. */
static bool obeys_sequences(void)
{
	const char *terminal = getenv("TERM");

	return terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

void say_progress(const char *format, ...)
{
	char line[256];
	va_list arguments;

	if (!isatty(STDERR_FILENO) || !obeys_sequences())
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	cut_to(line, terminal_columns());
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
	progress_shown = true;
}

const char *say_advice(int error)
{
	switch (error) {
	case -EMFILE:
		return ": raise the limit of open files with ulimit -n";
	case -ENFILE:
		return ": the system has too many open files; raise fs.file-max with sysctl";
	case -ENOMEM:
		return ": ask for less, or free memory";
	case -ENOSPC:
		return ": of a file set TMPDIR to a folder with room; of epoll raise "
		       "fs.epoll.max_user_watches with sysctl";
	default:
		return "";
	}
}

static bool output_is_closed(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == O_RDONLY;
}

/* A file on a disk without room; there are file systems that don't count theirs. */
static bool output_is_full(void)
{
	struct statvfs disk;
	struct stat what;

	return !fstat(STDOUT_FILENO, &what) && S_ISREG(what.st_mode) &&
		!fstatvfs(STDOUT_FILENO, &disk) && disk.f_blocks && !disk.f_bavail;
}

int say_check_output(const char *who)
{
	const char *cause = output_is_closed() ? "it is closed"
		: output_is_full() ? "no space is left on its disk" : NULL;

	if (!cause)
		return SAY_OK;
	return say_failure(SAY_UNMEASURED, "%scan't write to the standard output: %s", who, cause);
}

int say_flush(void)
{
	static int lost;

	errno = 0;
	if ((fflush(stdout) || ferror(stdout)) && !lost)
		lost = errno ? -errno : -EIO;
	return lost;
}

const char *say_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

bool say_colour(FILE *stream)
{
	const char *refused = getenv("NO_COLOR");

	return isatty(fileno(stream)) && !(refused && *refused) && obeys_sequences();
}

const char *say_bold(FILE *stream)
{
	return say_colour(stream) ? "\033[1m" : "";
}

const char *say_plain(FILE *stream)
{
	return say_colour(stream) ? "\033[0m" : "";
}

int say_columns(FILE *stream)
{
	const char *wish = getenv("COLUMNS");
	struct winsize size = { .ws_col = 0 };
	long columns = wish ? strtol(wish, NULL, 10) : 0;

	if (columns <= 0 && isatty(fileno(stream)) && !ioctl(fileno(stream), TIOCGWINSZ, &size))
		columns = size.ws_col;
	if (columns <= 0 || columns > SAY_COLUMNS_MAX)
		return SAY_COLUMNS_MAX;
	return columns < SAY_COLUMNS_MIN ? SAY_COLUMNS_MIN : (int)columns;
}

void say_wrapped(FILE *stream, const char *text, int column, int indent)
{
	const int columns = say_columns(stream) - 1;
	bool begun = false;

	text += strspn(text, " ");
	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column + begun + word > columns && column > indent)
			column = fprintf(stream, "\n%*s", indent, "") - 1;
		else if (begun)
			column += fprintf(stream, " ");
		column += fprintf(stream, "%.*s", word, text);
		text += word + (int)strspn(text + word, " ");
		begun = true;
	}
	fputc('\n', stream);
}
