/*
 * The account of an import: where every line went, what was made of them,
 * what a replay will lack, and what to capture next time.
 *
 * Invariant: lines = op lines + measurements + headers + blanks + losses.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "traces/import/import.h"

void import_account_release(struct import_account *acct)
{
	for (unsigned i = 0; i < acct->losses; i++)
		free(acct->loss[i].name);
	acct->losses = 0;
}

static uint64_t lost_lines(const struct import_account *acct)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < acct->losses; i++)
		n += acct->loss[i].lines;
	return n;
}

bool import_balanced(const struct import_account *acct)
{
	return acct->lines == acct->op_lines + acct->measurement_lines +
			      acct->header_lines + acct->blank_lines +
			      lost_lines(acct);
}

/* what is absent, what that means, what to do about it next time */
static const struct lack {
	uint32_t have;
	const char *name, *means, *next_time;
} lacks[] = {
	{ HAVE_SYSCALLS, "system calls", "only faults and lock events",
	  "syscalls/sys_enter_* and sys_exit_* of mmap munmap mremap mprotect "
	  "madvise brk clone clone3 fork vfork execve exit_group" },
	{ HAVE_FAULTS, "page faults", "residency and fault cost are unknown",
	  "exceptions/page_fault_user and page_fault_kernel" },
	{ HAVE_MMAP_LOCK, "mmap_lock events",
	  "no waits or holds: recorded costs cannot be split, use costs: model",
	  "mmap_lock/*" },
	{ HAVE_CONTENTION, "lock contention events",
	  "spinning and sleeping in a wait are told apart by sched events only",
	  "lock/contention_begin and contention_end" },
	{ HAVE_SCHED, "sched_switch",
	  "a gap is sleep or compute, nobody knows", "sched/sched_switch" },
	{ HAVE_WAKING, "sched_waking", "who waits for whom is unknown",
	  "sched/sched_waking" },
	{ HAVE_FORK_EXIT, "task_newtask and sched_process_*",
	  "tasks and address spaces are guessed; a thread number that comes "
	  "again is one task",
	  "task/task_newtask, sched/sched_process_*" },
	{ HAVE_VMALLOC, "vmalloc events", "no vmalloc or vfree to replay",
	  "vmalloc/*, in an instance without pid filter, as --vmalloc" },
	{ HAVE_TLB, "tlb_flush", "shootdowns are modelled, not recorded",
	  "tlb/tlb_flush" },
	{ HAVE_LAYOUT, "the layout at the start",
	  "areas are assumed from their use", "/proc/PID/maps, as --maps" },
	{ HAVE_NS_CLOCK, "nanosecond stamps",
	  "holds are rounded to us and the tracer's tax is unknown",
	  "trace-cmd report -t of the same buffer" },
};

static void print_lacks(const struct import_account *acct, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(lacks) / sizeof(*lacks); i++) {
		if (acct->have & lacks[i].have)
			continue;
		if (!any)
			fputs("a replay will lack\n", out);
		any = true;
		fprintf(out, "  %s: %s; next time: %s\n", lacks[i].name,
			lacks[i].means, lacks[i].next_time);
	}
	if (acct->ticks)
		fputs("  time: stamps give an order, no durations and no pace; "
		      "next time: a clock of seconds (mono), or --clock-hz "
		      "with what this one ticks\n", out);
	if (acct->wakers_unsure)
		fputs("  context of wakings: no flags column; an interrupt "
		      "looks like a task; next time: --flags-from the tracefs "
		      "text of the same buffer\n", out);
}

static void print_ops(const struct import_account *acct, FILE *out)
{
	static const char *const titles[] = { "replayed", "schedule",
					      "measured" };

	for (int cls = OP_CLASS_REPLAY; cls <= OP_CLASS_MEASURE; cls++) {
		int column = 0;

		for (int k = 0; k < OP_KIND_COUNT; k++) {
			char text[64];
			int n;

			if ((int)op_kinds[k].cls != cls || !acct->ops[k])
				continue;
			n = snprintf(text, sizeof(text), "%s %" PRIu64,
				     op_kinds[k].name, acct->ops[k]);
			if (!column)
				column = fprintf(out, "%-9s ", titles[cls]);
			else if (column + n > 78)
				column = fprintf(out, "\n%-9s ", "") - 1;
			else
				column += fprintf(out, ", ");
			column += fprintf(out, "%s", text);
		}
		if (column)
			fputc('\n', out);
	}
}

void import_account_print(const struct import_account *acct, FILE *out)
{
	fprintf(out, "%s: %" PRIu64 " lines = %" PRIu64 " in ops + %" PRIu64
		" measurements + %" PRIu64 " headers + %" PRIu64 " blank + %"
		PRIu64 " lost\n", acct->format, acct->lines, acct->op_lines,
		acct->measurement_lines, acct->header_lines,
		acct->blank_lines, lost_lines(acct));
	for (unsigned i = 0; i < acct->losses; i++)
		fprintf(out, "  lost %" PRIu64 ": %s (first: %s)\n",
			acct->loss[i].lines, acct->loss[i].name,
			acct->loss[i].example);
	print_ops(acct, out);
	fprintf(out, "%u tasks, %u address spaces, ", acct->tasks, acct->mms);
	if (acct->ticks)
		fprintf(out, "%" PRId64 " ticks of a clock without unit\n",
			acct->span_ns);
	else
		fprintf(out, "%" PRId64 ".%06" PRId64 " s\n",
			acct->span_ns / 1000000000,
			acct->span_ns / 1000 % 1000000);
	if (!(acct->op_lines + acct->measurement_lines))
		fputs("no record came out of this: nothing to replay\n", out);
	if (acct->unpaired_enters)
		fprintf(out, "%" PRIu64 " ops without an end (result "
			"unknown)\n", acct->unpaired_enters);
	if (acct->lost_events)
		fprintf(out, "%" PRIu64 " events lost by the capture itself\n",
			acct->lost_events);
	if (acct->clock_steps)
		fprintf(out, "%" PRIu64 " stamps went backward\n",
			acct->clock_steps);
	if (acct->lock_outside)
		fprintf(out, "%" PRIu64 " locks taken outside any traced "
			"call\n", acct->lock_outside);
	if (acct->faults_outside)
		fprintf(out, "%" PRIu64 " faults where a traced call had "
			"unmapped\n", acct->faults_outside);
	if (acct->tids_again)
		fprintf(out, "%" PRIu64 " thread numbers came again after "
			"their exit: tasks of their own\n", acct->tids_again);
	if (acct->early_end[0])
		fprintf(out, "the input ends early: %s\n", acct->early_end);
	print_lacks(acct, out);
}

static json_t *json_u64(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *losses_json(const struct import_account *acct)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < acct->losses; i++) {
		json_t *loss = json_object();

		json_object_set_new(loss, "name",
				    json_string(acct->loss[i].name));
		json_object_set_new(loss, "lines",
				    json_u64(acct->loss[i].lines));
		json_object_set_new(loss, "first",
				    json_string(acct->loss[i].example));
		json_array_append_new(list, loss);
	}
	return list;
}

json_t *import_account_json(const struct import_account *acct)
{
	const struct { const char *key; uint64_t v; } numbers[] = {
		{ "lines", acct->lines }, { "op_lines", acct->op_lines },
		{ "measurement_lines", acct->measurement_lines },
		{ "header_lines", acct->header_lines },
		{ "blank_lines", acct->blank_lines },
		{ "lost_lines", lost_lines(acct) },
		{ "open_ops", acct->unpaired_enters },
		{ "lost_events", acct->lost_events },
		{ "clock_steps", acct->clock_steps },
		{ "locks_outside_ops", acct->lock_outside },
		{ "faults_outside_areas", acct->faults_outside },
		{ "tids_again", acct->tids_again },
		{ "span_ns", (uint64_t)acct->span_ns },
		{ "tasks", acct->tasks }, { "mms", acct->mms },
	};
	json_t *o = json_object(), *ops = json_object(), *lack = json_array();

	json_object_set_new(o, "format", json_string(acct->format));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_object_set_new(o, numbers[i].key, json_u64(numbers[i].v));
	if (acct->ticks)
		json_object_set_new(o, "ticks", json_true());
	json_object_set_new(o, "balanced",
			    json_boolean(import_balanced(acct)));
	for (int k = 0; k < OP_KIND_COUNT; k++) {
		if (acct->ops[k])
			json_object_set_new(ops, op_kinds[k].name,
					    json_u64(acct->ops[k]));
	}
	json_object_set_new(o, "ops", ops);
	json_object_set_new(o, "losses", losses_json(acct));
	for (size_t i = 0; i < sizeof(lacks) / sizeof(*lacks); i++) {
		if (!(acct->have & lacks[i].have))
			json_array_append_new(lack, json_string(lacks[i].name));
	}
	json_object_set_new(o, "lacks", lack);
	if (acct->early_end[0])
		json_object_set_new(o, "early_end",
				    json_string(acct->early_end));
	return o;
}
