/*
 * Replays of captures with vmalloc events beside what was recorded: drains and
 * what they drained, the lazy limit, and nr_lazy at each free, which begins
 * with the backlog that the capture began with. Not pinned: vmapgen2, whose
 * drains the recorded scheduler held back (README); here only its start.
 * MMREPLAY_LONG=1: all samples.
 */
#include "sim/tests/t_replay_run.h"

#define SAMPLES "traces/samples/"

struct seen {
	struct hist nr_lazy;
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

static void recorded(const char *name, struct seen *s)
{
	struct mmt_reader *r = open_sample(name, MMT_MEASUREMENTS);
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

static void replayed(const char *name, const struct seen *s)
{
	struct tb b = { .reader = open_sample(name, 0) };
	struct rig g;

	rig_init(&g, "linux-6.18", "linux-6.18");
	rig_run(&g, &b);
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

	recorded(name, &s);
	assert_int_equal(s.purges, purges);
	assert_true(s.nr_lazy.count > 10);
	replayed(name, &s);
	hist_release(&s.nr_lazy);
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
