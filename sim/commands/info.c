/* mmreplay info: what is in a native trace, and what is absent. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/getopt.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/commands/command.h"
#include "traces/format/mmt.h"

static const char help[] =
"usage: mmreplay info TRACE [--json] [--tasks N]\n"
"\n"
"Header facts, records by kind, tasks, address spaces, and which event classes\n"
"the capture has and lacks. Reads header and tables only, no records. - is\n"
"stdin.\n"
"\n"
"      --tasks N        list the N tasks with most records (default 10; all)\n"
"      --json           everything, as JSON\n"
"  -h, --help           this text\n";

static const struct have_name {
	uint32_t bit;
	const char *name;
} have_names[] = {
	{ HAVE_SYSCALLS, "syscalls" }, { HAVE_FAULTS, "faults" },
	{ HAVE_MMAP_LOCK, "mmap-lock" }, { HAVE_CONTENTION, "contention" },
	{ HAVE_SCHED, "sched" }, { HAVE_WAKING, "waking" },
	{ HAVE_VMALLOC, "vmalloc" },
	{ HAVE_VMALLOC_SYSTEMWIDE, "vmalloc-systemwide" },
	{ HAVE_TLB, "tlb" }, { HAVE_LAYOUT, "layout" },
	{ HAVE_DURATIONS, "durations" }, { HAVE_FORK_EXIT, "fork-exit" },
	{ HAVE_RSS, "rss" }, { HAVE_NS_CLOCK, "ns-clock" },
};

enum { HAVE_COUNT = sizeof(have_names) / sizeof(*have_names) };

static void print_fact(const char *name, const char *value)
{
	if (*value)
		printf("%-16s %s\n", name, value);
}

static void print_number(const char *name, uint64_t value, const char *unit)
{
	if (value)
		printf("%-16s %" PRIu64 "%s%s\n", name, value,
		       *unit ? " " : "", unit);
}

static void print_have(const struct trace_header *h, bool have)
{
	bool any = false;

	for (int i = 0; i < HAVE_COUNT; i++) {
		if (!(h->have & have_names[i].bit) == have)
			continue;
		printf("%s%s", any ? " " : have ? "has              " :
						  "absent           ",
		       have_names[i].name);
		any = true;
	}
	if (any)
		putchar('\n');
}

static const struct trace_header *sort_header;	/* for by_records() only */

static int by_records(const void *x, const void *y)
{
	const struct trace_task *a = &sort_header->tasks[*(const uint32_t *)x];
	const struct trace_task *b = &sort_header->tasks[*(const uint32_t *)y];

	if (a->records != b->records)
		return a->records < b->records ? 1 : -1;
	return *(const uint32_t *)x < *(const uint32_t *)y ? -1 : 1;
}

static void print_tasks(const struct trace_header *h, uint32_t limit)
{
	uint32_t *order = xcalloc((size_t)h->task_count + 1, sizeof(*order));

	for (uint32_t t = 0; t < h->task_count; t++)
		order[t] = t;
	sort_header = h;
	qsort(order, h->task_count, sizeof(*order), by_records);
	printf("\n%6s %8s %8s %6s %6s %10s %14s %14s  %s\n", "task", "tid",
	       "tgid", "parent", "mm", "records", "first_ns", "last_ns", "comm");
	for (uint32_t i = 0; i < h->task_count && i < limit; i++) {
		const struct trace_task *t = &h->tasks[order[i]];
		char parent[16] = "-", mm[16] = "-";

		if (t->parent != TRACE_NO_TASK)
			snprintf(parent, sizeof(parent), "%u", t->parent);
		if (t->mm != TRACE_NO_MM)
			snprintf(mm, sizeof(mm), "%u", t->mm);
		printf("%6u %8u %8u %6s %6s %10" PRIu64 " %14" PRId64 " %14"
		       PRId64 "  %s\n", order[i], t->tid, t->tgid, parent, mm,
		       t->records, t->first_ns, t->last_ns, t->comm);
	}
	if (h->task_count > limit)
		printf("  and %u more (--tasks all)\n", h->task_count - limit);
	free(order);
}

static void print_ops(const struct trace_header *h)
{
	static const char *const titles[] = { "replayed", "schedule",
					      "measured" };

	for (int cls = OP_CLASS_REPLAY; cls <= OP_CLASS_MEASURE; cls++) {
		uint64_t total = 0;

		for (int k = 0; k < OP_KIND_COUNT; k++) {
			if ((int)op_kinds[k].cls == cls)
				total += h->ops[k];
		}
		if (!total)
			continue;
		printf("\n%-24s %12" PRIu64 "\n", titles[cls], total);
		for (int k = 0; k < OP_KIND_COUNT; k++) {
			if ((int)op_kinds[k].cls == cls && h->ops[k])
				printf("  %-22s %12" PRIu64 "\n",
				       op_kinds[k].name, h->ops[k]);
		}
	}
}

static void print_text(const struct mmt_reader *r, uint32_t limit)
{
	const struct trace_header *h = mmt_header(r);
	struct digest d = mmt_digest(r);
	char text[DIGEST_TEXT_BYTES];
	uint64_t areas = 0, assumed = 0;

	digest_text(&d, text);
	print_fact("digest", text);
	print_fact("kernel", h->kernel);
	print_fact("command", h->command);
	print_fact("origin", h->origin);
	print_fact("tool", h->tool);
	print_fact("clock", h->clock);
	print_fact("host", h->host);
	print_number("cpus online", h->cpus_online, "");
	print_number("cpus possible", h->cpus_possible, "");
	print_number("HZ", h->hz, "");
	print_fact("preemption", h->preempt);
	print_fact("huge pages", h->thp);
	print_fact("rcu_nocbs", h->rcu_nocbs);
	if (h->emulated)
		puts("emulated         durations mean nothing");
	if (h->synthetic)
		puts("synthetic        generated, or fitted and scaled");
	if (h->simulated)
		puts("simulated        exported by a simulated run");
	printf("%-16s %" PRId64 ".%09" PRId64 " s\n", "span",
	       h->span_ns / 1000000000, h->span_ns % 1000000000);
	print_number("lost events", h->lost_events, "");
	print_number("lock event tax", (uint64_t)h->lock_event_tax_ns, "ns");
	print_number("lock wait floor", (uint64_t)h->lock_wait_floor_ns, "ns");
	print_number("clipped pieces", h->clipped_ops, "");
	print_number("clipped time", h->clipped_ns, "ns");
	print_have(h, true);
	print_have(h, false);
	for (uint32_t m = 0; m < h->mm_count; m++) {
		areas += h->mms[m].area_count;
		for (uint32_t i = 0; i < h->mms[m].area_count; i++)
			assumed += h->mms[m].areas[i].flags & AREA_ASSUMED ?
				   1 : 0;
	}
	printf("%-16s %u\n%-16s %u, with %" PRIu64 " areas at their start (%"
	       PRIu64 " assumed)\n", "tasks", h->task_count, "address spaces",
	       h->mm_count, areas, assumed);
	print_ops(h);
	print_tasks(h, limit);
}

static void set_text(json_t *o, const char *key, const char *s)
{
	json_t *v = json_string(s);

	if (!v) {	/* not UTF-8: a comm can be anything */
		char clean[512];
		size_t n = 0;

		for (; s[n] && n < sizeof(clean) - 1; n++)
			clean[n] = (unsigned char)s[n] < 128 ? s[n] : '?';
		clean[n] = 0;
		v = json_string(clean);
	}
	json_object_set_new(o, key, v);
}

static void set_id(json_t *o, const char *key, uint32_t id)
{
	json_object_set_new(o, key, id == UINT32_MAX ? json_null() :
						       json_integer(id));
}

static json_t *tasks_json(const struct trace_header *h)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < h->task_count; i++) {
		const struct trace_task *t = &h->tasks[i];
		json_t *o = json_object();

		json_object_set_new(o, "task", json_integer(i));
		json_object_set_new(o, "tid", json_integer(t->tid));
		json_object_set_new(o, "tgid", json_integer(t->tgid));
		set_id(o, "parent", t->parent);
		set_id(o, "mm", t->mm);
		json_object_set_new(o, "first_ns", json_integer(t->first_ns));
		json_object_set_new(o, "last_ns", json_integer(t->last_ns));
		json_object_set_new(o, "records",
				    json_integer((json_int_t)t->records));
		json_object_set_new(o, "exited", json_boolean(t->exited));
		set_text(o, "comm", t->comm);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *area_json(const struct trace_area *a)
{
	json_t *o = json_object();
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, a->start);
	set_text(o, "start", text);
	snprintf(text, sizeof(text), "0x%" PRIx64, a->end);
	set_text(o, "end", text);
	json_object_set_new(o, "flags", json_integer(a->flags));
	if (a->resident_pages != UINT64_MAX)
		json_object_set_new(o, "resident_pages",
				    json_integer((json_int_t)a->resident_pages));
	set_text(o, "name", a->name);
	return o;
}

static json_t *mms_json(const struct trace_header *h)
{
	static const char *const origins[] = { "initial", "fork", "exec" };
	json_t *list = json_array();

	for (uint32_t i = 0; i < h->mm_count; i++) {
		const struct trace_mm *m = &h->mms[i];
		json_t *o = json_object(), *areas = json_array();

		json_object_set_new(o, "mm", json_integer(i));
		set_text(o, "origin", origins[m->origin]);
		set_id(o, "parent", m->parent);
		set_id(o, "owner_task", m->owner_task);
		json_object_set_new(o, "first_ns", json_integer(m->first_ns));
		json_object_set_new(o, "last_ns", json_integer(m->last_ns));
		for (uint32_t k = 0; k < m->area_count; k++)
			json_array_append_new(areas, area_json(&m->areas[k]));
		json_object_set_new(o, "areas", areas);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *header_json(const struct trace_header *h)
{
	const struct { const char *key; int64_t v; } numbers[] = {
		{ "cpus_online", h->cpus_online },
		{ "cpus_possible", h->cpus_possible }, { "hz", h->hz },
		{ "span_ns", h->span_ns }, { "epoch_ns", h->epoch_ns },
		{ "lost_events", (int64_t)h->lost_events },
		{ "lock_event_tax_ns", h->lock_event_tax_ns },
		{ "lock_wait_floor_ns", h->lock_wait_floor_ns },
		{ "clipped_ns", (int64_t)h->clipped_ns },
		{ "clipped_ops", (int64_t)h->clipped_ops },
	};
	json_t *o = json_object(), *have = json_array(), *absent = json_array();

	set_text(o, "kernel", h->kernel);
	set_text(o, "command", h->command);
	set_text(o, "origin", h->origin);
	set_text(o, "tool", h->tool);
	set_text(o, "clock", h->clock);
	set_text(o, "host", h->host);
	set_text(o, "preempt", h->preempt);
	set_text(o, "thp", h->thp);
	set_text(o, "rcu_nocbs", h->rcu_nocbs);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_object_set_new(o, numbers[i].key,
				    json_integer(numbers[i].v));
	json_object_set_new(o, "emulated", json_boolean(h->emulated));
	json_object_set_new(o, "synthetic", json_boolean(h->synthetic));
	json_object_set_new(o, "simulated", json_boolean(h->simulated));
	for (int i = 0; i < HAVE_COUNT; i++)
		json_array_append_new(h->have & have_names[i].bit ? have :
				      absent, json_string(have_names[i].name));
	json_object_set_new(o, "has", have);
	json_object_set_new(o, "absent", absent);
	return o;
}

static void print_json(const struct mmt_reader *r)
{
	const struct trace_header *h = mmt_header(r);
	struct digest d = mmt_digest(r);
	json_t *o = json_object(), *ops = json_object();
	char text[DIGEST_TEXT_BYTES];

	digest_text(&d, text);
	set_text(o, "digest", text);
	json_object_set_new(o, "header", header_json(h));
	for (int k = 0; k < OP_KIND_COUNT; k++) {
		if (h->ops[k])
			json_object_set_new(ops, op_kinds[k].name,
				json_integer((json_int_t)h->ops[k]));
	}
	json_object_set_new(o, "ops", ops);
	json_object_set_new(o, "tasks", tasks_json(h));
	json_object_set_new(o, "mms", mms_json(h));
	json_dumpf(o, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(o);
}

static int run(int argc, char **argv, struct errbuf *e)
{
	static const struct long_option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "tasks", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	struct mmt_reader *r;
	uint32_t limit = 10;
	bool json = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, ":", longs, NULL)) >= 0) {
		if (c == 'j') {
			json = true;
		} else if (c == 't') {
			limit = (uint32_t)strtoul(optarg, &end, 10);
			if (!strcmp(optarg, "all"))
				limit = UINT32_MAX;
			else if (*end || end == optarg)
				return err_usage(e, "--tasks %s: expected a "
						 "number or all", optarg);
		} else {
			return err_usage(e, "info: %s '%s'; see --help",
					 c == ':' ? "no value for" :
						    "unknown option",
					 argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return err_usage(e, "info takes one trace; see --help");
	r = mmt_open(argv[optind], 0, 0, e);
	if (!r)
		return -1;
	if (json)
		print_json(r);
	else
		print_text(r, limit);
	mmt_close(r);
	return 0;
}

const struct command cmd_info = {
	"info", "header, counts and tasks of a trace", help, run
};
