/* See batch.h: the command of a cell, and `run --plan`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

char *batch_command(const struct batch *b, const char *id)
{
	char program[PATH_BYTES], *here = getcwd(NULL, 0), *text = NULL;
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	const char *data = getenv("MMREPLAY_DATA");
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out || !here || n <= 0)
		BUG("no memory, or no /proc");
	program[n] = '\0';
	fputs("cd ", out);
	shell_quote(out, here);
	fputs(" && ", out);
	if (data) {
		fputs("MMREPLAY_DATA=", out);
		shell_quote(out, data);
		fputc(' ', out);
	}
	shell_quote(out, program);
	fputs(" run -q -o ", out);
	shell_quote(out, b->dir);
	fprintf(out, " --cell %s", id);
	for (uint32_t i = 0; i < b->word_count; i++) {
		fputc(' ', out);
		shell_quote(out, b->words[i]);
	}
	fclose(out);
	free(here);
	return text;
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
		char *command = batch_command(b, s->cells[todo[i]].id);

		printf("%s\n", command);
		free(command);
	}
	free(todo);
	return r;
}
