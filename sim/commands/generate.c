/* mmreplay generate: a synthetic workload, or one fitted to a trace, as a trace. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/progress.h"
#include "sim/commands/command.h"
#include "traces/generate/generate.h"

static const char help[] =
"usage: mmreplay generate WORKLOAD [KEY=VALUE].. -o OUT.mmt\n"
"       mmreplay generate --fit TRACE [KEY=VALUE].. -o OUT.mmt\n"
"\n"
"Writes a trace of a synthetic workload. `mmreplay workloads` lists them,\n"
"`mmreplay workloads NAME` the keys of one with units, defaults and ranges.\n"
"The same workload, keys and seed give the same bytes on any machine.\n"
"\n"
"A generated trace holds what programs ask for and how long they compute in\n"
"between; every cost comes from the machine profile that it is replayed on.\n"
"It is marked synthetic, in the trace and in every result.\n"
"\n"
"  -o, --output FILE    where to (required); - is stdout\n"
"      --fit TRACE      op mix, sizes and inter-op times of TRACE, scaled by\n"
"                       threads=, processes= and ops=; says what it left out\n"
"      --json           what was written, on stdout\n"
"  -h, --help           this text\n"
"\n"
"examples:\n"
"  mmreplay generate pft-threads threads=56 -o pft.mmt\n"
"  mmreplay generate munmap-large gib=320 -o munmap.mmt\n"
"  mmreplay generate vmalloc-pairs jobs=32 test=cross-cpu -o vmalloc.mmt\n"
"  mmreplay generate --fit app.mmt threads=64 -o app64.mmt\n";

struct args {
	const char *output, *fit;
	bool json;
	const char *workload;
	struct gen_param *params;
	unsigned count;
};

static int positional(struct args *a, char *word, struct errbuf *e)
{
	char *eq = strchr(word, '=');

	if (!eq && !a->workload && !a->fit) {
		a->workload = word;
		return 0;
	}
	if (!eq || eq == word)
		return err_usage(e, "'%s': expected KEY=VALUE", word);
	*eq = '\0';
	a->params[a->count++] = (struct gen_param){ .key = word,
						    .value = eq + 1 };
	return 0;
}

static int parse(int argc, char **argv, struct args *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "fit", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == ':')
			return err_usage(e, "%s needs a value", argv[optind - 1]);
		if (c == '?')
			return err_usage(e, "unknown option %s; see `mmreplay generate --help`",
					 argv[optind - 1]);
		if (c == 'o')
			a->output = optarg;
		if (c == 'f')
			a->fit = optarg;
		if (c == 'j')
			a->json = true;
	}
	for (; optind < argc; optind++)
		if (positional(a, argv[optind], e))
			return -1;
	if (!a->workload && !a->fit)
		return err_usage(e, "which workload? `mmreplay workloads` lists them");
	if (!a->output)
		return err_usage(e, "-o OUT.mmt is missing");
	if (a->json && !strcmp(a->output, "-"))
		return err_usage(e, "--json and -o - both want stdout");
	return 0;
}

static void show(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;

	p->total = total;
	progress_set(p, done);
}

static void print_result(const struct args *a, const struct generate_result *r)
{
	char digest[DIGEST_TEXT_BYTES];
	json_t *j;

	digest_text(&r->digest, digest);
	if (!a->json) {
		fprintf(stderr, "%s: %" PRIu64 " records, %" PRIu32
			" tasks, %" PRIu32 " address spaces\n", a->output,
			r->records, r->tasks, r->mms);
		return;
	}
	j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "output", a->output,
		      "records", (json_int_t)r->records,
		      "tasks", (json_int_t)r->tasks,
		      "mms", (json_int_t)r->mms,
		      "span_ns", (json_int_t)r->span_ns, "digest", digest);
	json_dumpf(j, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(j);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct args a = { .params = xcalloc((size_t)argc,
					    sizeof(struct gen_param)) };
	struct generate_result result = { 0 };
	struct progress progress;
	char *notes = NULL;
	int code = parse(argc, argv, &a, e);

	if (!code) {
		struct generate_request q = {
			.workload = a.workload, .params = a.params,
			.param_count = a.count, .output = a.output,
			.progress = show, .progress_arg = &progress,
		};

		progress_start(&progress, "generate", "records", 0);
		code = a.fit ? generate_fit(a.fit, &q, &result, &notes, e) :
			       generate_run(&q, &result, e);
		progress_end(&progress);
	}
	if (notes)
		fputs(notes, stderr);
	if (!code)
		print_result(&a, &result);
	free(notes);
	free(a.params);
	return code ? -1 : 0;
}

const struct command cmd_generate = {
	.name = "generate",
	.summary = "write a synthetic workload, or one fitted to a trace",
	.help = help,
	.run = run,
};
