/* See index.h. The text is what jansson would make of the whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/results/folder.h"
#include "sim/results/index.h"
#include "sim/results/program.h"

int index_read(struct index_entry *out, const char *dir, const struct cell *c,
	       struct errbuf *e)
{
	char *path = cell_path(dir, c->id);
	enum seal_state ignored;
	json_t *cell = json_read_sealed(path, "hist", &ignored, e);

	out->failed = !json_is_null(json_object_get(cell, "failed"));
	out->text = cell ? json_print(cell) : NULL;
	json_decref(cell);
	free(path);
	return out->text ? 0 : -EIO;
}

/* As a member of a list in an object: two levels down. */
static void put_inside(FILE *f, const char *text)
{
	while (*text) {
		size_t line = strcspn(text, "\n");

		fprintf(f, "  %.*s", (int)line, text);
		text += line + 1;	/* each line ends in one */
		if (*text)
			putc('\n', f);
	}
}

/* Up to where the list of cells begins. */
static void put_head(FILE *f, const struct scenario *s)
{
	json_t *root = json_object();
	char *text;

	json_object_set_new(root, "format", json_integer(1));
	json_object_set_new(root, "scenario", json_text(s->name));
	json_object_set_new(root, "program", json_text(program_name()));
	json_object_set_new(root, "model_id", json_text(program_model_id()));
	text = json_print(root);
	fprintf(f, "%.*s,\n \"cells\": [", (int)(strlen(text) - strlen("\n}\n")), text);
	free(text);
	json_decref(root);
}

static int put_cells(FILE *f, const struct scenario *s, const char *dir,
		     const struct index_entry *entries, uint32_t *failed,
		     struct errbuf *e)
{
	for (uint32_t i = 0; i < s->cell_count; i++) {
		struct index_entry now = { 0 };
		const struct index_entry *it = &entries[i];

		if (!it->text) {
			it = &now;
			if (index_read(&now, dir, &s->cells[i], e))
				return -EIO;
		}
		fputs(i ? ",\n" : "\n", f);
		put_inside(f, it->text);
		*failed += it->failed;
		free(now.text);
	}
	return 0;
}

int index_write(const struct scenario *s, const char *dir,
		const struct index_entry *entries, uint32_t *failed,
		struct errbuf *e)
{
	char *path = xasprintf("%s/results.json", dir);
	struct atomic_file a;
	int r = atomic_open(&a, path, e);

	*failed = 0;
	free(path);
	if (r)
		return r;
	put_head(a.f, s);
	r = put_cells(a.f, s, dir, entries, failed, e);
	fputs("\n ]\n}\n", a.f);
	if (!r)
		return atomic_commit(&a, e);
	atomic_abort(&a);
	return r;
}
