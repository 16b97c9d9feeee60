/* mmreplay anonymize: a native trace without names and addresses. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "sim/base/getopt.h"
#include "sim/commands/command.h"
#include "traces/edit/edit.h"

static const char help[] =
"usage: mmreplay anonymize TRACE.mmt -o OUT.mmt [--key FILE]\n"
"\n"
"Writes the trace without what could tell whose it is: task and file names,\n"
"host, command and origin become keyed hashes (equal names stay equal), thread\n"
"numbers are counted anew, user and kernel addresses move by keyed amounts that\n"
"keep order, neighbours, lengths and alignment to 2 MiB, and the date goes. A\n"
"replay of it gives the same op counts. Kept: kernel release, CPUs, times since\n"
"the start, sizes and flags of every call.\n"
"\n"
"  -o, --output FILE  the trace to write (required); - is stdout\n"
"      --key FILE     16 bytes, or 32 hex digits: the same key gives the same\n"
"                     names in every trace (head -c 16 /dev/urandom >FILE makes\n"
"                     one). Without it the key is drawn and forgotten.\n"
"  -h, --help         this text\n"
"\n"
"TRACE is read twice; - is stdin. What sizes and times alone can tell stays.\n";

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool from_hex(const char *text, uint8_t key[16])
{
	for (int i = 0; i < 32; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		key[i / 2] = (uint8_t)(key[i / 2] << 4 | digit);
	}
	return true;
}

static int read_key(const char *path, uint8_t key[16], struct errbuf *e)
{
	FILE *f = fopen(path, "re");
	char text[40] = "";
	size_t n;

	if (!f)
		return err_sys(e, path, "open");
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (n == 16) {
		memcpy(key, text, n);
		return 0;
	}
	if ((n == 32 || (n == 33 && text[32] == '\n')) && from_hex(text, key))
		return 0;
	return err_set(e, -EINVAL, "%s: no key: expected 16 bytes or 32 hex "
		       "digits", path);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "key", required_argument, NULL, 'K' }, { NULL, 0, NULL, 0 }
	};
	struct anonymize_options o = { 0 };
	struct anonymize_account acct;
	struct progress progress;
	const char *key = NULL;
	int c, ret;

	while ((c = getopt_long(argc, argv, ":o:", longs, NULL)) >= 0) {
		if (c == 'o')
			o.output = optarg;
		else if (c == 'K')
			key = optarg;
		else
			return err_usage(e, "anonymize: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
	}
	if (argc - optind != 1)
		return err_usage(e, "anonymize takes one trace; see --help");
	if (!o.output)
		return err_usage(e, "anonymize: no output given (-o OUT.mmt)");
	if (key && read_key(key, o.key, e))
		return -1;
	if (!key && getrandom(o.key, sizeof(o.key), 0) != sizeof(o.key))
		return err_sys(e, "getrandom", "read");
	o.input = argv[optind];
	o.progress = &progress;
	progress_start(&progress, "anonymize", "records", 0);
	ret = anonymize_run(&o, &acct, e);
	progress_end(&progress);
	if (!ret)
		fprintf(stderr, "anonymize: %" PRIu64 " records, %u task names, "
			"%u areas, %u spans of addresses\n", acct.records,
			acct.names, acct.areas, acct.regions);
	return ret ? -1 : 0;
}

const struct command cmd_anonymize = {
	"anonymize", "a trace without names and addresses, by a key", help, run
};
