/* A folder with a small trace, for tests of scenarios and results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/mem.h"
#include "sim/tests/fixture_scenario.h"

enum { TASKS = 2, ROUNDS = 25, PAGES = 4 };

char *fixture_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = xasprintf("%s/mmreplay-XXXXXX", tmp ? tmp : "/tmp");

	if (!mkdtemp(folder))
		BUG("no folder for the test");
	return folder;
}

void fixture_clean(char *folder)
{
	char *command = xasprintf("rm -rf '%s'", folder);

	if (system(command))
		BUG("cannot remove %s", folder);
	free(command);
	free(folder);
}

const char *fixture_file(const char *folder, const char *name,
			 const char *text)
{
	static char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		BUG("cannot write %s", path);
	return path;
}

static void put(struct mmt_writer *w, struct trace_header *h, struct op op)
{
	struct errbuf e = { 0 };

	op.flags |= OPF_RESULT_KNOWN;
	if (mmt_put(w, &op, &e))
		BUG("%s", e.text);
	h->ops[op.kind]++;
}

/* mmap, four first touches, munmap: 1 us apart. */
static void put_round(struct mmt_writer *w, struct trace_header *h,
		      uint32_t task, uint32_t round)
{
	uint64_t addr = 0x7f0000000000ULL + task * 0x40000000ULL +
			round * 0x100000ULL;
	int64_t at = 1000 + round * 20000 + task * 300;
	struct op op = { .task = task, .cpu = (uint16_t)task };

	op.kind = OP_MMAP;
	op.start_ns = at;
	op.duration_ns = 800;
	op.result = (int64_t)addr;
	memcpy(op.arg, (uint64_t[]){ 0, PAGES * 4096, 3, 0x22 }, 32);
	put(w, h, op);
	op.kind = OP_FAULT;
	op.duration_ns = TRACE_UNKNOWN_NS;
	op.result = 0;
	for (uint32_t i = 0; i < PAGES; i++) {
		op.start_ns = at + 1000 + i * 2000;
		memcpy(op.arg, (uint64_t[]){ addr + i * 4096, 0x401000, 6, 2000 }, 32);
		put(w, h, op);
	}
	op.kind = OP_MUNMAP;
	op.start_ns = at + 10000;
	op.duration_ns = 3000;
	memcpy(op.arg, (uint64_t[]){ addr, PAGES * 4096, 0, 0 }, 32);
	put(w, h, op);
}

void fixture_trace(const char *folder, const char *name, const char *kernel,
		   uint32_t cpus, uint32_t have)
{
	static struct trace_mm mm = { .parent = TRACE_NO_MM };
	struct trace_task tasks[TASKS] = { 0 };
	struct trace_header h = { .cpus_online = cpus, .cpus_possible = cpus,
				  .hz = 250, .thp = "madvise", .have = have,
				  .span_ns = 1000 + ROUNDS * 20000 };
	struct errbuf e = { 0 };
	char *path = xasprintf("%s/%s", folder, name);
	struct mmt_writer *w = mmt_create(path, &e);

	for (uint32_t round = 0; w && round < ROUNDS; round++)
		for (uint32_t task = 0; task < TASKS; task++)
			put_round(w, &h, task, round);
	for (uint32_t i = 0; i < TASKS; i++)
		tasks[i] = (struct trace_task){
			.tid = 100 + i, .tgid = 100, .parent = TRACE_NO_TASK,
			.first_ns = 1000, .last_ns = h.span_ns,
			.records = ROUNDS * (PAGES + 2), .comm = "churn" };
	snprintf(h.kernel, sizeof(h.kernel), "%s", kernel);
	h.tasks = tasks;
	h.task_count = TASKS;
	h.mms = &mm;
	h.mm_count = 1;
	if (!w || mmt_finish(w, &h, &e))
		BUG("%s", e.text);
	free(path);
}
