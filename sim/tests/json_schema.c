/* A walker for the subset of JSON Schema that results.schema.json uses. */
#include <stdio.h>
#include <string.h>
#include "sim/tests/json_schema.h"

/** struct walk - one check */
struct walk {
	const json_t *root;
	char *why;
	size_t bytes;
};

static bool walk(const struct walk *w, const json_t *schema,
		 const json_t *value, const char *at);

static bool refuse(const struct walk *w, const char *at, const char *what)
{
	if (!*w->why)
		snprintf(w->why, w->bytes, "%s: %s", *at ? at : "(top)", what);
	return false;
}

static bool is_type(const json_t *v, const char *type)
{
	if (!strcmp(type, "object"))
		return json_is_object(v);
	if (!strcmp(type, "array"))
		return json_is_array(v);
	if (!strcmp(type, "string"))
		return json_is_string(v);
	if (!strcmp(type, "integer"))
		return json_is_integer(v);
	if (!strcmp(type, "number"))
		return json_is_number(v);
	if (!strcmp(type, "boolean"))
		return json_is_boolean(v);
	return !strcmp(type, "null") && json_is_null(v);
}

static bool check_type(const struct walk *w, const json_t *want,
		       const json_t *value, const char *at)
{
	const json_t *one;
	size_t i;

	if (json_is_string(want))
		return is_type(value, json_string_value(want)) ||
		       refuse(w, at, json_string_value(want));
	json_array_foreach(want, i, one)
		if (is_type(value, json_string_value(one)))
			return true;
	return refuse(w, at, "type");
}

static bool check_object(const struct walk *w, const json_t *schema,
			 json_t *value, const char *at)
{
	const json_t *props = json_object_get(schema, "properties");
	const json_t *more = json_object_get(schema, "additionalProperties");
	const json_t *need = json_object_get(schema, "required"), *name;
	const char *key;
	char below[512];
	json_t *v;
	size_t i;

	json_array_foreach(need, i, name) {
		snprintf(below, sizeof(below), "%s.%s", at, json_string_value(name));
		if (!json_object_get(value, json_string_value(name)))
			return refuse(w, below, "missing");
	}
	json_object_foreach(value, key, v) {
		const json_t *sub = json_object_get(props, key);

		snprintf(below, sizeof(below), "%s.%s", at, key);
		if (!sub && json_is_false(more))
			return refuse(w, below, "unknown key");
		if (!sub)
			sub = more;
		if (sub && !walk(w, sub, v, below))
			return false;
	}
	return true;
}

static bool check_array(const struct walk *w, const json_t *schema,
			const json_t *value, const char *at)
{
	const json_t *items = json_object_get(schema, "items");
	const json_t *min = json_object_get(schema, "minItems");
	const json_t *max = json_object_get(schema, "maxItems");
	char below[512];
	json_t *v;
	size_t i;

	if (min && (json_int_t)json_array_size(value) < json_integer_value(min))
		return refuse(w, at, "too few items");
	if (max && (json_int_t)json_array_size(value) > json_integer_value(max))
		return refuse(w, at, "too many items");
	json_array_foreach(value, i, v) {
		snprintf(below, sizeof(below), "%s[%zu]", at, i);
		if (!walk(w, items, v, below))
			return false;
	}
	return true;
}

static bool check_value(const struct walk *w, const json_t *schema,
			const json_t *value, const char *at)
{
	const json_t *min = json_object_get(schema, "minimum");
	const json_t *max = json_object_get(schema, "maximum");
	const json_t *list = json_object_get(schema, "enum"), *one;
	const json_t *only = json_object_get(schema, "const");
	const char *text = json_string_value(value);
	bool found = !list;
	size_t i;

	json_array_foreach(list, i, one)
		found |= json_equal(one, value);
	if (!found || (only && !json_equal(only, value)))
		return refuse(w, at, "not one of the allowed values");
	if (min && json_number_value(value) < json_number_value(min))
		return refuse(w, at, "below the minimum");
	if (max && json_number_value(value) > json_number_value(max))
		return refuse(w, at, "above the maximum");
	if (json_object_get(schema, "pattern") &&
	    (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32))
		return refuse(w, at, "no id");
	return true;
}

/* A keyword that this walker would pass over must not hide in the schema. */
static bool known_keywords(const struct walk *w, const json_t *schema,
			   const char *at)
{
	static const char *const known[] = {
		"$schema", "$defs", "$ref", "title", "description", "type",
		"const", "enum", "properties", "required",
		"additionalProperties", "items", "minItems", "maxItems",
		"minimum", "maximum", "pattern"
	};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)schema, key, v) {
		size_t i = 0, count = sizeof(known) / sizeof(known[0]);

		while (i < count && strcmp(key, known[i]))
			i++;
		if (i == count)
			return refuse(w, at, "unknown keyword in the schema");
	}
	return true;
}

static bool walk(const struct walk *w, const json_t *schema,
		 const json_t *value, const char *at)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	const json_t *type = json_object_get(schema, "type");

	if (!known_keywords(w, schema, at))
		return false;
	if (ref) {
		const json_t *defs = json_object_get(w->root, "$defs");
		const json_t *target = json_object_get(defs, ref + strlen("#/$defs/"));

		return target ? walk(w, target, value, at) :
				refuse(w, at, "broken $ref");
	}
	if (type && !check_type(w, type, value, at))
		return false;
	if (!check_value(w, schema, value, at))
		return false;
	if (json_is_object(value))
		return check_object(w, schema, (json_t *)value, at);
	return !json_is_array(value) || check_array(w, schema, value, at);
}

bool schema_check(const json_t *root, const json_t *schema,
		  const json_t *value, const char *at, char *why, size_t bytes)
{
	struct walk w = { root, why, bytes };

	*why = '\0';
	return walk(&w, schema, value, at);
}
