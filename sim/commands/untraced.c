/*
 * What a program measured of itself without a tracer: the untraced runs of a
 * capture's capture.json, as the reference of a run without the tracer's time.
 *
 * Rows: wall time, and the mean times of calls that the program prints. The
 * value is the mean of the runs, the spread half of what they span (one run:
 * unknown, the rows have no samples and claim nothing).
 */
#include <string.h>
#include "sim/base/json.h"
#include "sim/commands/recorded.h"

enum { SAMPLES_OF_A_SPREAD = 20 };

struct range_of {
	double sum, least, most;
	uint32_t n;
};

static void add(struct range_of *r, double v)
{
	if (!r->n || v < r->least)
		r->least = v;
	if (!r->n || v > r->most)
		r->most = v;
	r->sum += v;
	r->n++;
}

static void row(json_t *rows, const char *quantity, const struct range_of *r)
{
	json_t *o;

	if (!r->n || r->sum <= 0)
		return;
	o = json_object();
	json_object_set_new(o, "quantity", json_string(quantity));
	json_object_set_new(o, "unit", json_string("ns"));
	json_object_set_new(o, "value", json_real(r->sum / r->n));
	json_object_set_new(o, "spread", json_real((r->most - r->least) / 2));
	json_object_set_new(o, "samples", json_integer(
		r->n > 1 ? SAMPLES_OF_A_SPREAD : 0));
	json_array_append_new(rows, o);
}

/* What run @run printed of itself under @key. */
static void printed(const json_t *run, const char *key, struct range_of *r)
{
	const char *text = json_string_value(json_object_get(run, "stdout"));
	json_t *o = text ? json_loads(text, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	json_t *v = json_object_get(o, key);

	if (json_is_number(v) && json_number_value(v) > 0)
		add(r, json_number_value(v));
	json_decref(o);
}

json_t *untraced_json(const char *path, struct errbuf *e)
{
	static const struct {
		const char *key, *quantity;
	} prints[] = {
		{ "mmap_mean_ns", "latency_ns.mmap.mean" },
		{ "munmap_mean_ns", "latency_ns.munmap.mean" },
		{ "mprotect_mean_ns", "latency_ns.mprotect.mean" },
		{ "mremap_mean_ns", "latency_ns.mremap.mean" },
	};
	json_t *capture = json_read(path, e), *runs, *run, *rows, *o;
	struct range_of wall = { 0 };
	size_t i;

	if (!capture)
		return NULL;
	runs = json_object_get(capture, "untraced_runs");
	rows = json_array();
	json_array_foreach(runs, i, run)
		add(&wall, json_number_value(json_object_get(run, "wall_s")) * 1e9);
	row(rows, "work_ns", &wall);
	for (size_t k = 0; k < sizeof(prints) / sizeof(prints[0]); k++) {
		struct range_of r = { 0 };

		json_array_foreach(runs, i, run)
			printed(run, prints[k].key, &r);
		row(rows, prints[k].quantity, &r);
	}
	o = json_object();
	json_object_set_new(o, "kind", json_string("recorded"));
	json_object_set_new(o, "source", json_text(path));
	json_object_set_new(o, "spread_of",
			    json_string("half the span of the untraced runs"));
	json_object_set_new(o, "rows", rows);
	json_decref(capture);
	return o;
}
