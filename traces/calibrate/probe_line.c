/*
 * Probes of cache lines between CPUs.
 *
 *   pairs       two threads hand a word back and forth; half a round is one
 *               transfer. In a guest the other CPU may be off for a while:
 *               the median over repeats drops that.
 *   neighbours  two threads add to words of their own, 64 bytes apart and
 *               256 apart. If 64 is much slower, lines travel in pairs.
 */
#include "traces/calibrate/probe.h"

enum { ROUNDS = 4000, ADDS = 100000, TIMEOUT_NS = 400000000 };

struct word {
	_Alignas(512) atomic_uint turn;
	_Alignas(512) atomic_int ready;
	_Alignas(512) atomic_int stop;
};

static void answer(void *arg)
{
	struct word *w = arg;

	atomic_store(&w->ready, 1);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		unsigned turn = atomic_load_explicit(&w->turn,
						     memory_order_acquire);

		if (turn & 1)
			atomic_store_explicit(&w->turn, turn + 1,
					      memory_order_release);
	}
}

/* @ROUNDS hand-overs; -1 if the other side does not come. */
static int64_t rounds(struct word *w)
{
	int64_t t = cal_now_ns(), deadline = t + TIMEOUT_NS;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned turn = 2 * i + 1;

		atomic_store_explicit(&w->turn, turn, memory_order_release);
		for (unsigned spins = 0; atomic_load_explicit(&w->turn,
				memory_order_acquire) != turn + 1; spins++)
			if (!(spins & 0xffff) && cal_now_ns() > deadline)
				return -1;
	}
	return cal_now_ns() - t;
}

static void pair_sample(struct cal_samples *s, int64_t ns)
{
	if (ns > 0 && s->n < CAL_SAMPLES)
		s->ps[s->n++] = ns * 1000 / (2 * ROUNDS);
}

void probe_pairs(struct probe *p)
{
	static struct word w;

	for (unsigned i = 0; i < p->pairs; i++) {
		struct cal_thread t;

		atomic_store(&w.stop, 0);
		atomic_store(&w.ready, 0);
		atomic_store(&w.turn, 0);
		cal_pin((int)p->pair[i].a);
		cal_thread_start(&t, (int)p->pair[i].b, answer, &w);
		while (!atomic_load(&w.ready))
			cal_relax();
		for (int k = 0; k < CAL_REPEATS; k++)
			pair_sample(&p->out->pair[i], rounds(&w));
		atomic_store(&w.stop, 1);
		cal_thread_join(&t);
	}
}

/* ---- neighbours ---- */

struct neighbours {
	_Alignas(512) char room[1024];
	_Alignas(512) atomic_int stop;
	atomic_int ready;
	unsigned far_bytes;
};

static void add_far(void *arg)
{
	struct neighbours *n = arg;
	atomic_ulong *word = (atomic_ulong *)(void *)(n->room + n->far_bytes);

	atomic_store(&n->ready, 1);
	while (!atomic_load_explicit(&n->stop, memory_order_relaxed))
		for (int i = 0; i < 100; i++)
			atomic_fetch_add(word, 1);
}

static void at_distance(struct probe *p, enum cal_reading r, unsigned bytes)
{
	static struct neighbours n;
	atomic_ulong *word = (atomic_ulong *)(void *)n.room;
	struct cal_thread t;

	n.far_bytes = bytes;
	atomic_store(&n.stop, 0);
	atomic_store(&n.ready, 0);
	cal_thread_start(&t, p->other, add_far, &n);
	while (!atomic_load(&n.ready))
		cal_relax();
	for (int k = 0; k < CAL_REPEATS; k++) {
		int64_t start = cal_now_ns();

		for (int i = 0; i < ADDS; i++)
			atomic_fetch_add(word, 1);
		probe_add(p, r, cal_now_ns() - start, ADDS);
	}
	atomic_store(&n.stop, 1);
	cal_thread_join(&t);
}

void probe_neighbours(struct probe *p)
{
	if (p->other < 0) {
		probe_fail(p, CAL_NEIGHBOUR_64, "needs a second CPU");
		probe_fail(p, CAL_NEIGHBOUR_256, "needs a second CPU");
		return;
	}
	at_distance(p, CAL_NEIGHBOUR_64, 64);
	at_distance(p, CAL_NEIGHBOUR_256, 256);
}
