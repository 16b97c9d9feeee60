/* See worker.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/results/cell.h"
#include "sim/results/limits.h"
#include "sim/results/sinks.h"
#include "sim/results/worker.h"

enum { HEAP_AHEAD_BYTES = 3 << 20 };	/* what 64 tasks need: a millisecond */

int64_t host_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/** struct teller - how a worker talks to its parent */
struct teller {
	int fd;
	int64_t last_ns;
};

static void tell(int fd, const struct message *m)
{
	ssize_t n;

	do {
		n = write(fd, m, sizeof(*m));
	} while (n < 0 && errno == EINTR);
}

static void tell_progress(void *arg, uint64_t done, uint64_t total)
{
	struct teller *t = arg;
	int64_t now = host_now_ns();

	(void)total;
	if (now - t->last_ns < 100 * NSEC_PER_MSEC)
		return;
	t->last_ns = now;
	tell(t->fd, &(struct message){ .kind = MESSAGE_PROGRESS, .done = done });
}

static int tell_failed(int fd, enum message_kind kind, const char *text)
{
	struct message m = { .kind = kind };

	snprintf(m.text, sizeof(m.text), "%s", text);
	tell(fd, &m);
	return 1;
}

/* Of the disk, while the replay wrote its trace: as for every other file. */
static bool no_room(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EFBIG ||
	       code == -EROFS;
}

static int save_cell(const struct scenario *s, const char *dir,
		     const struct cell *c, struct mmt_reader *trace,
		     struct replay_result *r, const struct seal *series, int fd)
{
	struct digest digest = mmt_digest(trace);
	struct mmt_stats stats = mmt_stats(trace);
	struct message m = { .kind = MESSAGE_DONE };
	struct errbuf e = { 0 };
	json_t *json = cell_json(s, c, mmt_header(trace), &digest, r);

	if (s->series_ns)
		json_object_set_new(json, "series", seal_json(series));
	if (cell_save(dir, c->id, json, &e))
		return tell_failed(fd, MESSAGE_CANNOT_WRITE, e.text);
	m.cost = (struct host_cost){
		.host_ns = r->host_ns, .ops = r->ops, .contacts = r->contacts,
		.events = r->host_events,
		.chunks_decoded = stats.chunks_decoded,
		.chunk_hits = stats.chunk_hits,
		.bytes_decoded = stats.bytes_decoded, .known = true };
	tell(fd, &m);
	json_decref(json);
	return 0;
}

/* The test build can be told to die in the cell of one label. */
static void die_if_told(const struct cell *c)
{
#ifdef MMREPLAY_TEST
	const char *label = getenv("MMREPLAY_TEST_CRASH");

	if (label && !strcmp(label, c->label))
		abort();
#else
	(void)c;
#endif
}

int worker_run(const struct scenario *s, const struct run_options *o,
	       const struct cell *c, const struct ready *from, int fd)
{
	struct teller teller = { .fd = fd, .last_ns = host_now_ns() };
	struct errbuf e = { 0 };
	struct replay_result r = { 0 };
	struct mmt_reader *trace;
	struct sinks sinks;
	struct digest d;
	int status;
	struct replay_config config = {
		.profile = &c->profile, .kernel = &c->kernel,
		.captured = &s->captured, .options = c->replay,
		.seed = c->seed, .replicate = c->replicate,
		.eager = o->eager, .progress = tell_progress,
		.progress_arg = &teller };

	die_if_told(c);
	first_victim();
	if (o->cell_bytes && limit_memory(o->cell_bytes, &e))
		return tell_failed(fd, MESSAGE_FAILED, e.text);
	mem_own_heap(HEAP_AHEAD_BYTES);
	trace = mmt_open(from->path, 0, 0, &e);
	if (!trace)
		return tell_failed(fd, MESSAGE_FAILED, e.text);
	d = mmt_digest(trace);
	if (d.hi != from->digest.hi || d.lo != from->digest.lo)
		return tell_failed(fd, MESSAGE_FAILED,
				   "the trace changed while the scenario ran");
	mmt_use_share(trace, from->share);
	if (sinks_open(&sinks, s, o, c, &config, &e))
		return tell_failed(fd, MESSAGE_CANNOT_WRITE, e.text);
	if (replay_run(trace, &config, &r, &e)) {
		sinks_close(&sinks, false, &e);
		return tell_failed(fd, no_room(e.code) ? MESSAGE_CANNOT_WRITE :
				   MESSAGE_FAILED, e.text);
	}
	if (sinks_close(&sinks, true, &e))
		return tell_failed(fd, MESSAGE_CANNOT_WRITE, e.text);
	status = save_cell(s, o->out_dir, c, trace, &r,
			   &sinks.series_seal, fd);
	replay_result_release(&r);
	mmt_close(trace);
	return status;
}
