/* mmreplay cut: a part of a native trace as a trace of its own. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/duration.h"
#include "sim/base/getopt.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"
#include "traces/edit/edit.h"

static const char help[] =
"usage: mmreplay cut TRACE.mmt -o OUT.mmt [--time A..B] [--task N].. [--mm N]..\n"
"                    [--kind NAME]..\n"
"\n"
"Writes the records that pass every filter given to a trace of its own, which a\n"
"replay can start from: the layout and the resident pages at its start are what\n"
"the records before have made of them. - is stdin or stdout.\n"
"\n"
"  -o, --output FILE    the trace to write (required)\n"
"      --time A..B      records that start in [A, B), counted from the start of\n"
"                       the trace: 1.5s..2s, 0..300ms (bare: ns); B may be left\n"
"                       out. Calls under way at A have happened; calls that\n"
"                       end after B are whole.\n"
"      --task N         only this task (its number in `mmreplay info`)\n"
"      --mm N           only tasks in this address space, and acts on it\n"
"      --kind NAME      only this kind of record, e.g. fault, munmap\n"
"  -h, --help           this text\n"
"\n"
"--task, --mm and --kind may be repeated. Memory that a kept record uses and\n"
"only a dropped one made becomes part of the layout at the start, and is counted\n"
"as assumed. An account goes to stderr.\n";

enum { LIST_MAX = 4096 };

struct args {
	struct cut_options o;
	uint32_t tasks[LIST_MAX], mms[LIST_MAX];
};

static int add_number(uint32_t *list, unsigned *count, const char *what,
		      const char *text, struct errbuf *e)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*end || end == text || *text == '-' || v >= UINT32_MAX)
		return err_usage(e, "cut: --%s '%s': expected a number", what,
				 text);
	if (*count == LIST_MAX)
		return err_usage(e, "cut: more than %d times --%s", LIST_MAX,
				 what);
	list[(*count)++] = (uint32_t)v;
	return 0;
}

static int add_kind(struct cut_options *o, const char *name, struct errbuf *e)
{
	const char *names[OP_KIND_COUNT];
	int k = op_kind_find(name);

	for (int i = 0; i < OP_KIND_COUNT; i++)
		names[i] = op_kinds[i].name;
	if (k < 0)
		return err_unknown(e, (struct loc){ 0 }, "kind", name, names,
				   OP_KIND_COUNT);
	o->kinds |= 1ULL << k;
	return 0;
}

static int set_window(struct cut_options *o, const char *text, struct errbuf *e)
{
	size_t n = strlen(text);
	bool ok;

	if (n > 2 && !strcmp(text + n - 2, ".."))
		ok = duration_parse(text, n - 2, &o->from_ns);
	else
		ok = window_parse(text, &o->from_ns, &o->to_ns);
	return ok ? 0 : err_usage(e, "cut: --time %s: expected a window of the "
				  "trace like 1.5s..2s, or 1.5s..", text);
}

static int parse(int argc, char **argv, struct args *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "time", required_argument, NULL, 't' },
		{ "task", required_argument, NULL, 'T' },
		{ "mm", required_argument, NULL, 'M' },
		{ "kind", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 }
	};
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == 'o')
			a->o.output = optarg;
		else if (c == 't')
			ret = set_window(&a->o, optarg, e);
		else if (c == 'T')
			ret = add_number(a->tasks, &a->o.task_count, "task",
					 optarg, e);
		else if (c == 'M')
			ret = add_number(a->mms, &a->o.mm_count, "mm", optarg,
					 e);
		else if (c == 'k')
			ret = add_kind(&a->o, optarg, e);
		else
			ret = err_usage(e, "cut: %s '%s'; see --help",
					c == ':' ? "no value for" :
						   "unknown option",
					argv[optind - 1]);
	}
	if (!ret && argc - optind != 1)
		ret = err_usage(e, "cut takes one trace; see --help");
	if (!ret && !a->o.output)
		ret = err_usage(e, "cut: no output given (-o OUT.mmt)");
	if (!ret)
		a->o.input = argv[optind];
	return ret;
}

static void print_account(const struct cut_account *a)
{
	fprintf(stderr, "cut: %" PRIu64 " records = %" PRIu64 " kept + %" PRIu64
		" before + %" PRIu64 " after the window + %" PRIu64
		" filtered\n", a->records, a->kept, a->before, a->after,
		a->filtered);
	fprintf(stderr, "%u tasks, %u address spaces, %.6f s; %" PRIu64
		" areas more in the layout at the start", a->tasks, a->mms,
		(double)a->span_ns / 1e9, a->rebuilt_areas);
	if (a->assumed_areas)
		fprintf(stderr, ", %" PRIu64 " of them assumed for what dropped "
			"records made", a->assumed_areas);
	if (a->straddling)
		fprintf(stderr, "; %" PRIu64 " calls were under way at its "
			"start and have happened", a->straddling);
	if (a->outside)
		fprintf(stderr, "; %" PRIu64 " uses of memory that only dropped "
			"records made after it was unmapped", a->outside);
	fputc('\n', stderr);
	if (!a->kept)
		fprintf(stderr, "nothing is left: no record passed\n");
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct args *a = xcalloc(1, sizeof(*a));
	struct progress progress;
	struct cut_account acct;
	int ret;

	/* long tables grow by realloc: what they leave goes back at once */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	a->o.tasks = a->tasks;
	a->o.mms = a->mms;
	a->o.to_ns = INT64_MAX;
	a->o.progress = &progress;
	ret = parse(argc, argv, a, e);
	if (!ret) {
		progress_start(&progress, "cut", "records", 0);
		ret = cut_run(&a->o, &acct, e);
		progress_end(&progress);
	}
	if (!ret)
		print_account(&acct);
	free(a);
	return ret ? -1 : 0;
}

const struct command cmd_cut = {
	"cut", "a part of a trace: a time, tasks, address spaces, kinds", help,
	run
};
