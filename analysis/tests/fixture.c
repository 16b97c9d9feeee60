/* Made-up result folders for the tests of analysis/. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "analysis/tests/fixture.h"
#include "sim/base/file.h"
#include "sim/base/hist.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"

static const char hostile_name[] =
	"<script>alert(1)</script>\"'`touch pwned`$(touch pwned)\n\033[31mred\033]0;x\a,;|a|%s%n&amp;\t\xe2\x80\xae=1+1";

/** struct maker - one cell being made */
struct maker {
	const struct fixture *f;
	uint32_t policy, replicate, point;
	uint64_t draws;
	json_t *hists;
};

static uint64_t below(struct maker *m, uint64_t bound)
{
	uint64_t id = (uint64_t)m->policy << 40 | (uint64_t)m->point << 20 |
		      m->replicate;

	if (!m->f->jitter)
		id = (uint64_t)m->policy << 40 | (uint64_t)m->point << 20;
	return draw_below(draw(m->f->seed, id, DRAW_TEST, m->draws++), bound);
}

/* Spread over a decade or so around @median, never 0. */
static int64_t around(struct maker *m, int64_t median)
{
	int64_t v = median;

	for (int i = 0; i < 4; i++)
		v = v * (int64_t)(512 + below(m, 1280)) / 1024;
	return v > 0 ? v : 1;
}

static const char *op_name(const struct fixture *f, uint32_t i)
{
	static const char *const names[] = { "fault", "munmap", "mmap",
					     "proc-read-cmdline" };

	return f->hostile && i == 3 ? hostile_name : names[i];
}

static void put_hist(struct maker *m, const char *path, const struct hist *h)
{
	json_object_set_new(m->hists, path, json_buckets(h));
}

static json_t *latency(struct maker *m, uint32_t wait_pct, int64_t *total)
{
	static const int64_t median[] = { 1500, 300000, 3000, 9000 };
	static const uint32_t part[] = { 1, 8, 6, 40 };
	json_t *all = json_object();

	for (uint32_t i = 0; i < 4; i++) {
		struct hist h = { 0 };
		char *path = xasprintf("latency_ns.%s", op_name(m->f, i));
		uint32_t n = m->f->ops / part[i];

		for (uint32_t k = 0; k < (n ? n : 1); k++) {
			int64_t v = around(m, median[i]);

			if (below(m, 100) < wait_pct / 10)
				v += around(m, 20000 * (int64_t)wait_pct);
			hist_record(&h, v);
			*total += v;
		}
		json_object_set_new(all, op_name(m->f, i), json_quantiles(&h));
		put_hist(m, path, &h);
		hist_release(&h);
		free(path);
	}
	return all;
}

/* Where the latencies of each kind went; the parts sum to count x mean. */
static json_t *op_time(const json_t *latencies)
{
	json_t *all = json_object(), *q;
	const char *op;

	json_object_foreach((json_t *)latencies, op, q) {
		json_int_t sum = json_integer_value(json_object_get(q, "count")) *
				 json_integer_value(json_object_get(q, "mean"));

		json_object_set_new_nocheck(all, op, json_pack(
			"{s:I,s:I,s:I,s:I,s:I,s:I}", "work", sum - sum / 2,
			"line", sum / 20, "spin", sum / 10, "sleep",
			sum / 2 - sum / 20 - sum / 10 - 2 * (sum / 50),
			"runqueue", sum / 50, "irq", sum / 50));
	}
	return all;
}

static void blame(json_t *list, const char *lock, const char *waiter,
		  const char *holder, int64_t ns, int64_t count)
{
	json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:I,s:I}", "lock",
		lock, "waiter", waiter, "holder", holder, "wait_ns",
		(json_int_t)ns, "count", (json_int_t)count));
}

/* One side of a lock; its waits are blamed in full on two pairs. */
static json_t *side(struct maker *m, const char *lock, const char *name,
		    uint32_t acquired, uint32_t contended, int64_t wait,
		    int64_t hold, json_t *blames)
{
	struct hist w = { 0 }, h = { 0 };
	char *wait_path = xasprintf("locks.%s.%s.wait_ns", lock, name);
	char *hold_path = xasprintf("locks.%s.%s.hold_ns", lock, name);
	bool read = !strcmp(name, "read");
	int64_t sum = 0, spin, first;
	json_t *o;

	for (uint32_t i = 0; i < contended; i++) {
		int64_t v = around(m, wait);

		hist_record(&w, v);
		sum += v;
	}
	for (uint32_t i = 0; i < acquired; i++)
		hist_record(&h, around(m, hold));
	spin = sum / 4;
	first = sum * 2 / 3;
	o = json_pack("{s:i,s:i,s:o,s:o,s:I,s:I,s:i}", "acquired", (int)acquired,
		      "contended", (int)contended, "wait_ns", json_quantiles(&w),
		      "hold_ns", json_quantiles(&h), "spin_ns", (json_int_t)spin,
		      "sleep_ns", (json_int_t)(sum - spin), "sleeps",
		      (int)contended / 2);
	if (sum) {
		blame(blames, lock, read ? "fault" : "munmap", "munmap", first,
		      contended - 1);
		blame(blames, lock, read ? op_name(m->f, 3) : "mmap",
		      read ? "munmap" : "fault", sum - first, 1);
		put_hist(m, wait_path, &w);
	}
	put_hist(m, hold_path, &h);
	hist_release(&w);
	hist_release(&h);
	free(wait_path);
	free(hold_path);
	return o;
}

static void locks(struct maker *m, json_t *cell, uint32_t wait_pct)
{
	const char *lock = m->f->hostile ? "mmap_lock<b>'\"%d" : "mmap_lock";
	json_t *all = json_object(), *blames = json_array();
	uint32_t n = m->f->ops;

	json_object_set_new(all, lock, json_pack("{s:o,s:o}", "read",
		side(m, lock, "read", n, n * wait_pct / 1000, 400000, 1500, blames),
		"write", side(m, lock, "write", n / 4 + 2,
			      n * wait_pct / 2000 + 2, 200000,
			      m->policy == 1 ? 9000 : 200000, blames)));
	json_object_set_new(all, "free_vmap_area_lock", json_pack("{s:o}", "write",
		side(m, "free_vmap_area_lock", "write", n / 10 + 2, 2, 800, 300,
		     blames)));
	json_object_set_new(cell, "locks", all);
	json_object_set_new(cell, "blame", blames);
}

static json_t *hold_class(struct maker *m, int64_t bytes, double seconds)
{
	int64_t peak = bytes + (int64_t)below(m, 64) * 4096;

	return json_pack("{s:I,s:I,s:f,s:I,s:f,s:{},s:{}}", "peak_bytes",
			 (json_int_t)peak, "mean_bytes", (json_int_t)peak / 5,
			 "byte_seconds", (double)(peak / 5) * seconds,
			 "peak_objects", (json_int_t)peak / 4096,
			 "reusable_same_type_byte_seconds", 0.0, "stages",
			 "censored");
}

static void cpu(json_t *cell, int64_t makespan, int64_t spin)
{
	int64_t all = 2 * makespan, user = all / 3, system = all / 4;

	json_object_set_new(cell, "cpu_ns", json_pack("{s:I,s:I,s:I,s:I,s:I}",
		"user", (json_int_t)user, "system", (json_int_t)system, "spin",
		(json_int_t)spin, "irq", (json_int_t)all / 100, "idle",
		(json_int_t)(all - user - system - spin - all / 100)));
}

static char *label_of(const struct fixture *f, uint32_t policy)
{
	static const char *const names[] = {
		"linux-6.12, munmap exclusive", "munmap=downgrade",
		"mm_lock=per-vma, vma_free=rcu", "linux-4.19",
	};

	if (f->hostile && policy)
		return xasprintf("%s %u", hostile_name, policy);
	if (policy < 4)
		return xstrdup(names[policy]);
	return xasprintf("policy %u", policy);
}

static json_t *head(const struct maker *m, const char *id)
{
	const struct fixture *f = m->f;
	char *label = label_of(f, m->policy);
	json_t *o = json_pack(
		"{s:s,s:s,s:b,s:s,s:s,s:I,s:{s:s,s:s,s:s},s:[s],s:{},s:{s:s,s:i,s:{s:i},s:s}}",
		"id", id, "label", label, "baseline", m->policy == 0, "kernel",
		m->policy == 3 ? "linux-4.19" : "linux-6.12", "machine",
		f->hostile ? hostile_name : "vm-2cpu", "seed",
		(json_int_t)1 + m->replicate,
		"policies", "mm_lock", m->policy == 2 ? "per-vma" : "mm-wide",
		"munmap", m->policy == 1 ? "downgrade" : "exclusive", "vma_free",
		m->policy == 2 ? "rcu" : "immediate", "inert", "vma_lock_place",
		"params", "trace", "digest", "9b1c03e5aa17d2f0e4c95b6678ab0c11",
		"lost", f->hostile ? 3 : 0, "unreplayed", "madvise", 3, "tracing",
		"removed");

	if (f->points) {
		const char *key = f->hostile ? hostile_name : "machine.cpus";
		long long value = f->lean ? m->point : 2LL << m->point;
		char *swept = xasprintf("%s %s=%lld", label, key, value);

		json_object_set_new(json_object_get(o, "params"), key,
				    json_integer(value));
		json_object_set_new(o, "label", json_string(swept));
		free(swept);
	}
	free(label);
	return o;
}

static void lean_body(struct maker *m, json_t *o)
{
	int64_t v[3];

	for (int i = 0; i < 3; i++) {
		v[i] = 1000000000;
		for (int k = 0; k < 12; k++)	/* twelve uniforms: nearly normal */
			v[i] += (int64_t)below(m, 8000000);
	}
	json_object_set_new(o, "run", json_pack("{s:I,s:I}", "makespan_ns",
		(json_int_t)v[0], "sim_ops_per_s", (json_int_t)v[1]));
	json_object_set_new(o, "latency_ns", json_pack("{s:{s:i,s:I,s:I}}",
		"fault", "count", 1000, "mean", (json_int_t)v[2], "p99",
		(json_int_t)v[2]));
}

static void whole_body(struct maker *m, json_t *o)
{
	static const uint32_t wait[] = { 60, 20, 2, 80 };
	uint32_t pct = wait[m->policy % 4];
	int64_t total = 0, makespan, ops = m->f->ops;
	double seconds;

	json_object_set_new(o, "latency_ns", latency(m, pct, &total));
	json_object_set_new(o, "op_time_ns",
			    op_time(json_object_get(o, "latency_ns")));
	makespan = total / 2 + total / (2 << m->point);
	seconds = (double)makespan / 1e9;
	json_object_set_new(o, "run", json_pack("{s:I,s:I,s:I,s:I}", "ops",
		(json_int_t)ops, "contacts", (json_int_t)ops * 31,
		"makespan_ns", (json_int_t)makespan, "sim_ops_per_s",
		(json_int_t)(ops * 1000000000 / makespan)));
	json_object_set_new(o, "distortion", json_pack(
		"{s:f,s:o,s:I,s:f,s:i,s:i,s:i}", "moved_share", 0.0125,
		"drift_ns", json_pack("{s:i,s:i,s:i}", "count", 40, "p50", 4000,
				      "p99", 70000),
		"order_wait_ns", (json_int_t)around(m, 3000000),
		"exogenous_share", 0.081, "max_runnable_per_mm", 3,
		"cpus_captured", 2, "cpus_simulated", 2));
	locks(m, o, pct);
	json_object_set_new(o, "hold", json_pack("{s:o}", "page",
		hold_class(m, 3 << 20, seconds)));
	if (m->policy == 2)
		json_object_set_new(json_object_get(o, "hold"), "vma",
				    hold_class(m, 200 << 10, seconds));
	json_object_set_new(o, "hold_va", json_pack("{s:o}", "vmap",
		hold_class(m, 2 << 20, seconds)));
	json_object_set_new(o, "vmstat", json_pack("{s:I}", "pgfault",
		(json_int_t)ops));
	json_object_set_new(o, "rcu", json_pack(
		"{s:I,s:I,s:f,s:{s:i,s:I,s:I}}", "called", (json_int_t)ops / 2,
		"call_ns", (json_int_t)around(m, 70000), "callback_share", 0.03,
		"period_ns", "count", 17, "p50", (json_int_t)9000000,
		"max", (json_int_t)16000000));
	cpu(o, makespan, makespan * pct / 1000);
	json_object_set_new(o, "hung_tasks", json_array());
	json_object_set_new(o, "cost_share", json_pack("{s:f,s:f,s:f,s:f,s:f}",
		"recorded", 0.41, "measured", 0.375, "published", 0.05, "derived",
		0.045, "assumed", 0.12));
	json_object_set_new(o, "warnings", json_pack("[s]", m->f->hostile ?
		hostile_name : "112 exit-mm ops replayed from the machine profile"));
	if (m->f->hostile)
		json_array_append_new(json_object_get(o, "hung_tasks"), json_pack(
			"{s:I,s:s,s:s,s:s}", "wait_ns", (json_int_t)130000000000,
			"lock", "mmap_lock", "victim", hostile_name, "holder",
			hostile_name));
}

/* Plain writes: nothing here has to outlive a crash. */
static void save(const char *dir, const char *name, const json_t *o)
{
	char *path = xasprintf("%s/%s", dir, name);

	if (json_dump_file(o, path, JSON_INDENT(1)))
		BUG("%s: cannot write", path);
	free(path);
}

static void series(const struct maker *m, const char *dir, const char *id)
{
	char *path = xasprintf("%s/series/%s.csv", dir, id);
	FILE *f = fopen(path, "w");

	BUG_ON(!f);
	fputs("t_ns,metric,value\n", f);
	for (uint32_t i = 0; i < m->f->series_points; i++) {
		long long t = (long long)i * 10000000;
		unsigned phase = i % (37 + m->policy);

		fprintf(f, "%lld,%s,%u\n", t, m->f->hostile ?
			"hold.<b>'\"%s" : "hold.page", phase * phase * 4096);
		fprintf(f, "%lld,hold_va.vmap,%u\n", t, i % 53 * 65536);
	}
	fclose(f);
	free(path);
}

static void one_cell(struct maker *m, const char *dir, json_t *list)
{
	char *id = xasprintf("%08x%08x%08x%08x", (unsigned)m->f->seed, m->point,
			     m->policy, m->replicate);
	char *name = xasprintf("cells/%s.json", id);
	json_t *o = head(m, id);

	m->hists = json_object();
	if (m->f->lean)
		lean_body(m, o);
	else
		whole_body(m, o);
	json_object_set_new(o, "failed", json_null());
	json_array_append_new(list, json_deep_copy(o));
	json_object_set_new(o, "hist", m->hists);
	save(dir, name, o);
	if (m->f->series_points)
		series(m, dir, id);
	json_decref(o);
	free(name);
	free(id);
}

static void make(const char *dir, const char *below_dir)
{
	char *path = xasprintf("%s/%s", dir, below_dir);
	struct errbuf e = { 0 };

	if (make_dirs(path, &e))
		BUG("%s", e.text);
	free(path);
}

void fixture_write(const char *dir, const struct fixture *f)
{
	json_t *list = json_array(), *root;
	uint32_t points = f->points ? f->points : 1;
	char *path;
	FILE *yaml;

	make(dir, "cells");
	make(dir, "series");
	for (uint32_t p = 0; p < points; p++)
		for (uint32_t i = 0; i < f->policies; i++)
			for (uint32_t r = 0; r < f->replicates; r++) {
				struct maker m = { .f = f, .policy = i,
						   .replicate = r, .point = p };

				one_cell(&m, dir, list);
			}
	root = json_pack("{s:i,s:s,s:s,s:s,s:o}", "format", 1, "scenario",
			 f->hostile ? hostile_name : f->scenario, "program",
			 f->hostile ? hostile_name : "mmreplay 0.1.0", "model_id",
			 "0123456789abcdef0123456789abcdef", "cells", list);
	save(dir, "results.json", root);
	json_decref(root);
	path = xasprintf("%s/scenario.yaml", dir);
	yaml = fopen(path, "w");
	BUG_ON(!yaml);
	fprintf(yaml, "scenario: %s\nmachine: vm-2cpu   # measured on a test\n",
		f->hostile ? hostile_name : f->scenario);
	fclose(yaml);
	free(path);
}

char *fixture_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/mmreplay-test.XXXXXX", tmp ? tmp : "/tmp");

	BUG_ON(!mkdtemp(path));
	return path;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *fixture_compare(const struct result_set *s, const struct compare_options *o)
{
	struct errbuf e = { 0 };
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	if (compare_write(s, o, f, &e))
		BUG("%s", e.text);
	fclose(f);
	return text;
}

struct room room_open(const struct fixture *f)
{
	struct room r = { .dir = fixture_dir() };
	struct errbuf e = { 0 };

	fixture_write(r.dir, f);
	r.s = results_load((const char *const[]){ r.dir }, 1, &e);
	if (!r.s)
		BUG("%s", e.text);
	return r;
}

void room_close(struct room *r)
{
	for (uint32_t i = 0; r->files && i < r->s->cell_count; i++)
		json_decref(r->files[i]);
	free(r->files);
	results_free(r->s);
	fixture_remove(r->dir);
	free(r->dir);
}

json_t *room_compare_json(const struct room *r, struct compare_options o)
{
	char *text;
	json_t *root;

	o.format = COMPARE_JSON;
	text = fixture_compare(r->s, &o);
	root = json_loads(text, 0, NULL);
	BUG_ON(!root);
	free(text);
	return root;
}

/* One term of a path; false if the cell lacks it. */
static bool walk(const json_t *at, const char *term, double *v)
{
	char lock[64], waiter[64], holder[64], key[64], copy[200], *save = NULL;
	const json_t *entry;
	bool found = false;
	size_t i;

	if (sscanf(term, "blame[%63[^,],%63[^,],%63[^]]].%63s", lock, waiter,
		   holder, key) != 4) {
		snprintf(copy, sizeof(copy), "%s", term);
		for (char *k = strtok_r(copy, ".", &save); k;
		     k = strtok_r(NULL, ".", &save))
			at = json_object_get(at, k);
		*v = json_is_array(at) ? (double)json_array_size(at) :
					 json_number_value(at);
		return at != NULL;
	}
	*v = 0;
	json_array_foreach(json_object_get(at, "blame"), i, entry) {
		const char *l, *w, *h;

		json_unpack((json_t *)entry, "{s:s,s:s,s:s}", "lock", &l,
			    "waiter", &w, "holder", &h);
		if (strcmp(l, lock) || (strcmp(w, waiter) && strcmp(waiter, "*")) ||
		    (strcmp(h, holder) && strcmp(holder, "*")))
			continue;
		*v += json_number_value(json_object_get(entry, key));
		found = true;
	}
	return found;
}

static bool value_in(const json_t *cell, const char *path, double *v)
{
	char copy[200], *save = NULL;
	bool found = false;
	double part;

	snprintf(copy, sizeof(copy), "%s", path);
	*v = 0;
	for (char *term = strtok_r(copy, "+", &save); term;
	     term = strtok_r(NULL, "+", &save)) {
		if (!walk(cell, term, &part))
			continue;
		*v += part;
		found = true;
	}
	return found;
}

static const json_t *cell_file(struct room *r, uint32_t i)
{
	char *path;

	if (!r->files)
		r->files = xcalloc(r->s->cell_count, sizeof(json_t *));
	if (!r->files[i]) {
		path = xasprintf("%s/cells/%s.json", r->dir, r->s->cells[i].id);
		r->files[i] = json_load_file(path, 0, NULL);
		BUG_ON(!r->files[i]);
		free(path);
	}
	return r->files[i];
}

uint32_t fixture_values(struct room *r, const char *label, const char *path,
			double *v, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->s->cell_count && n < most; i++) {
		const json_t *cell = cell_file(r, i);

		n += !strcmp(json_string_value(json_object_get(cell, "label")),
			     label) && value_in(cell, path, &v[n]);
	}
	return n;
}
