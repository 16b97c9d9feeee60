/* Workloads of traces/generate/ as a scenario asks for them. */
#include <stdlib.h>
#include "sim/commands/workload_source.h"
#include "traces/generate/generate.h"

/* An unknown key is an error of the key, a wrong value one of the value. */
static struct gen_param *params_of(const struct workload *w,
				   const struct workload_info *info)
{
	struct gen_param *p = xcalloc(w->param_count + 1, sizeof(*p));

	for (uint32_t i = 0; i < w->param_count; i++) {
		const struct workload_param *from = &w->params[i];

		p[i] = (struct gen_param){
			.key = from->key, .value = from->value,
			.at = option_find(info->options, from->key) ?
			      from->at : from->key_at };
	}
	return p;
}

static int resolve(const struct workload *w,
		   void (*fn)(void *arg, const char *key, const char *value),
		   void *arg, struct errbuf *e)
{
	const struct workload_info *info = workload_find(w->name, w->at, e);
	struct generate_request q = { .workload = w->name, .at = w->at,
				      .param_count = w->param_count };
	struct gen_param *p;
	int r;

	if (!info)
		return e->code;
	q.params = p = params_of(w, info);
	r = generate_resolved(&q, fn, arg, e);
	free(p);
	return r;
}

static int write_trace(const struct workload *w, const char *path,
		       struct errbuf *e)
{
	const struct workload_info *info = workload_find(w->name, w->at, e);
	struct generate_request q = { .workload = w->name, .at = w->at,
				      .param_count = w->param_count,
				      .output = path };
	struct gen_param *p;
	int r;

	if (!info)
		return e->code;
	q.params = p = params_of(w, info);
	r = generate_run(&q, NULL, e);
	free(p);
	return r;
}

const struct workload_source workload_source = { resolve, write_trace };
