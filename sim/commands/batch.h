#ifndef MMREPLAY_COMMANDS_BATCH_H
#define MMREPLAY_COMMANDS_BATCH_H

#include "sim/results/results.h"

/*
 * Cells on other machines. A cell is one self-contained command that needs the
 * program, its data, the input and the result folder under the same paths;
 * cells are independent and idempotent files, so any scheduler will do.
 */

/** struct batch - what the commands of all cells share
 *  @words: what stands behind `run` on this command line, without -o and what
 *	is for this machine only */
struct batch {
	const char *dir;
	const char *const *words;
	uint32_t word_count;
};

/**
 * batch_command() - the command of one cell, one line, quoted for a POSIX shell
 * Return: to be freed; NULL and @e if a name in it has a line break, which such a
 * line cannot hold, or where this folder or program is cannot be found out.
 */
char *batch_command(const struct batch *b, const char *id, struct errbuf *e);

/** batch_print() - `--plan`: one command a line for each cell that is missing */
int batch_print(const struct batch *b, const struct scenario *s,
		const struct run_options *o, struct errbuf *e);

/**
 * slurm_run() - `--slurm`: submit the missing cells as job arrays and wait
 * @options: for sbatch, as they would be typed in a shell, which reads them; may be ""
 * Jobs of an earlier, interrupted call on this folder are waited for first.
 */
int slurm_run(const struct batch *b, const struct scenario *s,
	      const struct run_options *o, const char *options, struct errbuf *e);

/** shell_quote() - @word between single quotes, to @out */
void shell_quote(FILE *out, const char *word);

#endif
