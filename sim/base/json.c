/*
 * JSON through jansson: atomic files, places in messages, histograms there
 * and back. Numbers that are not whole are printed with 12 digits, the same
 * on every machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

enum { TREE_BYTES_A_CHARACTER = 6 };	/* of a cell's file, as jansson keeps it */
enum { JSON_LAYOUT = JSON_INDENT(1) | JSON_REAL_PRECISION(12) };

static void *need(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		no_memory(1, bytes);
	return p;
}

void json_need_memory(void)
{
	json_set_alloc_funcs(need, free);
}

/* Bytes of the UTF-8 sequence at @s (@left bytes), 0 if it is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	static const unsigned int lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 :
		   s[0] >> 3 == 30 ? 4 : 0;
	unsigned int c;

	if (n < 2 || n > left)
		return n > left ? 0 : n;
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

json_t *json_text(const char *s)
{
	size_t left = strlen(s), used = 0, n;
	char *out = xcalloc(left + 1, 3);
	json_t *text;

	while (left) {
		n = utf8_length((const unsigned char *)s, left);
		memcpy(out + used, n ? s : "\xef\xbf\xbd", n ? n : 3);
		used += n ? n : 3;
		s += n ? n : 1;
		left -= n ? n : 1;
	}
	text = json_stringn_nocheck(out, used);
	free(out);
	return text;
}

int json_save(const char *path, const json_t *root, struct errbuf *e)
{
	struct atomic_file a;
	int code = atomic_open(&a, path, e);

	if (code)
		return code;
	if (!root || json_dumpf(root, a.f, JSON_LAYOUT) || fputc('\n', a.f) < 0) {
		code = ferror(a.f) ? err_sys(e, path, "cannot write") :
		       err_set(e, -EINVAL, "%s: cannot be written as JSON", path);
		atomic_abort(&a);
		return code;
	}
	return atomic_commit(&a, e);
}

char *json_print(const json_t *root)
{
	char *text = json_dumps(root, JSON_LAYOUT);
	char *line = text ? xasprintf("%s\n", text) : NULL;

	free(text);
	return line;
}

json_t *json_parse(const char *path, const char *text, size_t bytes,
		   struct errbuf *e)
{
	struct loc at = { .path = path };
	json_error_t je;
	json_t *root;

	mem_heap_ahead(bytes * TREE_BYTES_A_CHARACTER);
	root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &je);
	if (!root) {
		at.line = je.line > 0 ? (uint32_t)je.line : 0;
		at.col = je.column > 0 ? (uint32_t)je.column : 0;
		err_at(e, -EINVAL, at, "not JSON: %s", je.text);
	}
	return root;
}

json_t *json_read(const char *path, struct errbuf *e)
{
	json_t *root;
	size_t bytes;
	char *text;

	if (file_read(path, JSON_LIMIT_BYTES, &text, &bytes, e))
		return NULL;
	root = json_parse(path, text, bytes, e);
	free(text);
	return root;
}

json_t *json_quantiles(const struct hist *h)
{
	static const struct {
		const char *key;
		uint32_t num, den;
	} q[] = {
		{ "p50", 50, 100 }, { "p90", 90, 100 }, { "p99", 99, 100 },
		{ "p999", 999, 1000 },
	};
	json_t *o = json_object();

	json_object_set_new(o, "count", json_integer((json_int_t)h->count));
	json_object_set_new(o, "mean", json_integer(hist_mean(h)));
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++)
		json_object_set_new(o, q[i].key,
				    json_integer(hist_quantile(h, q[i].num,
							       q[i].den)));
	json_object_set_new(o, "max", json_integer(h->max));
	return o;
}

static void add_bucket(void *arg, int64_t lower, int64_t upper, uint64_t count)
{
	(void)upper;
	json_array_append_new(arg, json_pack("[I, I]", (json_int_t)lower,
					     (json_int_t)count));
}

json_t *json_buckets(const struct hist *h)
{
	json_t *list = json_array();

	hist_each(h, add_bucket, list);
	return list;
}

int json_hist(const json_t *buckets, struct hist *h, struct errbuf *e)
{
	int64_t last = -1;
	size_t i;
	json_t *pair;

	if (!json_is_array(buckets))
		return err_set(e, -EINVAL, "histogram: expected a list of [lower, count]");
	json_array_foreach(buckets, i, pair) {
		json_t *l = json_array_get(pair, 0), *c = json_array_get(pair, 1);
		json_int_t lower = json_integer_value(l);
		json_int_t count = json_integer_value(c);

		if (json_array_size(pair) != 2 || !json_is_integer(l) ||
		    !json_is_integer(c) || lower <= last || count <= 0 ||
		    count > INT64_MAX - (int64_t)h->count ||
		    hist_bucket_lower(lower) != lower)
			return err_set(e, -EINVAL, "histogram: entry %zu is no [lower edge, count] in ascending order",
				       i);
		hist_record_many(h, hist_bucket_upper(lower), (uint64_t)count);
		last = lower;
	}
	return 0;
}
