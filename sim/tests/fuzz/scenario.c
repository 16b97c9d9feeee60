/*
 * Fuzz target: a scenario file, to the resolved cells. `trace: t.mmt` is a
 * whole trace beside it. Nothing is run.
 */
#include <stdlib.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/commands/workload_source.h"
#include "sim/scenario/scenario.h"
#include "sim/tests/fuzz/fuzz.h"

static void trace_beside(void)
{
	static bool done;
	struct errbuf e = { 0 };
	char *trace;
	size_t bytes;

	if (done)
		return;
	done = true;
	if (file_read("traces/tests/fuzz/mmt/small.mmt", 1 << 20, &trace,
		      &bytes, &e))
		BUG("%s (run from the top of the tree)", e.text);
	fuzz_write("t.mmt", (const uint8_t *)trace, bytes);
	free(trace);
}

void fuzz_scenario(const char *variant, const uint8_t *data, size_t bytes)
{
	const struct scenario_overrides o = { .model_id = "fuzz",
						.workloads = &workload_source };
	struct errbuf e = { 0 };
	struct scenario *s;
	char *path;

	(void)variant;
	trace_beside();
	fuzz_write("s.yaml", data, bytes);
	path = xasprintf("%s/s.yaml", fuzz_dir());
	s = scenario_load(path, &o, &e);
	if (!s && !e.text[0])
		BUG("refused without a word");
	scenario_free(s);
	free(path);
}
