/*
 * A run of a scenario: what is missing, the traces it needs, the crew that runs
 * it (crew.h), the index and the host's costs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/results/cell.h"
#include "sim/results/crew.h"
#include "sim/results/program.h"
#include "sim/results/sinks.h"

enum { JOBS_MAX = 1024 };

static uint32_t job_count(const struct run_options *o, uint32_t cells)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t jobs = o->jobs ? o->jobs : cpus > 0 ? (uint32_t)cpus : 1;

	if (jobs > JOBS_MAX)
		jobs = JOBS_MAX;
	return jobs < cells ? jobs : cells ? cells : 1;
}

static bool is_wanted(const struct run_options *o, const char *id)
{
	for (uint32_t i = 0; i < o->only_count; i++)
		if (!strcmp(o->only[i], id))
			return true;
	return !o->only_count;
}

static int check_only(const struct scenario *s, const struct run_options *o,
		      struct errbuf *e)
{
	for (uint32_t k = 0; k < o->only_count; k++) {
		uint32_t i = 0;

		while (i < s->cell_count && strcmp(s->cells[i].id, o->only[k]))
			i++;
		if (i == s->cell_count)
			return err_usage(e, "--cell %s: this scenario has no such cell with this program; see `mmreplay run -n`",
					 o->only[k]);
	}
	return 0;
}

/* Fills @todo with the cells that must be run. */
static int find_missing(struct crew *w, bool update, uint32_t *todo,
			uint32_t *count, struct errbuf *e)
{
	*count = 0;
	for (uint32_t i = 0; i < w->s->cell_count; i++) {
		const struct cell *c = &w->s->cells[i];
		json_t *series = NULL;
		enum side side;
		bool changed;
		int r;

		if (!is_wanted(w->o, c->id))
			continue;
		r = cell_reuse(w->o->out_dir, c, update, &series, &changed, e);
		side = r > 0 ? sinks_there(w->s, w->o, c, series) :
		       changed ? SIDE_DAMAGED : SIDE_OTHER;
		json_decref(series);
		if (r < 0)
			return r;
		w->sum->damaged += side == SIDE_DAMAGED;
		if (side == SIDE_THERE)
			w->sum->reused++;
		else
			todo[(*count)++] = i;
	}
	return 0;
}

/* Digest and size of the trace at @r->path; false if it is no whole trace. */
static bool look_at(struct ready *r, struct errbuf *e)
{
	struct mmt_reader *trace = mmt_open(r->path, 0, 0, e);
	const struct trace_header *h;

	if (!trace)
		return false;
	h = mmt_header(trace);
	r->digest = mmt_digest(trace);
	r->ops = 0;
	for (unsigned i = 0; i < OP_KIND_COUNT; i++)
		if (op_kinds[i].cls == OP_CLASS_REPLAY)
			r->ops += h->ops[i];
	mmt_close(trace);
	return true;
}

/* The seal comes last: one that is there is of a whole trace. */
static int generate(struct crew *w, const struct source *from,
		    const char *path, const char *seal, struct errbuf *e)
{
	char *dir = xasprintf("%s/traces", w->o->out_dir);
	int r = make_dirs(dir, e);

	free(dir);
	if (!r)
		r = w->s->workloads->write(&from->workload, path, e);
	return r ? r : seal_beside(path, seal, e);
}

/*
 * A generated trace has its name from its parameters, and NAME.json beside it
 * says what was made: without it, or if it says otherwise, this is another one.
 */
static int make_ready(struct crew *w, const struct source *from,
		      struct errbuf *e)
{
	struct ready *r = &w->ready[from->index];
	char name[DIGEST_TEXT_BYTES], *seal;
	struct errbuf ignored = { 0 };
	bool there;
	int err = 0;

	if (r->path)
		return 0;
	if (from->path) {
		r->path = xstrdup(from->path);
		return look_at(r, e) ? 0 : -EIO;
	}
	digest_text(&from->digest, name);
	r->path = xasprintf("%s/traces/%s.mmt", w->o->out_dir, name);
	seal = xasprintf("%s/traces/%s.json", w->o->out_dir, name);
	/* one without a seal may be another run's that is about to write it */
	there = !access(r->path, F_OK) && !access(seal, F_OK);
	if (!there || !seal_holds(r->path, seal) || !look_at(r, &ignored)) {
		w->sum->remade += there;
		err = generate(w, from, r->path, seal, e);
		if (!err && !look_at(r, e))
			err = -EIO;
	}
	free(seal);
	return err;
}

static int make_all_ready(struct crew *w, const uint32_t *todo, uint32_t count,
			  struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++)
		r = make_ready(w, w->s->cells[todo[i]].source, e);
	return r;
}

/* Traces that several cells replay are decoded once, while there is room. */
static void decode_shared(struct crew *w, const uint32_t *todo, uint32_t count)
{
	uint32_t *cells = xcalloc(w->s->source_count + 1, sizeof(*cells));
	uint64_t left = w->o->decode_cache_bytes;

	for (uint32_t i = 0; i < count; i++) {
		struct ready *r = &w->ready[w->s->cells[todo[i]].source->index];
		struct errbuf ignored = { 0 };
		struct mmt_reader *trace;

		if (++cells[r - w->ready] != 2)
			continue;
		trace = mmt_open(r->path, 0, 0, &ignored);
		if (trace)
			r->share = mmt_share_new(trace, left);
		left -= mmt_share_bytes(r->share);
		mmt_close(trace);
	}
	free(cells);
}

static void crew_release(struct crew *w)
{
	for (uint32_t i = 0; i < w->s->source_count; i++) {
		free(w->ready[i].path);
		mmt_share_free(w->ready[i].share);
	}
	for (uint32_t i = 0; i < w->s->cell_count; i++)
		free(w->entry[i].text);
	free(w->ready);
	free(w->cost);
	free(w->entry);
}

static int lost_cell(struct crew *w, const struct cell *c, struct errbuf *e)
{
	json_t *json = cell_failed_json(c, &w->ready[c->source->index].digest,
					w->o->missing_because);
	int r = cell_save(w->o->out_dir, c->id, json, e);

	json_decref(json);
	return r;
}

/* What others should have run and did not, or not to the end: failed, unless they
 * said why.
 * @lacking: those that are whole, but without the events or trace wanted now. */
static int mark_missing(struct crew *w, const uint32_t *todo, uint32_t count,
			uint32_t *lacking, struct errbuf *e)
{
	int r = 0;

	for (uint32_t i = 0; i < count && !r; i++) {
		const struct cell *c = &w->s->cells[todo[i]];
		char *path = cell_path(w->o->out_dir, c->id);
		json_t *series;
		bool changed;

		if (cell_reuse(w->o->out_dir, c, false, &series, &changed, e))
			++*lacking;
		else if (changed || access(path, R_OK))
			r = lost_cell(w, c, e);
		json_decref(series);
		free(path);
	}
	return r;
}

static void crew_init(struct crew *w, const struct scenario *s)
{
	w->cost = xcalloc(s->cell_count + 1, sizeof(*w->cost));
	w->entry = xcalloc(s->cell_count + 1, sizeof(*w->entry));
	w->ready = xcalloc(s->source_count + 1, sizeof(*w->ready));
}

int results_missing(const struct scenario *s, const struct run_options *o,
		    bool prepare, uint32_t *todo, uint32_t *count,
		    struct run_summary *sum, struct errbuf *e)
{
	struct crew w = { .s = s, .o = o, .sum = sum, .jobs = 1 };
	int r = check_only(s, o, e);

	*sum = (struct run_summary){ .cells = s->cell_count };
	crew_init(&w, s);
	if (!r && prepare)
		r = folder_prepare(s, o, e);
	if (!r && prepare)
		r = sinks_prepare(s, o, e);
	if (!r)
		r = find_missing(&w, prepare, todo, count, e);
	if (!r && prepare)
		r = make_all_ready(&w, todo, *count, e);
	crew_release(&w);
	return r;
}

/* The cells of --cell are there: index and host.json are for who collects. */
static int finish(struct crew *w, int64_t start_ns, struct errbuf *e)
{
	int r;

	if (w->o->only_count)
		return 0;
	r = index_write(w->s, w->o->out_dir, w->entry, &w->sum->failed, e);
	return r ? r : folder_host(w->s, w->o->out_dir, w->cost, w->jobs,
				   host_now_ns() - start_ns, e);
}

int results_run(const struct scenario *s, const struct run_options *o,
		struct run_summary *sum, struct errbuf *e)
{
	struct crew w = { .s = s, .o = o, .sum = sum };
	uint32_t *todo = xcalloc(s->cell_count + 1, sizeof(*todo)), count = 0;
	uint32_t lacking = 0;
	int64_t start_ns = host_now_ns();
	int r = check_only(s, o, e);

	if (strcmp(s->model_id, program_model_id()))
		BUG("scenario was loaded without program_model_id()");
	*sum = (struct run_summary){ .cells = o->only_count ? o->only_count :
							      s->cell_count };
	w.jobs = job_count(o, s->cell_count);
	crew_init(&w, s);
	if (!r)
		r = folder_prepare(s, o, e);
	if (!r)
		r = sinks_prepare(s, o, e);
	if (!r)
		r = find_missing(&w, true, todo, &count, e);
	if (!r)
		r = make_all_ready(&w, todo, count, e);
	if (!r && !o->missing_because)
		decode_shared(&w, todo, count);
	if (!r)
		r = o->missing_because ?
			mark_missing(&w, todo, count, &lacking, e) :
			crew_run(&w, todo, count, e);
	if (!r)
		r = finish(&w, start_ns, e);
	if (!r && lacking)
		r = err_set(e, -EIO, "%u of %u cells are there without the series, events or trace wanted: %s",
			    lacking, sum->cells, o->missing_because);
	crew_release(&w);
	free(todo);
	return r;
}
