/* mmreplay flame: simulated waiting as folded stacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/analysis.h"
#include "sim/base/file.h"
#include "sim/base/getopt.h"
#include "sim/commands/command.h"

static const char help[] =
"usage: mmreplay flame RESULTS.. [-o F.folded]\n"
"\n"
"Who waited behind whom, as folded stacks for flame graph tools, speedscope\n"
"and Perfetto: policy;op;lock;holder's op, and nanoseconds waited (mean over\n"
"replicates).\n"
"\n"
"  -o, --output FILE    default and -: standard output\n"
"  -h, --help           this text\n";

static int write_to(const struct result_set *s, const char *path,
		    struct errbuf *e)
{
	struct atomic_file a;
	int err;

	if (!path || !strcmp(path, "-"))
		return flame_write(s, stdout, e);
	err = atomic_open(&a, path, e);
	if (err)
		return err;
	err = flame_write(s, a.f, e);
	if (!err)
		return atomic_commit(&a, e);
	atomic_abort(&a);
	return err;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' }, { NULL, 0, NULL, 0 }
	};
	const char *output = NULL;
	struct result_set *s;
	int c, err;

	while ((c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == 'o')
			output = optarg;
		else
			return err_usage(e, "flame: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	if (optind >= argc)
		return err_usage(e, "flame: no result folder given; see --help");
	s = results_load((const char *const *)argv + optind,
			 (uint32_t)(argc - optind), e);
	err = s ? write_to(s, output, e) : -1;
	results_free(s);
	return err ? -1 : 0;
}

const struct command cmd_flame = {
	"flame", "simulated waiting as folded stacks, for flame graphs", help, run
};
