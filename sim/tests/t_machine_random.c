/*
 * Random programs on a random machine, each seed under one rwsem flavour: the seed is printed, so that a failure
 * can be run again with MMREPLAY_SEED=n; MMREPLAY_LOG=PREFIX writes what the
 * tasks saw to PREFIX.fast and PREFIX.eager.
 *
 * Pinned: mutual exclusion, no lost wake-up, no deadlock, CPU time conserved
 * to the ns, blame summing to waits, and the same trace of everything that a
 * task can see with --eager and without. Not pinned: any particular time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/digest.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/sync/counters.h"
#include "sim/sync/mutex.h"
#include "sim/tests/fixture_rcu.h"

enum { SEMS = 3, SPINS = 2, WORDS = 4, OPS_PER_TASK = 40, TASKS_MAX = 24 };

struct callback {
	struct rcu_head head;
	struct world *w;
	sim_ns queued_ns;
};

struct world {
	struct fixture f;
	uint64_t seed;
	uint32_t task_count;
	struct task task[TASKS_MAX];
	uint64_t step[TASKS_MAX], bits[TASKS_MAX];
	struct line sem_line[SEMS], spin_line[SPINS], word_line[WORDS];
	struct rwsem sem[SEMS];
	struct spinlock spin[SPINS];
	struct mutex mutex;
	struct seqcount seqcount;
	struct refcount ref;
	struct percpu_counter counter;
	struct line mutex_line, seqcount_line, ref_line, counter_line;
	uint64_t pair[2];
	int in_mutex;
	uint64_t words[WORDS];
	int readers[SEMS], writers[SEMS], inside[SPINS];
	struct irq_request irq[TASKS_MAX];
	bool irq_busy[TASKS_MAX];
	uint64_t irqs_done, callbacks, callbacks_done, ops_done;
	struct rcu_state *rcu;
	sim_ns reading_ns[TASKS_MAX];	/* since when; INT64_MAX: it does not */
	struct digest digest;
	FILE *log;
};

static void see(struct task *t, const char *what, uint64_t value)
{
	struct world *w = t->owner;
	uint64_t rec[5];

	if (t->fiber)
		settle(t);
	rec[0] = (uint64_t)t->m->engine.now_ns;
	rec[1] = t->id;
	rec[2] = t->cpu->id;
	rec[3] = (uint64_t)what[0] | (uint64_t)what[1] << 8;
	rec[4] = value;
	digest_add(&w->digest, rec, sizeof(rec));
	if (w->log)
		fprintf(w->log, "%lld task %u cpu %u %s %llu\n",
			(long long)rec[0], t->id, t->cpu->id, what,
			(unsigned long long)value);
}

static uint64_t pick(struct task *t, uint64_t bound)
{
	struct world *w = t->owner;

	return draw_below(draw(w->seed, t->id, DRAW_TEST, w->bits[t->id]++),
			  bound);
}

static void some_work(struct task *t)
{
	static const uint64_t scale[] = { 10, 300, 5000, 200000 };
	uint64_t pieces = 1 + pick(t, 3);

	while (pieces--)
		work_ns(t, (int64_t)pick(t, scale[pick(t, 4)]), COST_ASSUMED);
}

static void read_section(struct task *t, unsigned i)
{
	struct world *w = t->owner;

	w->readers[i]++;
	assert_int_equal(w->writers[i], 0);
	see(t, "rd", i);
	some_work(t);
	if (pick(t, 4) == 0)
		cond_resched(t);
	settle(t);
	assert_int_equal(w->writers[i], 0);
	w->readers[i]--;
	up_read(t, &w->sem[i]);
}

static void do_read(struct task *t)
{
	struct world *w = t->owner;
	unsigned i = (unsigned)pick(t, SEMS);

	if (pick(t, 5) == 0) {
		if (!down_read_trylock(t, &w->sem[i])) {
			see(t, "r-", i);
			return;
		}
	} else {
		down_read(t, &w->sem[i]);
	}
	read_section(t, i);
}

static void do_write(struct task *t)
{
	struct world *w = t->owner;
	unsigned i = (unsigned)pick(t, SEMS);

	if (pick(t, 5) == 0) {
		if (!down_write_trylock(t, &w->sem[i])) {
			see(t, "w-", i);
			return;
		}
	} else {
		down_write(t, &w->sem[i]);
	}
	assert_int_equal(w->writers[i]++, 0);
	assert_int_equal(w->readers[i], 0);
	see(t, "wr", i);
	some_work(t);
	if (pick(t, 8) == 0) {		/* asleep inside: spinners must give up */
		settle(t);
		see(t, "sl", (uint64_t)task_sleep_until(t,
			t->m->engine.now_ns + (int64_t)pick(t, 100000)));
	}
	settle(t);
	assert_int_equal(w->writers[i]--, 1);
	assert_int_equal(w->readers[i], 0);
	if (pick(t, 3) == 0) {
		downgrade_write(t, &w->sem[i]);
		read_section(t, i);
	} else {
		up_write(t, &w->sem[i]);
	}
}

static void do_spin(struct task *t)
{
	struct world *w = t->owner;
	unsigned i = (unsigned)pick(t, SPINS);
	bool irq = pick(t, 2);

	if (irq)
		spin_lock_irq(t, &w->spin[i]);
	else
		spin_lock(t, &w->spin[i]);
	assert_int_equal(w->inside[i]++, 0);
	see(t, "sp", i);
	work_ns(t, (int64_t)pick(t, 3000), COST_ASSUMED);
	settle(t);
	assert_int_equal(w->inside[i]--, 1);
	if (irq)
		spin_unlock_irq(t, &w->spin[i]);
	else
		spin_unlock(t, &w->spin[i]);
}

static void irq_over(struct irq_request *r)
{
	struct world *w = r->arg;

	w->irq_busy[r - w->irq] = false;
	w->irqs_done++;
}

static void do_mutex(struct task *t)
{
	struct world *w = t->owner;

	if (pick(t, 5) == 0) {
		if (!mutex_trylock(t, &w->mutex)) {
			see(t, "m-", 0);
			return;
		}
	} else {
		mutex_lock(t, &w->mutex);
	}
	assert_int_equal(w->in_mutex++, 0);
	see(t, "mu", 0);
	some_work(t);
	if (pick(t, 8) == 0) {
		settle(t);
		task_sleep_until(t, t->m->engine.now_ns +
				 (int64_t)pick(t, 100000));
	}
	settle(t);
	assert_int_equal(w->in_mutex--, 1);
	mutex_unlock(t, &w->mutex);
}

/* Two words that a reader must never see apart. */
static void do_seqcount(struct task *t)
{
	struct world *w = t->owner;
	uint64_t seq, a, b;

	if (pick(t, 3) == 0) {
		spin_lock(t, &w->spin[0]);
		write_seqcount_begin(t, &w->seqcount);
		w->pair[0]++;
		some_work(t);
		settle(t);
		w->pair[1]++;
		write_seqcount_end(t, &w->seqcount);
		spin_unlock(t, &w->spin[0]);
		return;
	}
	do {
		seq = read_seqcount_begin(t, &w->seqcount);
		a = w->pair[0];
		work_ns(t, (int64_t)pick(t, 500), COST_ASSUMED);
		settle(t);
		b = w->pair[1];
	} while (read_seqcount_retry(t, &w->seqcount, seq));
	assert_int_equal(a, b);
	see(t, "sq", a);
}

static void do_counter(struct task *t)
{
	struct world *w = t->owner;
	int64_t n = (int64_t)pick(t, 9) - 4;

	percpu_counter_add(t, &w->counter, n);
	if (refcount_inc_not_zero(t, &w->ref)) {
		some_work(t);
		assert_false(refcount_dec_and_test(t, &w->ref));
	}
	see(t, "pc", (uint64_t)percpu_counter_read(t, &w->counter));
}

static void do_irq(struct task *t)
{
	struct world *w = t->owner;
	uint32_t to = (uint32_t)pick(t, w->f.m.cpu_count);

	settle(t);
	if (w->irq_busy[t->id])
		return;
	w->irq_busy[t->id] = true;
	w->irq[t->id].cost_ns = (int64_t)pick(t, 2000);
	w->irq[t->id].cls = COST_ASSUMED;
	w->irq[t->id].done = irq_over;
	w->irq[t->id].arg = w;
	irq_send(t, &w->irq[t->id], &w->f.m.cpus[to]);
	see(t, "ir", to);
}

static void do_line(struct task *t)
{
	struct world *w = t->owner;
	unsigned i = (unsigned)pick(t, WORDS);

	if (pick(t, 2)) {
		line_read(t, &w->word_line[i]);
		settle(t);
	} else {
		line_rmw(t, &w->word_line[i]);
		settle(t);
		w->words[i]++;
	}
	see(t, "ln", w->words[i]);
}

static int64_t callback_done(struct rcu_head *h, struct cpu *c)
{
	struct callback *cb = (struct callback *)h;
	struct world *w = cb->w;

	/* nobody who read before it was queued still does */
	for (uint32_t i = 0; i < w->task_count; i++)
		if (w->reading_ns[i] < cb->queued_ns &&
		    rcu_waits_for_readers(w->rcu))
			BUG("seed %llu: callback before its grace period",
			    (unsigned long long)w->seed);
	(void)c;
	cb->w->callbacks_done++;
	free(cb);
	return 0;
}

static void do_rcu(struct task *t)
{
	struct world *w = t->owner;
	struct callback *cb;

	if (pick(t, 8) == 0) {
		synchronize_rcu(t, w->rcu);
		see(t, "sy", 0);
		return;
	}
	if (pick(t, 3) == 0) {
		rcu_read_lock(t, w->rcu);
		w->reading_ns[t->id] = task_now(t);
		work_ns(t, (int64_t)pick(t, 1500000), COST_ASSUMED);
		settle(t);
		w->reading_ns[t->id] = INT64_MAX;
		rcu_read_unlock(t, w->rcu);
		see(t, "rd", 0);
		return;
	}
	cb = xcalloc(1, sizeof(*cb));
	cb->w = w;
	cb->queued_ns = task_now(t);
	cb->head.fn = callback_done;
	cb->head.invoke_ns = 40;
	call_rcu(t, w->rcu, &cb->head, STAGE_NONE);
	w->callbacks++;
	see(t, "rc", w->callbacks);
}

static void op(void *arg)
{
	struct task *t = arg;
	struct world *w = t->owner;

	some_work(t);
	switch (pick(t, 11)) {
	case 0: case 1:
		do_read(t);
		break;
	case 2:
		do_write(t);
		break;
	case 3:
		do_spin(t);
		break;
	case 4:
		do_irq(t);
		break;
	case 5:
		do_line(t);
		break;
	case 6:
		do_rcu(t);
		break;
	case 7:
		do_mutex(t);
		break;
	case 8:
		do_seqcount(t);
		break;
	case 9:
		do_counter(t);
		break;
	default:
		preempt_disable(t);
		some_work(t);
		preempt_enable(t);
		break;
	}
	some_work(t);
	w->ops_done++;
}

static void step(struct task *t)
{
	struct world *w = t->owner;
	uint64_t n = w->step[t->id]++;

	see(t, "st", n);
	if (n == 3 * OPS_PER_TASK) {
		task_exit(t);
		return;
	}
	switch (n % 3) {
	case 0:
		t->op_kind = (uint8_t)(1 + pick(t, 5));
		task_start_fiber(t, op, "a random op");
		break;
	case 1:
		task_think(t, (int64_t)pick(t, pick(t, 2) ? 3000 : 3000000),
			   COST_RECORDED);
		break;
	default:
		if (pick(t, 6) == 0)
			task_sleep_until(t, t->m->engine.now_ns +
					 (int64_t)pick(t, 500000));
		else if (pick(t, 6) == 0)
			task_ghost(t, (int64_t)pick(t, 100000));
		break;
	}
}

static void check(struct engine *e, void *arg)
{
	struct world *w = arg;

	(void)e;
	machine_check(&w->f.m);
	rcu_check(w->rcu);
}

static void world_open(struct world *w, uint64_t seed, bool eager)
{
	static const uint8_t shapes[][4] = { { 1, 1, 1, 1 }, { 1, 1, 2, 1 },
		{ 1, 1, 2, 2 }, { 2, 1, 2, 2 }, { 2, 2, 2, 1 }, { 1, 2, 3, 1 } };
	uint64_t bits = draw(seed, 0, DRAW_TEST, 1 << 20);
	const uint8_t *s = shapes[bits % 6];
	const struct rwsem_ops *flavour = rwsem_flavours[seed % RWSEM_FLAVOURS];
	struct rcu_rules rules = rcufix_drawn(bits >> 40);

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	digest_init(&w->digest);
	fixture_profile(&w->f, s[0], s[1], s[2], s[3]);
	w->f.profile.preempt = (uint32_t)(bits >> 8) % 3;
	w->f.profile.hz = (bits >> 16) % 2 ? 250 : 1000;
	rcufix_costs(&w->f);
	if ((bits >> 24) % 4 == 0)
		fixture_zero_costs(&w->f);
	fixture_open(&w->f, seed);
	w->f.m.engine.eager = eager;
	w->f.m.engine.check = check;
	w->f.m.engine.check_arg = w;
	w->rcu = rcufix_new(&w->f, &rules);
	for (int i = 0; i < SEMS; i++)
		rwsem_init(&w->f.m, &w->sem[i], flavour, &w->sem_line[i],
			   metrics_lock(w->f.metrics, "sem", true));
	for (int i = 0; i < SPINS; i++)
		spin_init(&w->spin[i], &w->spin_line[i],
			  metrics_lock(w->f.metrics, "spin", false));
	mutex_init(&w->f.m, &w->mutex, &w->mutex_line,
		   metrics_lock(w->f.metrics, "mutex", false));
	seqcount_init(&w->seqcount, &w->seqcount_line);
	w->ref = (struct refcount){ &w->ref_line, 1 };
	percpu_counter_init(&w->f.m, &w->counter, &w->counter_line,
			    metrics_lock(w->f.metrics, "percpu", false), 7);
	w->task_count = 2 + (uint32_t)(bits >> 32) % (TASKS_MAX - 2);
	for (uint32_t i = 0; i < w->task_count; i++) {
		w->reading_ns[i] = INT64_MAX;
		task_init(&w->f.m, &w->task[i], i, step, w);
		if (i % 5 == 4)
			w->task[i].affinity = 1 + i % w->f.m.cpu_count;
		task_launch(NULL, &w->task[i], (int64_t)(i * 777));
	}
}

static void world_close(struct world *w)
{
	rcu_free(w->rcu);
	mutex_release(&w->mutex);
	line_release(&w->mutex_line);
	line_release(&w->seqcount_line);
	line_release(&w->ref_line);
	line_release(&w->counter_line);
	percpu_counter_release(&w->counter);
	for (int i = 0; i < SEMS; i++)
		line_release(&w->sem_line[i]);
	for (int i = 0; i < SPINS; i++)
		line_release(&w->spin_line[i]);
	for (int i = 0; i < WORDS; i++)
		line_release(&w->word_line[i]);
	fixture_close(&w->f);
}

/* What waits were recorded, and what was blamed on somebody, must agree. */
static void check_blame(struct world *w)
{
	for (uint32_t i = 0; i < w->f.metrics->lock_count; i++) {
		struct lock_class *c = w->f.metrics->locks[i];
		__int128 waited = c->side[0].wait_ns.sum + c->side[1].wait_ns.sum;

		for (int k = 0; k < METRIC_OPS_MAX * METRIC_OPS_MAX; k++)
			waited -= c->blame_ns[k];
		assert_true(waited == 0);
	}
}

static void run_world(uint64_t seed, bool eager, struct digest *out,
		      uint64_t *contacts)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, seed, eager);
	if (getenv("MMREPLAY_LOG")) {
		char *path = xasprintf("%s.%s", getenv("MMREPLAY_LOG"),
				       eager ? "eager" : "fast");

		w->log = fopen(path, "w");
		free(path);
	}
	machine_run(&w->f.m);
	if (w->log)
		fclose(w->log);
	assert_int_equal(w->f.m.tasks_alive, 0);	/* nobody sleeps for ever */
	assert_int_equal(w->ops_done, w->task_count * OPS_PER_TASK);
	assert_int_equal(w->callbacks, w->callbacks_done);
	assert_int_equal(rcu_pending(w->rcu), 0);
	assert_int_equal(w->ref.value, 1);
	for (int i = 0; i < SEMS; i++) {
		assert_int_equal(w->sem[i].word, 0);
		rwsem_release(&w->sem[i]);
	}
	fixture_conserved(&w->f);
	check_blame(w);
	digest_add(&w->digest, &w->f.m.end_ns, sizeof(w->f.m.end_ns));
	for (uint32_t i = 0; i < w->f.m.cpu_count; i++)
		digest_add(&w->digest, w->f.m.cpus[i].mode_ns,
			   sizeof(w->f.m.cpus[i].mode_ns));
	*out = w->digest;
	*contacts = w->f.m.contacts;
	world_close(w);
	free(w);
}

static void t_random(void **state)
{
	const char *chosen = getenv("MMREPLAY_SEED");
	uint64_t first = chosen ? strtoull(chosen, NULL, 0) : 1;
	uint64_t count = chosen ? 1 : getenv("MMREPLAY_LONG") ? 5000 : 150;

	(void)state;
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct digest fast, eager;
		uint64_t fast_contacts, eager_contacts;

		print_message("# seed %llu\n", (unsigned long long)seed);
		run_world(seed, false, &fast, &fast_contacts);
		run_world(seed, true, &eager, &eager_contacts);
		assert_int_equal(fast_contacts, eager_contacts);
		assert_memory_equal(&fast, &eager, sizeof(fast));
	}
	print_message("## random schedules: seeds %llu to %llu, --eager and the fast path the same\n",
		      (unsigned long long)first,
		      (unsigned long long)(first + count - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
