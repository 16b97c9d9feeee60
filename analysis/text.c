/*
 * Growing strings and the cleaning of foreign text.
 *
 * Invariant: what text_clean() appends has no byte below 0x20 or equal to
 * 0x7f, no C1 control, no mark that changes the direction of text, is valid
 * UTF-8, and cannot leave the place that its form names. Such characters stay
 * readable: newline becomes the two characters \n, escape becomes \x1b.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "analysis/text.h"
#include "sim/base/mem.h"

static void reserve(struct text *t, size_t more)
{
	if (t->len + more + 1 <= t->room)
		return;
	t->room = (t->len + more + 1) * 2;
	t->s = xrealloc(t->s, t->room, 1);
}

void text_putn(struct text *t, const char *s, size_t n)
{
	reserve(t, n);
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void text_put(struct text *t, const char *s)
{
	text_putn(t, s, strlen(s));
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	reserve(t, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(t->s + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void text_clear(struct text *t)
{
	t->len = 0;
	if (t->s)
		t->s[0] = '\0';
}

void text_release(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

const char *text_str(const struct text *t)
{
	return t->s ? t->s : "";
}

/* One code point of @s; returns its bytes, 0 if @s does not start one. */
static unsigned decode(const char *s, uint32_t *point)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
		     p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);

	if (!n)
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*point = c;
	return n;
}

/* Controls, and characters that reorder or hide the text around them. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	       c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) || c >= 0xe0000;
}

static void put_control(struct text *t, uint32_t c)
{
	if (c == '\n')
		text_put(t, "\\n");
	else if (c == '\t')
		text_put(t, "\\t");
	else if (c < 0x100)
		text_add(t, "\\x%02x", c);
	else
		text_add(t, "\\u{%x}", c);
}

static const char *escape_html(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* What stands for an ASCII character in @form, or NULL: itself. */
static const char *escape(char c, enum text_form form, char buf[3])
{
	switch (form) {
	case TEXT_CSV:
		return c == '"' ? "\"\"" : NULL;
	case TEXT_HTML:
		return escape_html(c);
	case TEXT_GNUPLOT:
		return c == '\'' ? "\u2019" : c == '"' ? "\u201d" : NULL;
	case TEXT_FOLDED:	/* frames end at ';', the count at the last blank */
		return c == ';' ? "," : c == ' ' ? "_" : NULL;
	case TEXT_MARKDOWN:
		if (c == '&' || c == '<' || c == '>')
			return escape_html(c);
		if (!strchr("\\`*_[]|~#!", c))
			return NULL;
		buf[0] = '\\';
		buf[1] = c;
		buf[2] = '\0';
		return buf;
	case TEXT_PLAIN:
	default:
		return NULL;
	}
}

static void clean_run(struct text *t, const char *s, enum text_form form)
{
	while (*s) {
		uint32_t c = 0;
		unsigned n = decode(s, &c);
		char buf[3];
		const char *e = n == 1 ? escape((char)c, form, buf) : NULL;

		if (!n)
			put_control(t, (unsigned char)*s);
		else if (is_control(c))
			put_control(t, c);
		else if (e)
			text_put(t, e);
		else
			text_putn(t, s, n);
		s += n ? n : 1;
	}
}

void text_clean(struct text *t, const char *s, enum text_form form)
{
	bool quote = form == TEXT_CSV &&
		     (strpbrk(s, "\",;\r\n\t ") ||
		      (s[0] && strchr("=+-@", s[0])));

	if (quote)
		text_put(t, "\"");
	/* a spreadsheet would take such a field for a formula */
	if (quote && s[0] && strchr("=+-@", s[0]))
		text_put(t, "'");
	clean_run(t, s, form);
	if (quote)
		text_put(t, "\"");
}

void text_json(struct text *t, const char *s)
{
	struct text clean = { 0 };
	json_t *string;
	char *quoted;

	text_clean(&clean, s, TEXT_PLAIN);
	string = json_string(text_str(&clean));
	quoted = json_dumps(string, JSON_ENCODE_ANY);
	text_put(t, quoted ? quoted : "\"\"");
	free(quoted);
	json_decref(string);
	text_release(&clean);
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

size_t text_bytes(const char *s, size_t columns)
{
	size_t i = 0;

	while (s[i] && columns--) {
		i++;
		while ((s[i] & 0xc0) == 0x80)
			i++;
	}
	return i;
}
