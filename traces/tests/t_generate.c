/*
 * Generated workloads: the same parameters give the same bytes, every op is
 * valid where it stands, parameters are checked, the waiting between tasks
 * is in the trace. Not pinned here: what a replay makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/base/mem.h"
#include "sim/base/rangemap.h"
#include "traces/format/mmt.h"
#include "traces/generate/generate.h"

/* small parameters for each workload, so that all of them run in a second */
static const struct {
	const char *workload;
	const char *params[8];
} small[] = {
	{ "pft-threads", { "threads=3", "pages=50", "rounds=2" } },
	{ "pft-threads", { "threads=3", "pages=50", "vmas=per-thread" } },
	{ "munmap-large", { "gib=2", "reads=5", "readers=2" } },
	{ "map-touch-churn", { "threads=3", "loops=5", "pages=4", "reads=7" } },
	{ "map-touch-churn", { "threads=3", "loops=5", "touch=populate" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=random-size" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=fix-align" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=random-align" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=9", "test=long-busy", "busy=20" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=9", "test=full-fit", "holes=20" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=90", "test=cross-cpu", "lag=5" } },
	{ "vmalloc-pairs", { "jobs=1", "loops=9", "test=cross-cpu", "lag=20" } },
	{ "fork-vmas", { "vmas=30", "forks=5", "child_faults=3", "threads=2",
			 "faults=20", "parent_faults=2" } },
	{ "exit-many-vmas", { "vmas=40", "processes=2" } },
	{ "exit-many-vmas", { "vmas=40", "how=munmap" } },
	{ "exit-many-vmas", { "vmas=40", "how=munmap-each" } },
	{ "mmap-churn", { "threads=3", "loops=200", "window=5",
			  "think=exponential" } },
	{ "maps-readers", { "readers=2", "reads=5", "threads=2", "loops=6",
			    "vmas=20", "file=smaps" } },
	{ "thread-storm", { "threads=2", "batch=3", "loops=4" } },
	{ "malloc-arenas", { "threads=2", "loops=3000", "live_kib=2048" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=align-shift" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=vmap" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=random-ram" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "test=aliases", "lag=5" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=43", "test=kvfree-rcu", "lag=10" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=9", "test=kvfree-rcu", "lag=1" } },
	{ "vmalloc-pairs", { "jobs=3", "loops=40", "stagger_us=7" } },
};

enum { SMALL = sizeof(small) / sizeof(small[0]) };

static char dir[] = "/tmp/t_generate.XXXXXX";

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static int generate(const char *workload, const char *const *words,
		    const char *path, struct generate_result *out,
		    struct errbuf *e)
{
	struct gen_param p[8];
	char *copy[8];
	struct generate_request q = { .workload = workload, .params = p,
				      .output = path };
	int code;

	for (; q.param_count < 8 && words[q.param_count]; q.param_count++) {
		char *w = xstrdup(words[q.param_count]), *eq = strchr(w, '=');

		*eq = '\0';
		copy[q.param_count] = w;
		p[q.param_count] = (struct gen_param){ .key = w,
						       .value = eq + 1 };
	}
	code = generate_run(&q, out, e);
	for (unsigned i = 0; i < q.param_count; i++)
		free(copy[i]);
	return code;
}

static struct generate_result must(unsigned i, const char *path)
{
	struct generate_result r = { 0 };
	struct errbuf e = { 0 };

	if (generate(small[i].workload, small[i].params, path, &r, &e))
		fail_msg("%s: %s", small[i].workload, e.text);
	return r;
}

static char *bytes_of(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	char *b;

	assert_non_null(f);
	fstat(fileno(f), &st);
	*n = (size_t)st.st_size;
	b = xcalloc(*n + 1, 1);
	assert_int_equal(fread(b, 1, *n, f), *n);
	fclose(f);
	return b;
}

/* Same workload, same parameters: same bytes, same digest. */
static void t_same_bytes(void **state)
{
	char *one = in_dir("one.mmt"), *two = in_dir("two.mmt");

	(void)state;
	for (unsigned i = 0; i < SMALL; i++) {
		struct generate_result a = must(i, one), b = must(i, two);
		size_t na, nb;
		char *ba = bytes_of(one, &na), *bb = bytes_of(two, &nb);

		assert_int_equal(na, nb);
		assert_memory_equal(ba, bb, na);
		assert_memory_equal(&a.digest, &b.digest, sizeof(a.digest));
		assert_true(a.records > 0);
		free(ba);
		free(bb);
	}
	free(one);
	free(two);
}

/* Another seed changes what draws, and nothing else. */
static void t_seed(void **state)
{
	static const char *const a[] = { "threads=2", "loops=50", "seed=1", NULL };
	static const char *const b[] = { "threads=2", "loops=50", "seed=2", NULL };
	char *path = in_dir("seed.mmt");
	struct generate_result ra, rb;
	struct errbuf e = { 0 };

	(void)state;
	assert_int_equal(generate("mmap-churn", a, path, &ra, &e), 0);
	assert_int_equal(generate("mmap-churn", b, path, &rb, &e), 0);
	assert_memory_not_equal(&ra.digest, &rb.digest, sizeof(ra.digest));
	free(path);
}

/* ---- every op is valid: a plain model of what is mapped and resident ---- */

enum { ABSENT = 1, PRESENT = 2 };

struct world {
	const char *name;
	const struct trace_header *h;
	struct rangemap *mm;		/* mapped pages, ABSENT or PRESENT */
	struct rangemap va;		/* vmalloc areas that are live */
	bool *blocked, *born, *gone;
	int64_t *last;
};

static bool all_is(const struct rangemap *m, struct range r, bool mapped)
{
	uint64_t bytes = rangemap_bytes(m, r);

	return mapped ? bytes == range_bytes(r) : !bytes;
}

static void check_fault(struct world *w, const struct op *op)
{
	struct range page = { page_down(op->arg[0]),
			      page_down(op->arg[0]) + PAGE_BYTES };
	struct range_run run;
	bool cow = op->arg[2] & 1;

	assert_true(rangemap_find(&w->mm[op->mm], page.start, &run));
	/* a copy needs a page, a first touch a hole; resident runs of a start
	 * layout have no places, so every page of such an area may be there */
	if (run.value == ABSENT)
		assert_false(cow);
	if (!cow)
		rangemap_set(&w->mm[op->mm], page, PRESENT);
}

static void check_map(struct world *w, const struct op *op)
{
	struct rangemap *m = op->mm == TRACE_NO_MM ? NULL : &w->mm[op->mm];
	struct range r = { op->arg[0], op->arg[0] + op->arg[1] };
	struct range fresh = { (uint64_t)op->result,
			       (uint64_t)op->result + op->arg[1] };

	switch (op->kind) {
	case OP_MMAP:
		assert_true(all_is(m, fresh, false));
		rangemap_set(m, fresh, ABSENT);
		break;
	case OP_MUNMAP:
		assert_true(rangemap_bytes(m, r) > 0);
		rangemap_clear(m, r);
		break;
	case OP_MREMAP:
		assert_true(all_is(m, r, true));
		fresh.start = r.end;
		fresh.end = r.start + op->arg[2];
		assert_int_equal(op->result, r.start);
		assert_true(all_is(m, fresh, false));
		rangemap_set(m, fresh, ABSENT);
		break;
	case OP_MPROTECT:
		assert_true(all_is(m, r, true));
		break;
	case OP_MADVISE:
		assert_true(all_is(m, r, true));
		if (op->arg[2] == 4)
			rangemap_set(m, r, ABSENT);
		break;
	case OP_VMALLOC:
		assert_true(all_is(&w->va, r, false));
		assert_int_equal(op->arg[0] % op->arg[2], 0);
		rangemap_set(&w->va, r, op->task + 1);
		break;
	case OP_VFREE:
		assert_true(all_is(&w->va, r, true));
		rangemap_clear(&w->va, r);
		break;
	default:
		break;
	}
}

static void check_task(struct world *w, const struct op *op)
{
	uint32_t child = (uint32_t)op->arg[0];

	assert_true(w->born[op->task] && !w->gone[op->task]);
	/* one op of a task at a time, at least 1 ns apart */
	assert_true(op->start_ns > w->last[op->task]);
	w->last[op->task] = op->start_ns + op->duration_ns;
	if (op->kind != OP_SCHED_IN)
		assert_false(w->blocked[op->task]);
	switch (op->kind) {
	case OP_FORK:
	case OP_CLONE_THREAD:
		assert_false(w->born[child]);
		assert_int_equal(w->h->tasks[child].parent, op->task);
		assert_int_equal(op->result, w->h->tasks[child].tid);
		w->born[child] = true;
		break;
	case OP_EXIT:
		w->gone[op->task] = true;
		break;
	case OP_SCHED_OUT:
		w->blocked[op->task] = true;
		break;
	case OP_SCHED_IN:
		assert_true(w->blocked[op->task]);
		w->blocked[op->task] = false;
		break;
	case OP_WAKING:
		assert_true(w->blocked[child]);
		break;
	default:
		break;
	}
}

static void copy_run(struct world *w, uint32_t from, uint32_t to)
{
	struct range_run run;
	uint64_t at = 0;

	while (rangemap_next(&w->mm[from], at, &run)) {
		rangemap_set(&w->mm[to], run.r, run.value);
		at = run.r.end;
	}
}

static void world_open(struct world *w, const struct trace_header *h)
{
	w->h = h;
	w->mm = xcalloc(h->mm_count + 1, sizeof(*w->mm));
	w->blocked = xcalloc(h->task_count, 1);
	w->born = xcalloc(h->task_count, 1);
	w->gone = xcalloc(h->task_count, 1);
	w->last = xcalloc(h->task_count, sizeof(*w->last));
	for (uint32_t i = 0; i < h->task_count; i++) {
		w->born[i] = h->tasks[i].parent == TRACE_NO_TASK;
		w->last[i] = -1;
	}
	for (uint32_t i = 0; i < h->mm_count; i++) {
		const struct trace_mm *m = &h->mms[i];

		for (uint32_t k = 0; k < m->area_count; k++)
			rangemap_set(&w->mm[i], (struct range){
				m->areas[k].start, m->areas[k].end },
				m->areas[k].resident_pages ? PRESENT : ABSENT);
	}
}

static void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->h->mm_count; i++)
		rangemap_release(&w->mm[i]);
	rangemap_release(&w->va);
	free(w->mm);
	free(w->blocked);
	free(w->born);
	free(w->gone);
	free(w->last);
}

static void check_trace(const char *name, const char *path)
{
	struct errbuf e = { 0 };
	struct mmt_reader *r = mmt_open(path, 0, 0, &e);
	struct world w = { .name = name };
	uint64_t seen[OP_KIND_COUNT] = { 0 };
	struct mmt_cursor *c;
	struct op op;
	int more;

	if (!r)
		fail_msg("%s: %s", name, e.text);
	world_open(&w, mmt_header(r));
	assert_true(w.h->synthetic);
	assert_string_equal(w.h->kernel, "");
	c = mmt_merged(r);
	while ((more = mmt_next(c, &op, &e)) > 0) {
		seen[op.kind]++;
		assert_true(op.flags & OPF_RESULT_KNOWN);
		assert_true(op.duration_ns >= 0);
		check_task(&w, &op);
		if (op.kind == OP_FAULT)
			check_fault(&w, &op);
		else
			check_map(&w, &op);
		if (op.kind == OP_FORK)
			copy_run(&w, op.mm, w.h->tasks[op.arg[0]].mm);
	}
	assert_int_equal(more, 0);
	for (int k = 0; k < OP_KIND_COUNT; k++)
		assert_int_equal(seen[k], w.h->ops[k]);
	for (uint32_t i = 0; i < w.h->task_count; i++)
		assert_int_equal(w.gone[i], w.h->tasks[i].exited);
	mmt_cursor_free(c);
	world_close(&w);
	mmt_close(r);
}

static void t_valid_ops(void **state)
{
	char *path = in_dir("valid.mmt");

	(void)state;
	for (unsigned i = 0; i < SMALL; i++) {
		must(i, path);
		check_trace(small[i].workload, path);
	}
	free(path);
}

/* Counts that follow from the parameters. */
static void t_counts(void **state)
{
	char *path = in_dir("counts.mmt");
	struct errbuf e = { 0 };
	struct mmt_reader *r;
	const uint64_t *n;

	(void)state;
	must(0, path);			/* pft: 3 threads, 50 pages, 2 rounds */
	r = mmt_open(path, 0, 0, &e);
	n = mmt_header(r)->ops;
	assert_int_equal(n[OP_FAULT], 300);
	assert_int_equal(n[OP_MADVISE], 3);
	mmt_close(r);
	must(13, path);			/* fork-vmas */
	r = mmt_open(path, 0, 0, &e);
	n = mmt_header(r)->ops;
	assert_int_equal(n[OP_FORK], 5);
	assert_int_equal(n[OP_EXIT_MM], 5);
	assert_int_equal(n[OP_EXIT], 7);	/* 5 children, 2 threads */
	assert_int_equal(n[OP_FAULT], 5 * (3 + 2) + 2 * 20);
	assert_int_equal(mmt_header(r)->mms[0].area_count, 30);
	mmt_close(r);
	must(19, path);			/* thread-storm: 2 x 3 x 4 threads */
	r = mmt_open(path, 0, 0, &e);
	n = mmt_header(r)->ops;
	assert_int_equal(n[OP_CLONE_THREAD], 24);
	assert_int_equal(n[OP_VMALLOC], n[OP_VFREE]);
	assert_int_equal(n[OP_WAKING], 24 + 2);	/* leaves, producers */
	mmt_close(r);
	free(path);
}

/* munmap-large is a start layout, not records. */
static void t_layout(void **state)
{
	static const char *const p[] = { "gib=320", "resident_permille=500",
					 NULL };
	char *path = in_dir("layout.mmt");
	struct errbuf e = { 0 };
	const struct trace_mm *m;
	struct mmt_reader *r;
	uint64_t pages = 0;

	(void)state;
	assert_int_equal(generate("munmap-large", p, path, NULL, &e), 0);
	r = mmt_open(path, 0, 0, &e);
	m = &mmt_header(r)->mms[0];
	for (uint32_t i = 0; i < m->area_count; i++)
		if (m->areas[i].resident_pages > pages)
			pages = m->areas[i].resident_pages;
	assert_int_equal(pages, 41943040);
	assert_int_equal(mmt_header(r)->ops[OP_MUNMAP], 1);
	mmt_close(r);
	free(path);
}

static void refused_both(const char *workload, const char *one,
			 const char *other, const char *says)
{
	const char *words[] = { one, other, NULL };
	struct errbuf e = { 0 };
	char *path = in_dir("refused.mmt");

	assert_true(generate(workload, words, path, NULL, &e) < 0);
	if (!strstr(e.text, says))
		fail_msg("'%s' does not say '%s'", e.text, says);
	assert_int_equal(e.exit_status, 2);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
}

static void refused(const char *workload, const char *param, const char *says)
{
	refused_both(workload, param, NULL, says);
}

/* Wrong parameters: a line that names key, value and what was expected. */
static void t_refused(void **state)
{
	(void)state;
	refused("pft-treads", "threads=1", "did you mean 'pft-threads'");
	refused("pft-threads", "thraeds=1", "did you mean 'threads'");
	refused("pft-threads", "threads=0", "from 1 to");
	refused("pft-threads", "threads=many", "whole number");
	refused("pft-threads", "vmas=two", "one, per-thread");
	refused("munmap-large", "gib=65537", "from 1 to 65536");
	refused("exit-many-vmas", "vmas=4000001", "from 8 to 4000000");
	refused_both("exit-many-vmas", "vmas=4000000", "pages=65536",
		     "more than the address space");
	refused("exit-many-vmas", "resident_pages=2", "more than pages=1");
	refused("fork-vmas", "threads=300", "leave none");
	refused("mmap-churn", "mprotect_permille=999", "exceed 1000");
	refused("thread-storm", "touch_pages=4096", "guard page");
	refused("vmalloc-pairs", "jobs=-1", "from 1 to 2048");
}

static void t_place(void **state)
{
	struct gen_param p = { "threads", "none", { "s.yaml", 7, 12 } };
	struct generate_request q = { .workload = "pft-threads", .params = &p,
				      .param_count = 1 };
	struct errbuf e = { 0 };
	struct digest key;

	(void)state;
	assert_true(generate_key(&q, &key, &e) < 0);
	assert_non_null(strstr(e.text, "s.yaml:7:12:"));
	assert_int_equal(e.exit_status, 1);
}

/* A key names the bytes: defaults written out change nothing. */
static void t_key(void **state)
{
	struct gen_param p = { "threads", "8", { 0 } };
	struct generate_request q = { .workload = "pft-threads", .params = &p };
	struct digest none, same, other;
	struct errbuf e = { 0 };

	(void)state;
	assert_int_equal(generate_key(&q, &none, &e), 0);
	q.param_count = 1;
	assert_int_equal(generate_key(&q, &same, &e), 0);
	p.value = "9";
	assert_int_equal(generate_key(&q, &other, &e), 0);
	assert_memory_equal(&none, &same, sizeof(none));
	assert_memory_not_equal(&none, &other, sizeof(none));
}

/* ---- fit ---- */

static int fit(const char *trace, struct gen_param *p, unsigned n,
	       const char *path, struct generate_result *out, struct errbuf *e)
{
	struct generate_request q = { .params = p, .param_count = n,
				      .output = path };
	char *notes = NULL;
	int code = generate_fit(trace, &q, out, &notes, e);

	if (!code)
		assert_non_null(strstr(notes, "left out: exit 4"));
	free(notes);
	return code;
}

/* The op mix of a fitted trace is that of its source, ops are valid. */
static void t_fit(void **state)
{
	struct gen_param p[] = { { "threads", "5", { 0 } },
				 { "ops", "4000", { 0 } } };
	char *source = in_dir("source.mmt"), *path = in_dir("fit.mmt");
	struct generate_result a, b;
	struct errbuf e = { 0 };
	struct mmt_reader *rs, *rf;

	(void)state;
	must(17, source);		/* mmap-churn: 3 threads, 200 loops */
	if (fit(source, p, 2, path, &a, &e))
		fail_msg("%s", e.text);
	assert_int_equal(fit(source, p, 2, path, &b, &e), 0);
	assert_memory_equal(&a.digest, &b.digest, sizeof(a.digest));
	check_trace("fit", path);
	rs = mmt_open(source, 0, 0, &e);
	rf = mmt_open(path, 0, 0, &e);
	for (int k = OP_MMAP; k <= OP_MPROTECT; k++) {
		uint64_t src = mmt_header(rs)->ops[k] * 20000;
		uint64_t all = 0, got = mmt_header(rf)->ops[k];

		for (int i = OP_MMAP; i <= OP_FAULT; i++)
			all += mmt_header(rs)->ops[i];
		/* 20000 draws: 15 % holds down to the rare mprotect, and
		 * munmap may be short by what had nothing to unmap */
		assert_in_range(got, src / all * 85 / 100 - 20,
				src / all * 115 / 100 + 20);
	}
	mmt_close(rs);
	mmt_close(rf);
	free(source);
	free(path);
}

static void t_fit_refused(void **state)
{
	char *source = in_dir("none.mmt"), *path = in_dir("fit2.mmt");
	struct generate_request q = { .output = path };
	struct errbuf e = { 0 };

	(void)state;
	assert_true(generate_fit(source, &q, NULL, NULL, &e) < 0);
	memset(&e, 0, sizeof(e));
	must(5, source);		/* vmalloc only */
	assert_true(generate_fit(source, &q, NULL, NULL, &e) < 0);
	assert_non_null(strstr(e.text, "nothing to fit"));
	free(source);
	free(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);
	int code = system(cmd);

	(void)state;
	free(cmd);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_same_bytes),
		cmocka_unit_test(t_seed),
		cmocka_unit_test(t_valid_ops),
		cmocka_unit_test(t_counts),
		cmocka_unit_test(t_layout),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_place),
		cmocka_unit_test(t_key),
		cmocka_unit_test(t_fit),
		cmocka_unit_test(t_fit_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
