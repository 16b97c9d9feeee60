/* mmreplay check: is a native trace sound; what can be saved of one that is not. */
#include <inttypes.h>
#include <stdio.h>
#include "sim/base/getopt.h"
#include "sim/commands/command.h"
#include "traces/format/mmt.h"

static const char help[] =
"usage: mmreplay check TRACE.mmt [--salvage OUT.mmt]\n"
"\n"
"Reads every frame of a native trace, measurements too, and says whether all of\n"
"it decodes. The first damage is named with its offset.\n"
"\n"
"      --salvage OUT    write what whole chunks there are to OUT, and say what\n"
"                       was lost\n"
"  -h, --help           this text\n"
"\n"
"Exit status: 0 sound, or saved; 1 damaged; 2 the command line is wrong.\n";

enum { CACHE_BYTES = 4 << 20 };

/* Every record of @r, to @w where there is one. */
static int walk(struct mmt_reader *r, struct mmt_writer *w, uint64_t *records,
		struct errbuf *e)
{
	struct mmt_cursor *c = mmt_merged(r);
	struct op op;
	int ret;

	*records = 0;
	while ((ret = mmt_next(c, &op, e)) > 0) {
		++*records;
		if (!w)
			continue;
		ret = mmt_put(w, &op, e);
		if (ret)
			break;
	}
	mmt_cursor_free(c);
	return ret;
}

static int check(const char *path, struct errbuf *e)
{
	struct mmt_reader *r = mmt_open(path, MMT_MEASUREMENTS | MMT_IN_ORDER,
					CACHE_BYTES, e);
	uint64_t records;
	int ret;

	if (!r)
		return -1;
	ret = walk(r, NULL, &records, e);
	if (!ret)
		printf("%s: sound, %" PRIu64 " records of %u tasks\n", path,
		       records, mmt_header(r)->task_count);
	mmt_close(r);
	return ret ? -1 : 0;
}

static int salvage(const char *path, const char *out, struct errbuf *e)
{
	struct mmt_reader *r = mmt_open(path, MMT_MEASUREMENTS | MMT_SALVAGE |
					MMT_IN_ORDER, CACHE_BYTES, e);
	struct mmt_writer *w = r ? mmt_create(out, e) : NULL;
	struct mmt_salvage s;
	uint64_t records;
	int ret = -1;

	if (w && !walk(r, w, &records, e))
		ret = mmt_finish(w, mmt_header(r), e);
	else if (w)
		mmt_abort(w);
	if (!ret) {
		s = mmt_salvaged(r);
		printf("%s: %" PRIu64 " records saved, in %" PRIu64
		       " chunks; lost %" PRIu64 " chunks, %" PRIu64 " bytes%s\n",
		       out, records, s.chunks_kept, s.chunks_lost, s.bytes_lost,
		       s.tables_lost ? "; names and layout are lost as well" : "");
	}
	mmt_close(r);
	return ret ? -1 : 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "salvage", required_argument, NULL, 'S' }, { NULL, 0, NULL, 0 }
	};
	const char *out = NULL;
	int c;

	while ((c = getopt_long(argc, argv, ":", longs, NULL)) >= 0) {
		if (c == ':')
			return err_usage(e, "check: no value for '%s'; see --help",
					 argv[optind - 1]);
		if (c != 'S')
			return err_usage(e, "check: unknown option '%s'; see --help",
					 argv[optind - 1]);
		out = optarg;
	}
	if (optind + 1 != argc)
		return err_usage(e, "check: expected one trace; see --help");
	return out ? salvage(argv[optind], out, e) : check(argv[optind], e);
}

const struct command cmd_check = {
	"check", "is a native trace sound; --salvage saves what is", help, run
};
