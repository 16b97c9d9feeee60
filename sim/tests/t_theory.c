/*
 * Queueing theory: simulated beside exact, printed, each within 2 %.
 *
 * Pinned: mean waiting of M/M/1 and M/D/1 at one spinlock (also equal to
 * Lindley's recursion over the same draws, to the ns), throughput of the
 * machine repairman by mean value analysis, an atomic that many CPUs want at
 * one op per transfer, and readers of a rw_semaphore at two transfers per pair
 * of lock and unlock, while bravo's readers scale. Costs that the theory does
 * not know are zero. Sample sizes are printed; MMREPLAY_LONG=1 has more loads.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/base/rng.h"
#include "sim/tests/fixture_machine.h"

enum { SERVERS_MAX = 256, SERVICE_NS = 1000, XFER_NS = 45, ATOMIC_NS = 5 };

struct load;

struct customer {
	struct task t;
	struct load *load;
	uint32_t next;		/* what it brings next; arrivals: its number */
	bool out;		/* thought already, now it wants the server */
	uint32_t done;		/* repairman: rounds up to until_ns */
};

struct load {
	struct fixture f;
	struct line line, owner_line;
	bool owner_apart;	/* the owner lies on a line of its own */
	struct spinlock lock;
	struct rwsem sem;
	const struct rwsem_ops *flavour;
	uint32_t count;			/* customers */
	uint32_t pieces;		/* of work inside */
	uint32_t arrivals;		/* of all, or rounds of each */
	sim_ns *at_ns;			/* arrivals: when */
	int64_t *service_ns;
	int64_t think_ns, mean_ns;	/* repairman; work inside */
	sim_ns until_ns;
	struct customer *who;
};

static bool is_long(void)
{
	return getenv("MMREPLAY_LONG") != NULL;
}

static double off_pct(double is, double exact)
{
	return 100 * (is - exact) / exact;
}

static void within_2_pct(const char *what, unsigned n, double is, double exact,
			 const char *unit, uint64_t samples)
{
	print_message("## %-28s %4u  simulated %10.4f  exact %10.4f %s  %+5.2f %%  (%llu samples)\n",
		      what, n, is, exact, unit, off_pct(is, exact),
		      (unsigned long long)samples);
	assert_true(off_pct(is, exact) < 2 && off_pct(is, exact) > -2);
}

static void load_open(struct load *l, uint32_t cpus,
		      const struct rwsem_ops *flavour, int64_t xfer_ns,
		      int64_t atomic_ns)
{
	memset(l, 0, sizeof(*l));
	l->count = cpus;
	fixture_profile(&l->f, 1, 1, cpus, 1);
	fixture_zero_costs(&l->f);
	fixture_cost(&l->f, COST_XFER_LLC, xfer_ns);
	fixture_cost(&l->f, COST_ATOMIC, atomic_ns);
	fixture_open(&l->f, 1);
	l->flavour = flavour;
	l->who = xcalloc(cpus, sizeof(*l->who));
}

static void load_speedup(struct load *l, const char *lock, uint32_t pct)
{
	l->f.m.shorten_pct = pct;
	if (pct)
		metrics_shorten(l->f.metrics, lock);
}

static void load_run(struct load *l, void (*step)(struct task *))
{
	spin_init(&l->lock, &l->line,
		  metrics_lock(l->f.metrics, "lock", false));
	rwsem_init(&l->f.m, &l->sem, l->flavour, &l->line,
		   metrics_lock(l->f.metrics, "sem", true));
	if (l->owner_apart)
		l->sem.owner_line = &l->owner_line;
	for (uint32_t i = 0; i < l->count; i++) {
		struct customer *c = &l->who[i];

		c->load = l;
		c->next = i;
		task_init(&l->f.m, &c->t, i, step, c);
		c->t.affinity = i + 1;
		task_launch(NULL, &c->t, 0);
	}
	machine_run(&l->f.m);
	assert_int_equal(l->f.m.tasks_alive, 0);
	fixture_conserved(&l->f);
}

static void load_close(struct load *l)
{
	rwsem_release(&l->sem);
	line_release(&l->line);
	line_release(&l->owner_line);
	fixture_close(&l->f);
	free(l->at_ns);
	free(l->service_ns);
	free(l->who);
}

/* ---- M/M/1 and M/D/1 ---- */

static void serve(void *arg)
{
	struct task *t = arg;
	struct customer *c = t->owner;

	spin_lock(t, &c->load->lock);
	work_ns(t, c->load->service_ns[c->next], COST_ASSUMED);
	spin_unlock(t, &c->load->lock);
	settle(t);
	c->next += c->load->count;
}

static void arrive(struct task *t)
{
	struct customer *c = t->owner;
	sim_ns now = t->m->engine.now_ns;

	if (c->next >= c->load->arrivals) {
		task_exit(t);
	} else if (now < c->load->at_ns[c->next]) {
		task_think(t, c->load->at_ns[c->next] - now, COST_RECORDED);
	} else {
		/* an open source: nobody may come late because it still waits */
		assert_int_equal(now, c->load->at_ns[c->next]);
		task_start_fiber(t, serve, "a customer");
	}
}

/* Sum of waits by Lindley: W(i+1) = max(0, W(i) + S(i) - gap). */
static int64_t lindley_ns(const struct load *l)
{
	int64_t wait = 0, sum = 0;

	for (uint32_t i = 1; i < l->arrivals; i++) {
		wait += l->service_ns[i - 1] - (l->at_ns[i] - l->at_ns[i - 1]);
		if (wait < 0)
			wait = 0;
		sum += wait;
	}
	return sum;
}

static void one_server(unsigned load_pct, bool fixed, uint32_t arrivals)
{
	double rho = load_pct / 100.0;
	double exact_ns = rho * SERVICE_NS / (1 - rho) / (fixed ? 2 : 1);
	int64_t waited_ns, gap_ns = SERVICE_NS * 100 / load_pct;
	sim_ns now = 0;
	struct load l;

	load_open(&l, SERVERS_MAX, &rwsem_5_11, 0, 0);
	l.arrivals = arrivals;
	l.at_ns = xcalloc(arrivals, sizeof(sim_ns));
	l.service_ns = xcalloc(arrivals, sizeof(int64_t));
	for (uint32_t i = 0; i < arrivals; i++) {
		uint64_t gap = draw(2, i, DRAW_TEST, 0);
		uint64_t work = draw(2, i, DRAW_TEST, 1);

		now += draw_exponential_ns(gap, gap_ns) + 1;
		l.at_ns[i] = now;
		l.service_ns[i] = fixed ? SERVICE_NS :
				  draw_exponential_ns(work, SERVICE_NS);
	}
	load_run(&l, arrive);
	waited_ns = (int64_t)l.lock.cls->side[SIDE_WRITE].wait_ns.sum;
	assert_int_equal(waited_ns, lindley_ns(&l));
	within_2_pct(fixed ? "M/D/1 mean wait, load %" :
		     "M/M/1 mean wait, load %", load_pct,
		     (double)waited_ns / arrivals, exact_ns, "ns", arrivals);
	load_close(&l);
}

static void t_one_server(void **state)
{
	(void)state;
	one_server(30, false, 150000);
	one_server(30, true, 150000);
	one_server(50, false, 150000);
	one_server(50, true, 150000);
	if (!is_long())
		return;
	one_server(70, false, 4000000);
	one_server(70, true, 4000000);
	one_server(80, false, 8000000);
	one_server(80, true, 8000000);
}

/* ---- machine repairman ---- */

static void repair(void *arg)
{
	struct task *t = arg;
	struct customer *c = t->owner;
	struct load *l = c->load;

	spin_lock(t, &l->lock);
	work_ns(t, draw_exponential_ns(draw(3, t->id, DRAW_TEST, 2 * c->next),
				       l->mean_ns), COST_ASSUMED);
	spin_unlock(t, &l->lock);
	settle(t);
	c->next++;
	c->out = false;
	c->done += t->m->engine.now_ns <= l->until_ns;
}

static void break_down(struct task *t)
{
	struct customer *c = t->owner;
	struct load *l = c->load;

	if (t->m->engine.now_ns >= l->until_ns) {
		task_exit(t);
	} else if (!c->out) {
		c->out = true;
		task_think(t, draw_exponential_ns(draw(3, t->id, DRAW_TEST,
						       2 * c->next + 1),
						  l->think_ns), COST_RECORDED);
	} else {
		task_start_fiber(t, repair, "a repair");
	}
}

/* Mean value analysis: rounds per ns of @n machines and one repairman. */
static double repairman_rate(uint32_t n, double think_ns, double service_ns)
{
	long double waiting = 0, rate = 0;

	for (uint32_t i = 1; i <= n; i++) {
		long double response = service_ns * (1 + waiting);

		rate = i / (think_ns + response);
		waiting = rate * response;
	}
	return (double)rate;
}

/* Virtual speed-up of the lock by @pct: the repairman works that much faster. */
static void repairman(uint32_t n, uint32_t rounds, uint32_t pct)
{
	double service_ns = SERVICE_NS * (100 - pct) / 100.0;
	double rate = repairman_rate(n, 15 * SERVICE_NS, service_ns);
	uint64_t done = 0;
	struct load l;

	load_open(&l, n, &rwsem_5_11, 0, 0);
	load_speedup(&l, "lock", pct);
	l.until_ns = (sim_ns)(rounds / rate);
	l.mean_ns = SERVICE_NS;
	l.think_ns = 15 * SERVICE_NS;
	load_run(&l, break_down);
	for (uint32_t i = 0; i < n; i++)
		done += l.who[i].done;
	within_2_pct(pct ? "repairman sped up, rounds/us, N" :
		     "repairman, rounds/us, N", n,
		     1000.0 * (double)done / (double)l.until_ns, 1000 * rate,
		     "/us", done);
	load_close(&l);
}

static void t_repairman(void **state)
{
	uint32_t rounds = is_long() ? 1000000 : 64000;

	(void)state;
	for (uint32_t n = 1; n <= 64; n = is_long() ? n + 1 : n < 8 ? n + 1 :
	     n < 32 ? n + 4 : n + 16)
		repairman(n, rounds, 0);
}

static void once(struct task *t, void (*fn)(void *))
{
	if (((struct customer *)t->owner)->out)
		task_exit(t);
	else
		task_start_fiber(t, fn, "a loop");
}

static void pieces_loop(void *arg)
{
	struct task *t = arg;
	struct customer *c = t->owner;

	for (uint32_t i = 0; i < c->load->arrivals; i++) {
		spin_lock(t, &c->load->lock);
		for (uint32_t k = 0; k < c->load->pieces; k++)
			work_ns(t, c->load->mean_ns, COST_ASSUMED);
		spin_unlock(t, &c->load->lock);
		work_ns(t, c->load->think_ns, COST_ASSUMED);
	}
	settle(t);
	c->out = true;
}

static void pieces_step(struct task *t)
{
	once(t, pieces_loop);
}

/* Speeding up the only lock of a loop gains what the closed form says: nearly
 * nothing while it is idle, in proportion where it is the bottleneck. */
static void t_repairman_speedup(void **state)
{
	(void)state;
	for (uint32_t pct = 10; pct <= 100; pct += 30)
		for (uint32_t n = 2; n <= 32; n *= 4)
			repairman(n, 32000, pct);
}

/* To the ns: a lock shortened by @pct is a lock with that much less inside;
 * another lock's speed-up changes nothing. Several small pieces of work lose
 * no fraction. */
static void t_speedup_exact(void **state)
{
	static const struct { const char *lock; uint32_t pct, pieces; } c[] = {
		{ "lock", 0, 16 }, { "lock", 50, 16 }, { "lock", 0, 8 },
		{ "sem", 50, 16 }, { "lock.write", 50, 16 },
	};
	sim_ns end_ns[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct load l;

		load_open(&l, 8, &rwsem_5_11, XFER_NS, 0);
		load_speedup(&l, c[i].lock, c[i].pct);
		l.arrivals = 100;
		l.pieces = c[i].pieces;
		l.mean_ns = 7;
		load_run(&l, pieces_step);
		end_ns[i] = l.f.m.end_ns;
		load_close(&l);
	}
	assert_true(end_ns[1] < end_ns[0]);
	assert_int_equal(end_ns[1], end_ns[2]);
	assert_int_equal(end_ns[3], end_ns[0]);
	assert_int_equal(end_ns[4], end_ns[0]);	/* this lock has no sides */
}

/* ---- lines ---- */

static void atomic_loop(void *arg)
{
	struct task *t = arg;
	struct customer *c = t->owner;

	for (uint32_t i = 0; i < c->load->arrivals; i++)
		line_rmw(t, &c->load->line);
	settle(t);
	c->out = true;
}

static void atomic_step(struct task *t)
{
	once(t, atomic_loop);
}

static void t_contended_atomic(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 64; n *= 2) {
		double exact_ns = n == 1 ? ATOMIC_NS : XFER_NS;
		struct load l;

		load_open(&l, n, &rwsem_5_11, XFER_NS, ATOMIC_NS);
		l.arrivals = 64000 / n;
		load_run(&l, atomic_step);
		within_2_pct("contended atomic, CPUs", n,
			     (double)l.f.m.end_ns / (l.arrivals * n), exact_ns,
			     "ns/op", l.arrivals * n);
		load_close(&l);
	}
}

static void read_loop(void *arg)
{
	struct task *t = arg;
	struct customer *c = t->owner;

	for (uint32_t i = 0; i < c->load->arrivals; i++) {
		down_read(t, &c->load->sem);
		work_ns(t, c->load->mean_ns, COST_ASSUMED);
		up_read(t, &c->load->sem);
		work_ns(t, c->load->think_ns, COST_ASSUMED);
	}
	settle(t);
	c->out = true;
}

static void read_step(struct task *t)
{
	once(t, read_loop);
}

static double pair_ns(const struct rwsem_ops *flavour, uint32_t n,
		      uint32_t pairs, bool owner_apart)
{
	struct load l;
	double ns;

	load_open(&l, n, flavour, XFER_NS, ATOMIC_NS);
	l.owner_apart = owner_apart;
	l.arrivals = pairs / n;
	l.mean_ns = 200;
	l.think_ns = 300;
	load_run(&l, read_step);
	ns = (double)l.f.m.end_ns / (l.arrivals * n);
	load_close(&l);
	return ns;
}

/*
 * A pair of @n, all of which begin together, so that one comes after the other:
 *
 *   1   |acq.work 200.rel.think 300|acq..     two atomics that hit
 *   2   |count 45+5|owner 45|work|count 45+5|think|
 *        --wait 45--|count 45+5|owner 45|work|count 45+5|think|
 *
 * Few bring the count twice and the owner once, and never wait after the first
 * round: 645 / n. From eight on the line is always under way, and what a CPU
 * does with it is beside the next transfer: two transfers a pair.
 */
static double readers_exact_ns(uint32_t n)
{
	double few_ns = 500 + 2 * (XFER_NS + ATOMIC_NS) + XFER_NS;

	if (n == 1)
		return 500 + 2 * ATOMIC_NS;
	return few_ns / n > 2 * XFER_NS ? few_ns / n : 2 * XFER_NS;
}

/*
 * Alone, a pair is 500 ns of work, two atomics and the store to the owner.
 * Many share one line: two transfers of the count each, and one of the owner
 * beside them; or three of the same line, if the owner lies on it; or have a
 * slot each (bravo), and pay a hit for the lock's line.
 */
static void t_readers(void **state)
{
	enum { PAIRS = 64000 };

	(void)state;
	for (uint32_t n = 1; n <= 64; n *= 2)
		within_2_pct("readers of 5.11, CPUs", n,
			     pair_ns(&rwsem_5_11, n, PAIRS, true),
			     readers_exact_ns(n), "ns/pair", PAIRS);
	/* fewer meet by phase: a store finds the line on its way, or not */
	for (uint32_t n = 16; n <= 64; n *= 2)
		within_2_pct("readers, owner beside count, CPUs", n,
			     pair_ns(&rwsem_5_11, n, PAIRS, false),
			     3 * XFER_NS, "ns/pair", PAIRS);
	for (uint32_t n = 1; n <= 64; n *= 2)
		within_2_pct("readers of bravo, CPUs", n,
			     pair_ns(&rwsem_bravo, n, 2 * PAIRS, true),
			     (500.0 + ATOMIC_NS) / n, "ns/pair", 2 * PAIRS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_one_server),
		cmocka_unit_test(t_repairman),
		cmocka_unit_test(t_repairman_speedup),
		cmocka_unit_test(t_speedup_exact),
		cmocka_unit_test(t_contended_atomic),
		cmocka_unit_test(t_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
