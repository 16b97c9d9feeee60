/*
 * Fuzz target: a result folder whose results.json and only cell are the same
 * bytes, to tables, folded stacks and the HTML page. The seed's "cells" names
 * the cell "a".
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "analysis/analysis.h"
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/tests/fuzz/fuzz.h"

static void use(const struct result_set *s, const char *dir)
{
	FILE *out = fopen("/dev/null", "w");

	if (!out)
		BUG("no /dev/null");
	for (int f = COMPARE_TEXT; f <= COMPARE_MARKDOWN; f++) {
		struct compare_options o = { .format = (enum compare_format)f };
		struct errbuf e = { 0 };

		if (compare_write(s, &o, out, &e) && !e.text[0])
			BUG("refused without a word");
	}
	flame_write(s, out, &(struct errbuf){ 0 });
	report_write(s, dir, out, &(struct errbuf){ 0 });
	fclose(out);
}

void fuzz_results(const char *variant, const uint8_t *data, size_t bytes)
{
	const char *dir = fuzz_dir();
	struct errbuf e = { 0 };
	struct result_set *s;
	char *cells = xasprintf("%s/cells", dir);

	(void)variant;
	mkdir(cells, 0700);
	free(cells);
	fuzz_write("results.json", data, bytes);
	fuzz_write("cells/a.json", data, bytes);
	s = results_load(&dir, 1, &e);
	if (s)
		use(s, dir);
	else if (!e.text[0])
		BUG("refused without a word");
	results_free(s);
}
