/*
 * Settings: dotted keys with YAML values and the place where each stood.
 * A setting of the command line has no file; its errors name the option and
 * end the program with status 2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/scenario/draft.h"

void settings_add(struct settings *l, struct setting s)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 8;
		l->v = xrealloc(l->v, l->room, sizeof(*l->v));
	}
	l->v[l->count++] = s;
}

void settings_put(struct settings *l, struct setting s)
{
	for (size_t i = 0; i < l->count; i++) {
		if (!strcmp(l->v[i].key, s.key)) {
			l->v[i] = s;
			return;
		}
	}
	settings_add(l, s);
}

void settings_release(struct settings *l)
{
	free(l->v);
	*l = (struct settings){ 0 };
}

int settings_from_map(struct settings *l, const struct ynode *map,
		      const char *prefix, struct arena *a, struct errbuf *e)
{
	if (map->kind != YNODE_MAP)
		return err_at(e, -EINVAL, map->at,
			      "expected a map like {munmap: downgrade}");
	for (size_t i = 0; i < map->count; i++) {
		char *key = xasprintf("%s%s", prefix, map->keys[i]);

		settings_add(l, (struct setting){
			.key = arena_strdup(a, key), .value = map->items[i],
			.at = map->key_at[i] });
		free(key);
	}
	return 0;
}

struct ynode *scalar_node(struct arena *a, const char *text, struct loc at)
{
	struct ynode *n = arena_alloc(a, sizeof(*n));

	*n = (struct ynode){ .kind = YNODE_SCALAR, .at = at,
			     .scalar = arena_strdup(a, text) };
	return n;
}

int settings_from_text(struct settings *l, const char *option,
		       const char *text, struct arena *a, struct errbuf *e)
{
	const char *equals = strchr(text, '=');
	char *key;

	if (!equals || equals == text)
		return err_usage(e, "%s %s: expected key=value", option, text);
	key = arena_strdup(a, text);
	key[equals - text] = '\0';
	settings_put(l, (struct setting){
		.key = key, .option = option,
		.value = scalar_node(a, equals + 1, (struct loc){ 0 }) });
	return 0;
}

int setting_failed(const struct setting *s, int code, struct errbuf *e)
{
	char text[ERRBUF_BYTES];

	if (!s->option || !code)
		return code;
	memcpy(text, e->text, sizeof(text));
	snprintf(e->text, sizeof(e->text), "%s %s=%s: %.1600s", s->option,
		 s->key, s->value->scalar, text);
	e->exit_status = 2;
	return code;
}

const char *node_text(const struct ynode *n, const char *what,
		      struct errbuf *e)
{
	if (n->kind == YNODE_SCALAR)
		return n->scalar;
	err_at(e, -EINVAL, n->at, "%s: expected one value, not a %s", what,
	       n->kind == YNODE_MAP ? "map" : "list");
	return NULL;
}
