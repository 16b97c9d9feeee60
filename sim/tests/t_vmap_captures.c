/*
 * Replays of captures with vmalloc events beside what was recorded: drains and
 * what they drained, the lazy limit, and nr_lazy at each free, one by one as the
 * replay exports them, which begins with the backlog that the capture began with. Not pinned: vmapgen2, whose
 * drains the recorded scheduler held back (README); here only its start.
 * MMREPLAY_LONG=1: all samples.
 */
#include "sim/tests/t_replay_run.h"

#define SAMPLES "traces/samples/"

struct seen {
	struct hist nr_lazy;
	uint64_t *lazy, frees;	/* at each free */
	uint64_t purges, purged, limit;
};

static struct mmt_reader *open_sample(const char *name, unsigned flags)
{
	struct errbuf e = { 0 };
	char path[128];
	struct mmt_reader *r;

	snprintf(path, sizeof(path), SAMPLES "%s.mmt", name);
	r = mmt_open(path, flags, 0, &e);
	if (!r)
		fail_msg("%s", e.text);
	return r;
}

static void read_trace(struct mmt_reader *r, struct seen *s)
{
	struct mmt_cursor *c = mmt_merged(r);
	struct errbuf e = { 0 };
	struct op op;

	while (mmt_next(c, &op, &e) > 0) {
		if (op.kind == OP_VMAP_PURGE) {
			s->purges += op.arg[2] > 0;
			s->purged += op.arg[2];
		}
		if (op.kind != OP_VFREE)
			continue;
		hist_record(&s->nr_lazy, (int64_t)op.arg[2]);
		if ((s->frees & (s->frees - 1)) == 0)	/* 0, 1, 2, 4, ... */
			s->lazy = xrealloc(s->lazy, 2 * s->frees + 1,
					   sizeof(*s->lazy));
		s->lazy[s->frees++] = op.arg[2];
		s->limit = op.arg[3];
	}
	mmt_cursor_free(c);
	mmt_close(r);
}

static void near(const char *name, const char *what, uint64_t model,
		 uint64_t want)
{
	/* a hundredth: several areas may be freed in another order */
	if (model > want + want / 100 || model + want / 100 < want)
		fail_msg("%s: %s is %llu, recorded %llu", name, what,
			 (unsigned long long)model, (unsigned long long)want);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The frees of the run, which it left in @path, have the nr_lazy of the recorded. */
static void each_free(const char *name, const char *path, const struct seen *want)
{
	uint64_t i = 0, j = 0, same = 0;
	struct errbuf e = { 0 };
	struct seen run = { 0 };
	struct mmt_reader *r = mmt_open(path, 0, 0, &e);

	if (!r)
		fail_msg("%s", e.text);
	read_trace(r, &run);
	assert_true(run.frees <= want->frees);	/* not those of older areas */
	qsort(run.lazy, run.frees, sizeof(*run.lazy), by_value);
	qsort(want->lazy, want->frees, sizeof(*want->lazy), by_value);
	while (i < run.frees && j < want->frees) {
		int d = by_value(&run.lazy[i], &want->lazy[j]);

		same += !d;
		i += d <= 0;
		j += d >= 0;
	}
	near(name, "frees with the nr_lazy recorded", same, want->frees);
	hist_release(&run.nr_lazy);
	free(run.lazy);
}

static void replayed(const char *name, const struct seen *s)
{
	struct tb b = { .reader = open_sample(name, 0) };
	const char *tmp = getenv("TMPDIR");
	char path[128];
	struct rig g;

	snprintf(path, sizeof(path), "%.60s/t_vmap_captures.%ld.mmt",
		 tmp ? tmp : "/tmp", (long)getpid());
	rig_init(&g, "linux-6.18", "linux-6.18");
	g.c.export_path = path;
	rig_run(&g, &b);
	each_free(name, path, s);
	unlink(path);
	near(name, "vmap_purge", rig_counter(&g, "vmap_purge"), s->purges);
	near(name, "vmap_purged_areas", rig_counter(&g, "vmap_purged_areas"),
	     s->purged);
	near(name, "vmap_lazy_max_pages",
	     rig_counter(&g, "vmap_lazy_max_pages"), s->limit);
	near(name, "nr_lazy p50", rig_counter(&g, "vmap_free_nr_lazy_p50"),
	     (uint64_t)hist_quantile(&s->nr_lazy, 50, 100));
	near(name, "nr_lazy p90", rig_counter(&g, "vmap_free_nr_lazy_p90"),
	     (uint64_t)hist_quantile(&s->nr_lazy, 90, 100));
	near(name, "nr_lazy max", rig_counter(&g, "vmap_free_nr_lazy_max"),
	     (uint64_t)s->nr_lazy.max);
	rig_release(&g);
	mmt_close(b.reader);
}

static void like_recorded(const char *name, uint64_t purges)
{
	struct seen s = { 0 };

	read_trace(open_sample(name, MMT_MEASUREMENTS), &s);
	assert_int_equal(s.purges, purges);
	assert_true(s.nr_lazy.count > 10);
	replayed(name, &s);
	hist_release(&s.nr_lazy);
	free(s.lazy);
}

static void t_drained_once(void **state)
{
	(void)state;
	like_recorded("stress-pthread", 1);
}

static void t_below_the_limit(void **state)
{
	static const char *const more[] = {
		"make-lua-j4", "javac", "redis-bgsave", "forker", NULL
	};

	(void)state;
	like_recorded("thrstorm2", 0);
	for (int i = 0; getenv("MMREPLAY_LONG") && more[i]; i++)
		like_recorded(more[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_drained_once),
		cmocka_unit_test(t_below_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
