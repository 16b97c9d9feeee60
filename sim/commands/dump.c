/* mmreplay dump: the records of a native trace, as text or NDJSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/commands/command.h"
#include "traces/format/mmt.h"

static const char help[] =
"usage: mmreplay dump TRACE [options]\n"
"\n"
"Prints the records of a native trace in order of their start: time since the\n"
"start of the trace, CPU, task, what it did, how long it took, the result, and\n"
"below it the segments between its mmap_lock events. - is stdin.\n"
"\n"
"  -a, --all            measurements as well (lock events, TLB flushes, ..)\n"
"  -t, --task N         only this task (its number in `mmreplay info`)\n"
"  -k, --kind NAME      only this kind (repeatable), e.g. fault, munmap\n"
"  -n, --lines N        stop after N records\n"
"      --no-segments    one line a record\n"
"      --json           one JSON object a line\n"
"  -h, --help           this text\n"
"\n"
"In JSON addresses are strings; a key that a record has nothing for is absent.\n";

enum { CACHE_BYTES = 4 << 20 };

struct args {
	const char *path;
	uint32_t task;
	uint64_t kinds, limit;	/* kinds: bit per kind; 0: all */
	bool all, json, no_segments;
};

static const char *const seg_names[SEG_KIND_COUNT] = {
	[SEG_PRE] = "pre", [SEG_W] = "W", [SEG_R] = "R", [SEG_POST] = "post",
};

static const struct flag_name {
	unsigned bit;
	const char *name;
} flag_names[] = {
	{ OPF_FAILED, "failed" }, { OPF_KERNEL_MODE, "kernel-mode" },
	{ OPF_IN_CALL, "in-call" }, { OPF_SLEPT, "slept" },
	{ OPF_SAMPLED, "sampled" }, { OPF_DERIVED, "derived" },
};

enum { FLAGS = sizeof(flag_names) / sizeof(*flag_names) };

enum arg_form { ARG_HEX, ARG_DEC, ARG_ID, ARG_NS, ARG_STATE };

/* how an argument reads best, by its name */
static enum arg_form arg_form(const char *name, size_t n)
{
	static const struct { const char *name; enum arg_form form; } rows[] = {
		{ "child_task", ARG_ID }, { "next_task", ARG_ID },
		{ "wakee_task", ARG_ID }, { "new_mm", ARG_ID },
		{ "target_mm", ARG_ID }, { "mm", ARG_ID }, { "gap_ns", ARG_NS },
		{ "state", ARG_STATE }, { "write", ARG_DEC },
		{ "success", ARG_DEC }, { "downgrade", ARG_DEC },
		{ "pages", ARG_DEC }, { "reason", ARG_DEC },
		{ "behavior", ARG_DEC }, { "prot", ARG_DEC },
		{ "group", ARG_DEC }, { "inferred", ARG_DEC },
		{ "in_interrupt", ARG_DEC }, { "events", ARG_DEC },
		{ "cpu", ARG_DEC }, { "from_cpu", ARG_DEC },
		{ "to_cpu", ARG_DEC }, { "num_purged", ARG_DEC },
		{ "member", ARG_DEC }, { "bytes", ARG_DEC }, { "ret", ARG_DEC },
		{ "nr_lazy", ARG_DEC }, { "nr_lazy_max", ARG_DEC },
		{ "unlock", ARG_DEC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strlen(rows[i].name) == n &&
		    !memcmp(rows[i].name, name, n))
			return rows[i].form;
	}
	return ARG_HEX;
}

static bool absent(enum arg_form form, uint64_t v)
{
	return (form == ARG_ID && v == UINT32_MAX) ||
	       (form == ARG_NS && v == UINT64_MAX);
}

/* returns whether it printed */
static bool print_arg(const char *name, size_t n, uint64_t v, bool json,
		      bool first)
{
	enum arg_form form = arg_form(name, n);

	if (absent(form, v)) {
		if (!json)
			printf(" %.*s=?", (int)n, name);
		return !json;
	}
	if (json && !first)
		putchar(',');
	printf(json ? "\"%.*s\":" : " %.*s=", (int)n, name);
	if (form == ARG_STATE)
		printf(json ? "\"%c\"" : "%c", v > 32 && v < 127 && v != '"' &&
		       v != '\\' ? (int)v : '?');
	else if (form == ARG_HEX)
		printf(json ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64, v);
	else
		printf("%" PRId64, (int64_t)v);
	return true;
}

static void print_args(const struct op *op, bool json)
{
	const struct op_kind_info *k = &op_kinds[op->kind];
	const char *p = k->args;
	bool first = true;

	for (unsigned i = 0; i < k->nargs; i++) {
		size_t n = strcspn(p, ",");

		if (print_arg(p, n, op->arg[i], json, first))
			first = false;
		p += n + 1;
	}
}

static void print_result(const struct op *op, bool json)
{
	const char *form = op_kinds[op->kind].result;

	if (!strcmp(form, "none"))
		return;
	if (!(op->flags & OPF_RESULT_KNOWN)) {
		if (!json)
			printf(" -> ?");
		return;
	}
	printf(json ? ",\"result\":" : " -> ");
	if (op->flags & OPF_FAILED && !json)
		printf("%s", strerrorname_np((int)-op->result) ?
		       strerrorname_np((int)-op->result) : "error");
	else if (!strcmp(form, "addr") && !(op->flags & OPF_FAILED))
		printf(json ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64,
		       (uint64_t)op->result);
	else
		printf("%" PRId64, op->result);
}

static void print_segment_text(const struct op_segment *s)
{
	printf("%44s%-4s work %" PRId64, "", seg_names[s->kind], s->work_ns);
	if (s->kind == SEG_W || s->kind == SEG_R)
		printf(" mm %u%s", s->mm, s->downgraded ? " downgraded" : "");
	if (s->wait_ns)
		printf(" wait %" PRId64, s->wait_ns);
	if (s->wait_ns && s->spin_ns != TRACE_UNKNOWN_NS)
		printf(" (spin %" PRId64 ")", s->spin_ns);
	if (s->contended)
		printf(" contended");
	if (s->trylock_failed)
		printf(" trylock-failed");
	if (s->sleep_ns)
		printf(" sleep %" PRId64, s->sleep_ns);
	if (s->tax_ns)
		printf(" tax %" PRId64, s->tax_ns);
	if (s->tlb_local || s->tlb_ipi)
		printf(" tlb %u local %u ipi", s->tlb_local, s->tlb_ipi);
	putchar('\n');
}

static void print_text(const struct args *a, const struct trace_header *h,
		       const struct op *op)
{
	const struct trace_task *t = &h->tasks[op->task];

	printf("%6" PRId64 ".%09" PRId64 " [%03u] %5u %-15s %s",
	       op->start_ns / 1000000000, op->start_ns % 1000000000, op->cpu,
	       op->task, t->comm, op_kinds[op->kind].name);
	print_args(op, false);
	print_result(op, false);
	if (op->duration_ns != TRACE_UNKNOWN_NS)
		printf(" <%" PRId64 " ns>", op->duration_ns);
	if (op->kind == OP_FAULT)
		printf(" path=%s", fault_path_names[op->path]);
	for (int i = 0; i < FLAGS; i++) {
		if (op->flags & flag_names[i].bit &&
		    flag_names[i].bit != OPF_FAILED)
			printf(" %s", flag_names[i].name);
	}
	if (op->mm != TRACE_NO_MM)
		printf(" mm %u", op->mm);
	putchar('\n');
	for (unsigned i = 0; i < op->segs && !a->no_segments; i++)
		print_segment_text(&op->seg[i]);
}

static void print_comm_json(const char *s)
{
	fputs(",\"comm\":\"", stdout);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < ' ' || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c < 128 ? c : '?');
	}
	putchar('"');
}

static void print_segments_json(const struct op *op)
{
	fputs(",\"segments\":[", stdout);
	for (unsigned i = 0; i < op->segs; i++) {
		const struct op_segment *s = &op->seg[i];

		printf("%s{\"kind\":\"%s\",\"work_ns\":%" PRId64, i ? "," : "",
		       seg_names[s->kind], s->work_ns);
		if (s->kind == SEG_W || s->kind == SEG_R) {
			printf(",\"wait_ns\":%" PRId64, s->wait_ns);
			if (s->mm != TRACE_NO_MM)
				printf(",\"mm\":%u", s->mm);
			if (s->spin_ns != TRACE_UNKNOWN_NS)
				printf(",\"spin_ns\":%" PRId64, s->spin_ns);
		}
		printf(",\"sleep_ns\":%" PRId64 ",\"tax_ns\":%" PRId64
		       ",\"tlb_local\":%u,\"tlb_ipi\":%u", s->sleep_ns,
		       s->tax_ns, s->tlb_local, s->tlb_ipi);
		if (s->downgraded)
			fputs(",\"downgraded\":true", stdout);
		if (s->contended)
			fputs(",\"contended\":true", stdout);
		if (s->trylock_failed)
			fputs(",\"trylock_failed\":true", stdout);
		putchar('}');
	}
	putchar(']');
}

static void print_json(const struct args *a, const struct trace_header *h,
		       const struct op *op)
{
	bool first = true;

	printf("{\"start_ns\":%" PRId64 ",\"cpu\":%u,\"task\":%u",
	       op->start_ns, op->cpu, op->task);
	print_comm_json(h->tasks[op->task].comm);
	printf(",\"kind\":\"%s\"", op_kinds[op->kind].name);
	if (op->duration_ns != TRACE_UNKNOWN_NS)
		printf(",\"duration_ns\":%" PRId64, op->duration_ns);
	fputs(",\"args\":{", stdout);
	print_args(op, true);
	putchar('}');
	print_result(op, true);
	if (op->mm != TRACE_NO_MM)
		printf(",\"op_mm\":%u", op->mm);
	if (op->kind == OP_FAULT)
		printf(",\"path\":\"%s\"", fault_path_names[op->path]);
	for (int i = 0; i < FLAGS; i++) {
		if (!(op->flags & flag_names[i].bit))
			continue;
		printf("%s\"%s\"", first ? ",\"flags\":[" : ",",
		       flag_names[i].name);
		first = false;
	}
	if (!first)
		putchar(']');
	if (op->segs && !a->no_segments)
		print_segments_json(op);
	fputs("}\n", stdout);
}

static int add_kind(struct args *a, const char *name, struct errbuf *e)
{
	const char *names[OP_KIND_COUNT];
	int k = op_kind_find(name);

	if (k < 0) {
		for (int i = 0; i < OP_KIND_COUNT; i++)
			names[i] = op_kinds[i].name;
		return err_unknown(e, (struct loc){ 0 }, "kind", name, names,
				   OP_KIND_COUNT);
	}
	a->kinds |= 1ULL << k;
	a->all |= op_kinds[k].cls == OP_CLASS_MEASURE;
	return 0;
}

static int number(const char *what, const char *text, uint64_t *v,
		  struct errbuf *e)
{
	char *end;

	*v = strtoull(text, &end, 10);
	if (*end || end == text || *text == '-')
		return err_usage(e, "dump: %s '%s': expected a number", what,
				 text);
	return 0;
}

static int parse(int argc, char **argv, struct args *a, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "task", required_argument, NULL, 't' },
		{ "kind", required_argument, NULL, 'k' },
		{ "lines", required_argument, NULL, 'n' },
		{ "no-segments", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	uint64_t v;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, ":at:k:n:", longs,
					NULL)) >= 0) {
		if (c == 'a') {
			a->all = true;
		} else if (c == 't') {
			ret = number("--task", optarg, &v, e);
			a->task = v < TRACE_NO_TASK ? (uint32_t)v :
						      TRACE_NO_TASK - 1;
		} else if (c == 'k') {
			ret = add_kind(a, optarg, e);
		} else if (c == 'n') {
			ret = number("--lines", optarg, &a->limit, e);
		} else if (c == 's') {
			a->no_segments = true;
		} else if (c == 'j') {
			a->json = true;
		} else {
			ret = err_usage(e, "dump: %s '%s'; see --help",
					c == ':' ? "no value for" :
						   "unknown option",
					argv[optind - 1]);
		}
	}
	if (!ret && argc - optind != 1)
		ret = err_usage(e, "dump takes one trace; see --help");
	if (!ret)
		a->path = argv[optind];
	return ret;
}

static int dump(const struct args *a, struct mmt_reader *r, struct errbuf *e)
{
	const struct trace_header *h = mmt_header(r);
	struct mmt_cursor *c;
	struct op op;
	uint64_t n = 0;
	int ret = 0;

	if (a->task != TRACE_NO_TASK && a->task >= h->task_count)
		return err_usage(e, "dump: --task %u: the trace has tasks 0 "
				 "to %u", a->task, h->task_count - 1);
	c = a->task != TRACE_NO_TASK ? mmt_cursor(r, a->task) : mmt_merged(r);
	while (n < a->limit && (ret = mmt_next(c, &op, e)) > 0) {
		if (a->kinds && !(a->kinds >> op.kind & 1))
			continue;
		if (a->json)
			print_json(a, h, &op);
		else
			print_text(a, h, &op);
		n++;
		if (ferror(stdout)) {
			ret = errno == EPIPE ? 0 : err_sys(e, "stdout",
							   "write");
			break;
		}
	}
	mmt_cursor_free(c);
	return ret < 0 ? ret : 0;
}

static int run(int argc, char **argv, struct errbuf *e)
{
	struct args a = { .task = TRACE_NO_TASK, .limit = UINT64_MAX };
	struct mmt_reader *r;
	int ret = parse(argc, argv, &a, e);

	if (ret)
		return -1;
	r = mmt_open(a.path, (a.all ? MMT_MEASUREMENTS : 0) |
		     (a.task == TRACE_NO_TASK ? MMT_IN_ORDER : 0),
		     CACHE_BYTES, e);
	if (!r)
		return -1;
	ret = dump(&a, r, e);
	mmt_close(r);
	return ret ? -1 : 0;
}

const struct command cmd_dump = {
	"dump", "records of a trace, as text or one JSON object a line", help,
	run
};
