/*
 * fidelity: verdicts, what is collected from a capture, and that scrambling
 * the lock waits of one makes its score worse. Not pinned: how good a capture
 * is predicted (`mmreplay fidelity`, analysis/VALIDATION.md).
 */
#include <math.h>
#include "analysis/fidelity.h"
#include "sim/base/json.h"
#include "sim/base/rng.h"
#include "sim/results/program.h"
#include "sim/commands/recorded.h"
#include "sim/results/results.h"
#include "sim/tests/t_replay_trace.h"

#define SAMPLE "traces/samples/churn2.mmt"

static void t_verdicts(void **state)
{
	(void)state;
	assert_int_equal(fidelity_judge(0.05, 0.01, 99, false), VERDICT_WITHIN_10);
	assert_int_equal(fidelity_judge(-0.05, 0.01, 99, true), VERDICT_IDENTITY);
	assert_int_equal(fidelity_judge(-0.2, 0.01, 99, false), VERDICT_WITHIN_25);
	assert_int_equal(fidelity_judge(0.3, 0.01, 99, true), VERDICT_OFF);
	/* never tighter than the spread */
	assert_int_equal(fidelity_judge(0.05, 0.2, 99, false), VERDICT_WITHIN_25);
	assert_int_equal(fidelity_judge(0.05, 0.3, 99, false), VERDICT_NOISE);
	assert_int_equal(fidelity_judge(0.9, 1.0, 99, false), VERDICT_NOISE);
	assert_int_equal(fidelity_judge(0.9, 0.5, 99, false), VERDICT_OFF);
	assert_int_equal(fidelity_judge(0.0, 0.0, 19, false), VERDICT_NOISE);
}

/* A target claims nothing tighter than the spread, and misses nothing in it. */
static void t_targets(void **state)
{
	struct check checks[] = {
		{ .quantity = "work_ns", .has_error = true,
		  .error = -0.14, .samples = 99 },
		{ .quantity = "locks.mmap_lock.write.wait_ns.mean",
		  .has_error = true, .error = 0.31, .samples = 99 },
		{ .quantity = "locks.mmap_lock.write.contended",
		  .has_error = true, .error = 0.1, .samples = 99 },
		{ .quantity = "locks.mmap_lock.write.spin_ns",
		  .recorded = 8, .predicted = 5 },
		{ .quantity = "locks.mmap_lock.write.sleep_ns",
		  .recorded = 7, .predicted = 6 },
	};
	struct fidelity f = { .kind = FIDELITY_SAMPLE, .checks = checks,
			      .count = 5 };
	struct target t[FIDELITY_TARGETS_MAX];

	(void)state;
	assert_int_equal(fidelity_met(0.1, 0.05, 99, 0.15), MET_YES);
	assert_int_equal(fidelity_met(-0.2, 0.05, 99, 0.15), MET_NO);
	assert_int_equal(fidelity_met(-0.2, 0.3, 99, 0.15), MET_NOISE);
	assert_int_equal(fidelity_met(0.1, 0.3, 99, 0.15), MET_NOISE);
	assert_int_equal(fidelity_met(0, 0, 19, 0.15), MET_NOISE);
	assert_int_equal(fidelity_met(0, 0.5, 1, 0), MET_YES);
	assert_int_equal(fidelity_met(0.001, 0.5, 99, 0), MET_NO);
	assert_int_equal(fidelity_targets(&f, t), 3);
	assert_int_equal(target_met(&t[0]), MET_YES);
	assert_int_equal(target_met(&t[1]), MET_NO);
	assert_int_equal(t[1].rows[MET_YES], 1);
	assert_string_equal(t[1].worst, checks[1].quantity);
	/* more was spun, more is slept: the wrong side */
	assert_int_equal(target_met(&t[2]), MET_NO);
}

/* ---- a scrambled capture ---- */

static bool waits(const struct op_segment *s)
{
	return (s->kind == SEG_W || s->kind == SEG_R) && !s->downgraded;
}

static struct mmt_reader *open_trace(const char *path)
{
	struct errbuf e = { 0 };
	struct mmt_reader *r = mmt_open(path, MMT_MEASUREMENTS, 0, &e);

	if (!r)
		fail_msg("%s", e.text);
	return r;
}

/* Every lock wait of the trace, in its order; the count is returned. */
static uint32_t collect(struct mmt_reader *in, int64_t *wait_ns, uint32_t room)
{
	struct mmt_cursor *c = mmt_merged(in);
	struct errbuf e = { 0 };
	uint32_t n = 0;
	struct op op;

	while (mmt_next(c, &op, &e) > 0) {
		for (uint16_t i = 0; i < op.segs; i++) {
			if (!waits(&op.seg[i]))
				continue;
			assert_true(n < room);
			wait_ns[n++] = op.seg[i].wait_ns;
		}
	}
	mmt_cursor_free(c);
	return n;
}

static void shuffle(int64_t *v, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint64_t k = draw_below(draw(1, i, DRAW_TEST, 0), i);
		int64_t t = v[i - 1];

		v[i - 1] = v[k];
		v[k] = t;
	}
}

/* The same trace, its waits dealt out anew; each op is as much longer. */
static void scramble(struct mmt_reader *in, const char *path)
{
	enum { ROOM = 1 << 17 };
	int64_t *wait_ns = xcalloc(ROOM, sizeof(*wait_ns));
	struct errbuf e = { 0 };
	struct mmt_writer *w = mmt_create(path, &e);
	struct mmt_cursor *c = mmt_merged(in);
	struct op_segment seg[OP_SEGS_MAX];
	uint32_t next = 0;
	struct op op;

	shuffle(wait_ns, collect(in, wait_ns, ROOM));
	while (mmt_next(c, &op, &e) > 0) {
		for (uint16_t i = 0; i < op.segs; i++) {
			seg[i] = op.seg[i];
			if (!waits(&seg[i]))
				continue;
			if (op.duration_ns >= 0)
				op.duration_ns += wait_ns[next] - seg[i].wait_ns;
			seg[i].wait_ns = wait_ns[next++];
			seg[i].contended = seg[i].wait_ns > 1000;
		}
		op.seg = seg;
		assert_int_equal(mmt_put(w, &op, &e), 0);
	}
	mmt_cursor_free(c);
	assert_int_equal(mmt_finish(w, mmt_header(in), &e), 0);
	free(wait_ns);
}

/* ---- its score ---- */

/* Mean error of what depends on waits; at most 2 from one row. */
static double score(const struct fidelity *f)
{
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct check *c = &f->checks[i];

		if (!c->has_error || (!strstr(c->quantity, "wait_ns") &&
				      strncmp(c->quantity, "latency_ns", 10)))
			continue;
		sum += fmin(fabs(c->error), 2);
		n++;
	}
	assert_true(n > 10);
	return sum / n;
}

static double score_of(const char *trace, const char *dir)
{
	static const char *const set[] = { "replay.tracing=as-captured",
					   "replay.costs=recorded" };
	struct scenario_overrides over = { .set = set, .set_count = 2,
					   .model_id = program_model_id() };
	struct run_options o = { .out_dir = dir, .jobs = 1, .quiet = true };
	struct mmt_reader *in = open_trace(trace);
	struct errbuf e = { 0 };
	json_t *reference = recorded_json(in, trace, &e);
	char *path = xasprintf("%s/reference.json", dir);
	struct scenario *s = scenario_for_trace(trace, &over, &e);
	struct run_summary sum;
	struct result_set *r;
	struct fidelity f;
	double result;

	assert_non_null(s);
	assert_int_equal(results_run(s, &o, &sum, &e), 0);
	assert_int_equal(json_save(path, reference, &e), 0);
	r = results_load(&dir, 1, &e);
	assert_non_null(r);
	assert_int_equal(fidelity_of(r, trace, "recorded", FIDELITY_RECORDED,
				     &f, &e), 0);
	result = score(&f);
	fidelity_release(&f);
	results_free(r);
	scenario_free(s);
	json_decref(reference);
	free(path);
	mmt_close(in);
	return result;
}

static void t_scrambled(void **state)
{
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
	char *path = xasprintf("%s/t_fidelity.mmt", build);
	char *dir = xasprintf("%s/t_fidelity", build);
	char *other = xasprintf("%s/t_fidelity-scrambled", build);
	struct mmt_reader *in = open_trace(SAMPLE);
	double true_score, scrambled;

	(void)state;
	scramble(in, path);
	mmt_close(in);
	true_score = score_of(SAMPLE, dir);
	scrambled = score_of(path, other);
	if (scrambled < true_score * 1.2)
		fail_msg("mean error %.3f, scrambled %.3f", true_score, scrambled);
	unlink(path);
	free(path);
	free(dir);
	free(other);
}

/* ---- golden numbers ---- */

/* What churn2 recorded; a change here is a change of meaning. */
static void t_golden(void **state)
{
	static const struct {
		const char *quantity;
		double value;
	} golden[] = {
		{ "latency_ns.mmap.count", 12083 },
		{ "latency_ns.munmap.count", 12009 },
		{ "latency_ns.munmap.p50", 23551 },
		{ "gap_ns.fault.p50", 1423 },
		{ "locks.mmap_lock.write.acquired", 25737 },
		{ "locks.mmap_lock.write.contended", 13294 },
		{ "locks.mmap_lock.write.wait_ns.p50", 12543 },
		{ "locks.mmap_lock.read.hold_ns.p50", 12031 },
		{ "vmstat.fault_path_vma", 44633 },
		{ "vmstat.tlb_ipi", 12854 },
	};
	struct mmt_reader *in = open_trace(SAMPLE);
	struct errbuf e = { 0 };
	json_t *o = recorded_json(in, SAMPLE, &e), *row;
	uint32_t found = 0;
	size_t i;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "kind")),
			    "recorded");
	json_array_foreach(json_object_get(o, "rows"), i, row) {
		const char *q = json_string_value(json_object_get(row, "quantity"));

		for (size_t k = 0; k < sizeof(golden) / sizeof(golden[0]); k++) {
			if (strcmp(q, golden[k].quantity))
				continue;
			found++;
			if (json_number_value(json_object_get(row, "value")) !=
			    golden[k].value)
				fail_msg("%s: %.0f", q, json_number_value(
					json_object_get(row, "value")));
		}
	}
	assert_int_equal(found, sizeof(golden) / sizeof(golden[0]));
	json_decref(o);
	mmt_close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_verdicts),
		cmocka_unit_test(t_targets),
		cmocka_unit_test(t_golden),
		cmocka_unit_test(t_scrambled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
