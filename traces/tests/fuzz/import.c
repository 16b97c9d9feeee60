/*
 * Fuzz target: a foreign capture, to a trace that is thrown away. The variant
 * is the format; without one it is found from the content.
 */
#include <stdlib.h>
#include <unistd.h>
#include "sim/tests/fuzz/fuzz.h"
#include "traces/import/import.h"

void fuzz_import(const char *variant, const uint8_t *data, size_t bytes)
{
	const char *input = fuzz_path(data, bytes);
	const struct import_options o = {
		.inputs = &input, .input_count = 1, .output = "/dev/null",
		.format = variant,
	};
	struct import_account acct = { 0 };
	struct errbuf e = { 0 };
	int ret = import_run(&o, &acct, &e);

	if (ret && !e.text[0])
		BUG("refused without a word");
	if (!ret && !import_balanced(&acct))
		BUG("lines are not accounted for");
	/* the program makes one account and ends; here they would add up */
	for (unsigned int i = 0; i < acct.losses; i++)
		free((void *)(uintptr_t)acct.loss[i].name);
}
