/*
 * `published:` of a scenario: what somebody measured before and after the
 * change that the scenario makes. Nothing of it reaches a cell.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/option.h"
#include "sim/scenario/draft.h"

enum { POINTS_MAX = 256 };

const char *const published_class_names[] = {
	"prediction", "fitted", "sign-only", NULL
};

static const struct option published_options[] = {
#define TEXT(field, help_) \
	{ .key = #field, .type = OPT_STR, .unit = "", .help = help_, \
	  .offset = offsetof(struct published, field) }
	TEXT(result, "name of the result, unique"),
	TEXT(family, "curve that it is scored with"),
	{ .key = "class", .type = OPT_ENUM, .unit = "", .def = "prediction",
	  .offset = offsetof(struct published, class),
	  .names = published_class_names,
	  .help = "is the effect predicted, or was the machine fitted to it" },
	TEXT(source, "who published it, where and when"),
	TEXT(machine, "what it was measured on, as far as it is said"),
	TEXT(quantity, "key of a cell, as for compare --metric"),
	TEXT(x, "key of params that the points differ in"),
	TEXT(why, "why it is of this class; what is known to be missing"),
	TEXT(off, "where the prediction misses: what is to blame, what was tried"),
	{ .key = "noise_pct", .type = OPT_U32, .unit = "%", .def = "10",
	  .offset = offsetof(struct published, noise_pct), .max = 1000,
	  .help = "of a published number; 10 where none is given" },
	{ .key = "same_unit", .type = OPT_BOOL, .unit = "", .def = "true",
	  .offset = offsetof(struct published, same_unit),
	  .help = "is quantity in the unit of before and after; if not, only effects compare" },
#undef TEXT
	OPTION_END
};

static int read_number(const struct ynode *map, const char *key, double *out,
		       struct errbuf *e)
{
	const struct ynode *n = ynode_get(map, key);
	const char *text;
	char *end;

	if (!n)
		return err_at(e, -EINVAL, map->at, "points: expected %s as well",
			      key);
	text = node_text(n, key, e);
	if (!text)
		return -EINVAL;
	*out = strtod(text, &end);
	if (*end || end == text || !isfinite(*out) || *out < 0)
		return err_at(e, -EINVAL, n->at,
			      "%s: expected a number, not '%s'", key, text);
	return 0;
}

static int read_point(const struct ynode *n, struct published_point *p,
		      struct errbuf *e)
{
	static const char *const keys[] = { "x", "before", "after" };

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "points: expected {x: .., before: .., after: ..}");
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->keys[i], "x") && strcmp(n->keys[i], "before") &&
		    strcmp(n->keys[i], "after"))
			return err_unknown(e, n->key_at[i], "key of a point",
					   n->keys[i], keys, 3);
	if (read_number(n, "x", &p->x, e) ||
	    read_number(n, "before", &p->before, e) ||
	    read_number(n, "after", &p->after, e))
		return -EINVAL;
	if (!(p->before > 0 && p->after > 0))
		return err_at(e, -EINVAL, n->at,
			      "points: before and after must be above 0: an effect is ln(after / before)");
	return 0;
}

static int read_points(const struct ynode *n, struct published *p,
		       struct arena *a, struct errbuf *e)
{
	struct published_point *points;

	if (n->kind != YNODE_SEQ || !n->count || n->count > POINTS_MAX)
		return err_at(e, -EINVAL, n->at,
			      "points: expected a list of 1 to %d", POINTS_MAX);
	points = arena_alloc(a, n->count * sizeof(*points));
	for (size_t i = 0; i < n->count; i++)
		if (read_point(n->items[i], &points[i], e))
			return -EINVAL;
	p->points = points;
	p->point_count = (uint32_t)n->count;
	return 0;
}

static int read_block(const struct ynode *n, struct published *p,
		      struct arena *a, struct errbuf *e)
{
	int r = 0;

	if (n->kind != YNODE_MAP)
		return err_at(e, -EINVAL, n->at,
			      "published: expected a map of result, family, class, source, points, .., or the file of a scenario that has one");
	for (size_t i = 0; i < n->count && !r; i++) {
		const char *key = n->keys[i], *text;

		if (!strcmp(key, "points")) {
			r = read_points(n->items[i], p, a, e);
			continue;
		}
		text = node_text(n->items[i], key, e);
		r = !text ? -EINVAL :
		    option_set(published_options, p, a, key, text,
			       option_find(published_options, key) ?
			       n->items[i]->at : n->key_at[i], e);
	}
	if (!r && (!p->result || !p->family || !p->source || !p->quantity ||
		   !p->points))
		r = err_at(e, -EINVAL, n->at,
			   "published: expected result, family, source, quantity and points");
	return r;
}

/* The block of another scenario: so the numbers stand in one place. */
static const struct ynode *block_of(const struct ynode *n, const char *dir,
				    struct arena *a, struct errbuf *e)
{
	char *path = *n->scalar == '/' ? xstrdup(n->scalar) :
		     xasprintf("%s/%s", dir, n->scalar);
	const struct ynode *other = yaml_load(arena_strdup(a, path), a, e);
	const struct ynode *block = NULL;

	free(path);
	if (!other)
		return NULL;
	if (other->kind == YNODE_MAP)
		block = ynode_get(other, "published");
	if (!block)
		err_at(e, -EINVAL, n->at,
		       "published: expected '%s' to be a scenario with published:",
		       n->scalar);
	return block;
}

int published_read(const struct ynode *n, const char *dir,
		   const struct published **out, struct arena *a,
		   struct errbuf *e)
{
	struct published *p = arena_alloc(a, sizeof(*p));

	*p = (struct published){ 0 };
	*out = p;
	option_defaults(published_options, p, a);
	if (n->kind == YNODE_SCALAR)
		n = block_of(n, dir, a, e);
	return n ? read_block(n, p, a, e) : -EINVAL;
}
