/* mmreplay merge: several native traces as one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/duration.h"
#include "sim/base/getopt.h"
#include "sim/commands/command.h"
#include "traces/edit/edit.h"

static const char help[] =
"usage: mmreplay merge A.mmt B.mmt.. -o OUT.mmt [--one-run | --hosts]\n"
"                      [--offset N=TIME]..\n"
"\n"
"Writes the records of all traces in one order of time. Two cases:\n"
"\n"
"      --one-run        parts of one capture, by time, CPU or event: a task is\n"
"                       told by its tid and tgid, its address space goes on,\n"
"                       times are those of the common clock, and a record that\n"
"                       two inputs have is written once\n"
"      --hosts          machines of their own: tasks, address spaces, CPUs and\n"
"                       vmalloc areas stay apart; all start at time 0\n"
"\n"
"Without either it is one run if all name the same host, kernel and clock.\n"
"\n"
"      --offset N=TIME  move input N (from 1) by TIME, e.g. 2=1.5ms or 2=-3us:\n"
"                       clock offsets between hosts, or a later start\n"
"  -o, --output FILE    the trace to write (required); - is stdout\n"
"  -h, --help           this text\n"
"\n"
"An account goes to stderr.\n";

struct args {
	struct merge_options o;
	int64_t offset_ns[MERGE_INPUTS_MAX];
};

static int add_offset(struct args *a, const char *text, struct errbuf *e)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	bool minus = *end == '=' && end[1] == '-';
	const char *time = end + 1 + minus;
	int64_t ns;

	if (*end != '=' || n < 1 || n > MERGE_INPUTS_MAX ||
	    !duration_parse(time, strlen(time), &ns))
		return err_usage(e, "merge: --offset %s: expected N=TIME, the "
				 "number of an input and a time, e.g. 2=-1.5ms",
				 text);
	a->offset_ns[n - 1] = minus ? -ns : ns;
	return 0;
}

static int parse(int argc, char **argv, struct args *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "offset", required_argument, NULL, 'O' },
		{ "one-run", no_argument, NULL, 'r' },
		{ "hosts", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == 'o')
			a->o.output = optarg;
		else if (c == 'O')
			ret = add_offset(a, optarg, e);
		else if (c == 'r' || c == 'h')
			a->o.mode = c == 'r' ? MERGE_ONE_RUN : MERGE_HOSTS;
		else
			ret = err_usage(e, "merge: %s '%s'; see --help",
					c == ':' ? "no value for" :
						   "unknown option",
					argv[optind - 1]);
	}
	if (ret)
		return ret;
	a->o.inputs = (const char *const *)argv + optind;
	a->o.input_count = (unsigned)(argc - optind);
	if (a->o.input_count < 2 || a->o.input_count > MERGE_INPUTS_MAX)
		return err_usage(e, "merge takes 2 to %d traces; see --help",
				 MERGE_INPUTS_MAX);
	for (unsigned i = a->o.input_count; i < MERGE_INPUTS_MAX; i++) {
		if (a->offset_ns[i])
			return err_usage(e, "merge: --offset %u=..: there are "
					 "%u inputs", i + 1, a->o.input_count);
	}
	if (!a->o.output)
		return err_usage(e, "merge: no output given (-o OUT.mmt)");
	return 0;
}

static void print_account(const struct merge_account *a)
{
	fprintf(stderr, "merge, %s: %" PRIu64 " records = %" PRIu64
		" written + %" PRIu64 " that stood in two inputs\n",
		a->mode == MERGE_ONE_RUN ? "one run" : "hosts", a->records,
		a->written, a->duplicates);
	fprintf(stderr, "%u tasks (%u went on from another input), %u address "
		"spaces (%u went on), %u CPUs, %.6f s\n", a->tasks,
		a->joined_tasks, a->mms, a->joined_mms, a->cpus,
		(double)a->span_ns / 1e9);
	if (a->rebuilt_areas)
		fprintf(stderr, "%" PRIu64 " areas of later inputs were there "
			"from the start\n", a->rebuilt_areas);
	if (a->have_some != a->have_all && a->mode == MERGE_HOSTS)
		fprintf(stderr, "event classes that only some inputs have count "
			"as absent\n");
	if (a->kernels_differ)
		fprintf(stderr, "the kernels differ; the header names the "
			"oldest\n");
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct args a = { .o.mode = MERGE_AUTO };
	struct progress progress;
	struct merge_account acct;

	a.o.offset_ns = a.offset_ns;
	a.o.progress = &progress;
	if (parse(argc, argv, &a, e))
		return -1;
	progress_start(&progress, "merge", "records", 0);
	if (merge_run(&a.o, &acct, e)) {
		progress_end(&progress);
		return -1;
	}
	progress_end(&progress);
	print_account(&acct);
	return 0;
}

const struct command cmd_merge = {
	"merge", "several traces as one: parts of a run, or hosts", help, run
};
