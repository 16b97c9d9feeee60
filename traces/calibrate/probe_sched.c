/*
 * Probes of the scheduler: a switch, a wake-up seen by the waker and by the
 * woken, the timer tick.
 *
 *   switch   two threads of one CPU yield to each other; what a yield costs
 *            with nobody else is taken off. The kernel's own count of
 *            switches is the divisor: not every yield switches.
 *   wake     the woken thread is of the idle class, so that it does not push
 *            the waker off the CPU before the call returns.
 *   latency  stamp before the wake, stamp after it on the other CPU.
 *   tick     interruptions of a loop that last 0.3 to 20 us; those that come
 *            in step with HZ are ticks.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { YIELDS = 20000, SETTLE_NS = 150000 };

static int64_t switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nvcsw + u.ru_nivcsw;
}

static void nap(int64_t ns)
{
	struct timespec t = { .tv_nsec = ns };

	nanosleep(&t, NULL);
}

/* ---- yield ---- */

struct yielder {
	atomic_int stop, ready;
};

static void yield_loop(void *arg)
{
	struct yielder *y = arg;

	atomic_store(&y->ready, 1);
	while (!atomic_load_explicit(&y->stop, memory_order_relaxed))
		sched_yield();
}

/* CPU time of both threads: what others do on this CPU is not in it. */
static int64_t process_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t yields(int64_t *switched)
{
	int64_t before = switches(), t = process_ns();

	for (int i = 0; i < YIELDS; i++)
		sched_yield();
	t = process_ns() - t;
	*switched = switches() - before;
	return t;
}

void probe_yield(struct probe *p)
{
	int64_t alone[CAL_REPEATS], n, t;
	struct yielder y = { 0 };
	struct cal_thread other;

	cal_pin(p->cpu);
	for (int i = 0; i < CAL_REPEATS; i++) {
		alone[i] = yields(&n);
		probe_add(p, CAL_YIELD, alone[i], YIELDS);
	}
	cal_thread_start(&other, p->cpu, yield_loop, &y);
	while (!atomic_load(&y.ready))
		sched_yield();
	for (int i = 0; i < CAL_REPEATS; i++) {
		t = yields(&n) - alone[i];
		/* each switch away is one back: two per turn of this thread,
		 * and two yields, of which one was in `alone` */
		if (n > YIELDS / 4)
			probe_add(p, CAL_SWITCH,
				  t - alone[i] * n / YIELDS, 2 * n);
	}
	atomic_store(&y.stop, 1);
	cal_thread_join(&other);
	probe_fail(p, CAL_SWITCH, "sched_yield() did not switch threads");
}

/* ---- wake ---- */

struct sleeper {
	atomic_uint word;
	atomic_int asleep, stop, idle_class;
	_Atomic int64_t woke_ns;
};

static void idle_class(void)
{
	struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_IDLE, &none);
}

static void sleep_loop(void *arg)
{
	struct sleeper *s = arg;

	if (atomic_load(&s->idle_class))
		idle_class();
	while (!atomic_load(&s->stop)) {
		unsigned value = atomic_load(&s->word);

		atomic_store(&s->asleep, 1);
		if (!cal_futex_wait(&s->word, value))
			atomic_store(&s->woke_ns, cal_now_ns());
	}
}

static void hog(void *arg)
{
	atomic_int *stop = arg;

	idle_class();
	while (!atomic_load_explicit(stop, memory_order_relaxed))
		cal_relax();
}

/* One wake of a thread that surely sleeps; false if it did not. */
static bool wake_once(struct sleeper *s, int64_t *call_ns, int64_t *latency_ns)
{
	int64_t t, deadline = cal_now_ns() + 1000000000;

	while (!atomic_load(&s->asleep)) {
		if (cal_now_ns() > deadline)
			return false;
		nap(SETTLE_NS);
	}
	nap(SETTLE_NS);
	atomic_store(&s->asleep, 0);
	atomic_store(&s->woke_ns, 0);
	atomic_fetch_add(&s->word, 1);
	t = cal_now_ns();
	if (cal_futex_wake(&s->word) != 1)
		return false;
	*call_ns = cal_now_ns() - t;
	while (!atomic_load(&s->woke_ns)) {
		if (cal_now_ns() > deadline)
			return false;
		nap(SETTLE_NS);
	}
	*latency_ns = atomic_load(&s->woke_ns) - t;
	return true;
}

/* Waking a thread of @cpu: cost of the call, time until it runs. */
static void wakes(struct probe *p, int cpu, bool idle, int call, int latency)
{
	struct sleeper s = { .idle_class = idle };
	int64_t call_ns, latency_ns;
	struct cal_thread t;

	cal_thread_start(&t, cpu, sleep_loop, &s);
	for (int i = 0; i < CAL_SAMPLES; i++) {
		if (!wake_once(&s, &call_ns, &latency_ns))
			continue;
		if (call >= 0)
			probe_add(p, (enum cal_reading)call, call_ns, 1);
		if (latency >= 0)
			probe_add(p, (enum cal_reading)latency, latency_ns, 1);
	}
	atomic_store(&s.stop, 1);
	atomic_fetch_add(&s.word, 1);
	cal_futex_wake(&s.word);
	cal_thread_join(&t);
}

static void wake_none(struct probe *p)
{
	static atomic_uint word;

	for (int i = 0; i < CAL_REPEATS; i++) {
		int64_t t = cal_cpu_ns();

		for (int k = 0; k < YIELDS; k++)
			cal_futex_wake(&word);
		probe_add(p, CAL_WAKE_NONE, cal_cpu_ns() - t, YIELDS);
	}
}

void probe_wake(struct probe *p)
{
	atomic_int stop = 0;
	struct cal_thread t;

	cal_pin(p->cpu);
	wake_none(p);
	wakes(p, p->cpu, true, CAL_WAKE_LOCAL, -1);
	if (p->other < 0) {
		probe_fail(p, CAL_LATENCY_BUSY, "needs a second CPU");
		probe_fail(p, CAL_LATENCY_IDLE, "needs a second CPU");
		return;
	}
	wakes(p, p->other, false, -1, CAL_LATENCY_IDLE);
	cal_thread_start(&t, p->other, hog, &stop);
	wakes(p, p->other, false, -1, CAL_LATENCY_BUSY);
	atomic_store(&stop, 1);
	cal_thread_join(&t);
}

/* ---- tick ---- */

enum { GAPS = 8192, GAP_MIN_NS = 300, GAP_MAX_NS = 20000, SPAN_MS = 600 };
enum { PHASES = 64 };

struct gap {
	int64_t start_ns, ns;
};

static int by_length(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	return x->ns < y->ns ? -1 : x->ns > y->ns;
}

/* Interruptions of a loop on this CPU, whatever their cause. */
static unsigned interruptions(struct gap *gap)
{
	int64_t start = cal_now_ns(), last = start, now;
	unsigned n = 0;

	for (; last - start < SPAN_MS * 1000000LL && n < GAPS; last = now) {
		now = cal_now_ns();
		if (now - last >= GAP_MIN_NS && now - last <= GAP_MAX_NS)
			gap[n++] = (struct gap){ last, now - last };
	}
	return n;
}

/* Keeps those that share the most common phase of @period_ns. */
static unsigned periodic(struct gap *gap, unsigned n, int64_t period_ns)
{
	unsigned count[PHASES] = { 0 }, best = 0, kept = 0;

	for (unsigned i = 0; i < n; i++)
		count[gap[i].start_ns % period_ns * PHASES / period_ns]++;
	for (unsigned i = 1; i < PHASES; i++)
		if (count[i] > count[best])
			best = i;
	for (unsigned i = 0; i < n; i++)
		if (gap[i].start_ns % period_ns * PHASES / period_ns == best)
			gap[kept++] = gap[i];
	return kept;
}

void probe_tick(struct probe *p)
{
	static struct gap gap[GAPS];
	uint32_t hz = p->machine->hz;
	unsigned n, want;

	if (!hz) {
		probe_fail(p, CAL_TICK, "HZ is not known");
		return;
	}
	cal_pin(p->cpu);
	n = periodic(gap, interruptions(gap), 1000000000 / hz);
	want = hz * SPAN_MS / 1000;
	if (n < want / 3 || n > want * 3 / 2) {
		probe_fail(p, CAL_TICK, "%u interruptions in step with %u Hz in %d ms: no tick, or a busy CPU",
			   n, hz, SPAN_MS);
		return;
	}
	qsort(gap, n, sizeof(*gap), by_length);
	for (unsigned i = 0; i < CAL_REPEATS; i++)	/* deciles */
		probe_add(p, CAL_TICK, gap[(i + 1) * n / (CAL_REPEATS + 1)].ns, 1);
}
