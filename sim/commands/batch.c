/* See batch.h: the command of a cell, and `run --plan`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/errbuf.h"
#include "sim/commands/batch.h"
#include "sim/commands/input.h"

enum { PATH_BYTES = 4096 };

void shell_quote(FILE *out, const char *word)
{
	fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	}
	fputc('\'', out);
}

/* One line is one command: POSIX has no other way to write a line break. */
static int put_word(FILE *out, const char *word, struct errbuf *e)
{
	size_t first = strcspn(word, "\n");

	if (word[first])
		return err_set(e, -EINVAL, "'%.*s..': a line break in this name; expected none, for a command of one line",
			       (int)first, word);
	shell_quote(out, word);
	return 0;
}

static int put_command(FILE *out, const struct batch *b, const char *id,
		       struct errbuf *e)
{
	char program[PATH_BYTES], *here = getcwd(NULL, 0);
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	const char *data = getenv("MMREPLAY_DATA");
	int r;

	if (!here)
		return err_sys(e, "this folder", "find its path");
	if (n < 0) {
		r = err_sys(e, "/proc/self/exe", "read");
		goto out;
	}
	program[n] = '\0';
	fputs("cd ", out);
	r = put_word(out, here, e);
	fputs(data ? " && MMREPLAY_DATA=" : " &&", out);
	if (!r && data)
		r = put_word(out, data, e);
	fputc(' ', out);
	if (!r)
		r = put_word(out, program, e);
	fputs(" run -q -o ", out);
	if (!r)
		r = put_word(out, b->dir, e);
	fprintf(out, " --cell %s", id);
	for (uint32_t i = 0; i < b->word_count && !r; i++) {
		fputc(' ', out);
		r = put_word(out, b->words[i], e);
	}
out:
	free(here);
	return r;
}

char *batch_command(const struct batch *b, const char *id, struct errbuf *e)
{
	struct memtext t;
	int r = put_command(memtext_open(&t), b, id, e);
	char *text = memtext_close(&t);

	if (!r)
		return text;
	free(text);
	return NULL;
}

int batch_print(const struct batch *b, const struct scenario *s,
		const struct run_options *o, struct errbuf *e)
{
	uint32_t *todo = xcalloc(s->cell_count + 1, sizeof(*todo)), count = 0;
	struct run_summary found;
	int r = results_missing(s, o, false, todo, &count, &found, e);

	if (!r && !o->quiet)
		say_mended(&found, o->out_dir);

	for (uint32_t i = 0; i < count && !r; i++) {
		char *command = batch_command(b, s->cells[todo[i]].id, e);

		if (command)
			printf("%s\n", command);
		else
			r = -1;
		free(command);
	}
	free(todo);
	return r;
}
