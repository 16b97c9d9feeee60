/*
 * Probes of interrupts between CPUs, which user space sees from both ends:
 * a thread on the other CPU reads the clock all the time and finds the gap,
 * the sender knows when it called and when it was answered.
 *
 *   sender   |call ........ send ....... wait ....... return|
 *   other    -------------------------|  gap  |-------------
 *             <------ arrive --------> <-----> handler with entry and exit
 *
 * membarrier sends an IPI whose handler does nothing; MADV_DONTNEED one that
 * flushes a page. Both ways are timed without a thread there as well.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "traces/calibrate/probe.h"

enum { CALLS = 300, SPACE_NS = 15000, GAP_MIN_NS = 250, PAGE = 4096 };

/* what the thread on the other CPU leaves of its last gap */
struct watch {
	_Alignas(128) atomic_int on, stop, ready;
	atomic_uint word;
	_Alignas(128) _Atomic int64_t gap_start_ns, gap_ns;
};

static void watch_loop(void *arg)
{
	struct watch *w = arg;
	int64_t last, now;
	unsigned word;

	while (!atomic_load(&w->stop)) {
		atomic_store(&w->ready, 1);
		word = atomic_load(&w->word);
		if (!atomic_load(&w->on)) {
			cal_futex_wait(&w->word, word);
			continue;
		}
		last = cal_now_ns();
		while (atomic_load_explicit(&w->on, memory_order_relaxed)) {
			now = cal_now_ns();
			if (now - last >= GAP_MIN_NS) {
				atomic_store(&w->gap_start_ns, last);
				atomic_store(&w->gap_ns, now - last);
			}
			last = now;
		}
	}
}

/* The word changes after `on`, so the watcher never sleeps on old news. */
static void watch_set(struct watch *w, int on)
{
	atomic_store(&w->on, on);
	atomic_fetch_add(&w->word, 1);
	cal_futex_wake(&w->word);
	usleep(2000);
}

/* What one kind of call costs and does; times in ns. */
struct calls {
	int64_t total, gap, arrive, n_gap;
};

static int64_t call_median(int64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k && v[k] < v[k - 1]; k--) {
			int64_t swap = v[k];

			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
	return n ? v[n / 2] : 0;
}

/* Medians over CALLS calls; false if the call fails. */
static bool calls(struct watch *w, bool (*call)(void *), void *arg,
		  struct calls *out)
{
	static int64_t total[CALLS], gap[CALLS], arrive[CALLS];
	unsigned gaps = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		int64_t t, end, quiet = cal_now_ns() + SPACE_NS;

		while (cal_now_ns() < quiet)
			cal_relax();
		atomic_store(&w->gap_ns, 0);
		t = cal_now_ns();
		if (!call(arg))
			return false;
		end = cal_now_ns();
		total[i] = end - t;
		quiet = end + SPACE_NS / 2;	/* the gap is told after it */
		while (cal_now_ns() < quiet)
			cal_relax();
		if (atomic_load(&w->gap_ns) && atomic_load(&w->gap_start_ns) > t) {
			gap[gaps] = atomic_load(&w->gap_ns);
			arrive[gaps++] = atomic_load(&w->gap_start_ns) - t;
		}
	}
	*out = (struct calls){ .n_gap = gaps };
	out->total = call_median(total, CALLS);
	out->gap = call_median(gap, gaps);
	out->arrive = call_median(arrive, gaps);
	return true;
}

static bool barrier(void *arg)
{
	(void)arg;
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static bool drop_page(void *arg)
{
	/* the touch is part of both sides of the difference */
	*(volatile char *)arg = 1;
	return !madvise(arg, PAGE, MADV_DONTNEED);
}

/* Both ways, CAL_REPEATS times. */
static void compare(struct probe *p, bool (*call)(void *), void *arg,
		    enum cal_reading round, enum cal_reading gap, int arrive)
{
	static struct watch w;
	struct calls with, without;
	struct cal_thread t;

	cal_pin(p->cpu);
	cal_thread_start(&t, p->other, watch_loop, &w);
	while (!atomic_load(&w.ready))
		cal_relax();
	for (int i = 0; i < CAL_REPEATS; i++) {
		watch_set(&w, 0);
		if (!calls(&w, call, arg, &without))
			break;
		watch_set(&w, 1);
		if (!calls(&w, call, arg, &with))
			break;
		if (with.n_gap < CALLS / 10)
			continue;
		probe_add(p, round, with.total - without.total, 1);
		probe_add(p, gap, with.gap, 1);
		if (arrive >= 0)
			probe_add(p, (enum cal_reading)arrive, with.arrive, 1);
	}
	atomic_store(&w.stop, 1);
	watch_set(&w, 0);	/* lets it see `stop` */
	cal_thread_join(&t);
	probe_fail(p, round, "the other CPU saw no interruption");
	probe_fail(p, gap, "the other CPU saw no interruption");
}

void probe_ipi(struct probe *p)
{
	if (p->other >= 0 &&
	    !syscall(SYS_membarrier,
		     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0)) {
		compare(p, barrier, NULL, CAL_IPI_ROUND, CAL_IPI_GAP,
			CAL_IPI_ARRIVE);
		probe_fail(p, CAL_IPI_ARRIVE, "the other CPU saw no interruption");
		return;
	}
	for (enum cal_reading r = CAL_IPI_ROUND; r <= CAL_IPI_ARRIVE; r++) {
		if (p->other < 0)
			probe_fail(p, r, "needs a second CPU");
		else
			probe_errno(p, r, "membarrier");
	}
}

void probe_flush(struct probe *p)
{
	char *page = p->other < 0 ? NULL :
		     cal_map(PAGE, PROT_READ | PROT_WRITE);

	if (!page) {
		probe_fail(p, CAL_FLUSH_ROUND, "needs a second CPU");
		probe_fail(p, CAL_FLUSH_GAP, "needs a second CPU");
		return;
	}
	compare(p, drop_page, page, CAL_FLUSH_ROUND, CAL_FLUSH_GAP, -1);
	munmap(page, PAGE);
}
