/*
 * The grammar of calls that strace and perf trace share.
 *
 * Invariant: nothing is read behind the span; cost is one pass.
 */
#include <string.h>
#include "traces/import/calltext.h"

/* a number, `21<<MAP_HUGE_SHIFT` included; 26 is that shift */
static uint64_t one_flag(struct span *s, const char *prefix)
{
	const char *start = s->p;
	uint64_t v = 0;

	if (s->p < s->end && (is_digit(*s->p) || *s->p == '-')) {
		if (!take_u64(s, 10, &v))
			s->p++;
		if (starts(s, "<<MAP_HUGE_SHIFT"))
			v <<= 26;
		while (s->p < s->end && (is_word(*s->p) || *s->p == '<'))
			s->p++;
		return v;
	}
	while (s->p < s->end && is_word(*s->p))
		s->p++;
	if (!symbol_value(prefix, start, (size_t)(s->p - start), &v))
		symbol_value("", start, (size_t)(s->p - start), &v);
	return v;
}

uint64_t take_flags_text(struct span *s, const char *prefix)
{
	uint64_t v = one_flag(s, prefix);

	while (s->p < s->end && *s->p == '|') {
		s->p++;
		v |= one_flag(s, prefix);
	}
	return v;
}

static const char *quote_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
	}
	return p;
}

/* `3</a path>` of -y, `12<comm>` of --decode-pids; not `21<<SHIFT` */
static const char *decoded_end(const char *begin, const char *p,
			       const char *end)
{
	const char *close;

	if (p == begin || !is_digit(p[-1]) || p + 1 == end || p[1] == '<')
		return p;
	close = memchr(p, '>', (size_t)(end - p));
	return close ? close : p;
}

const char *args_end(struct span s)
{
	const char *begin = s.p;
	int depth = 1;

	for (const char *p = s.p; p < s.end; p++) {
		switch (*p) {
		case '"':
			p = quote_end(p, s.end);
			if (p == s.end)
				return NULL;
			break;
		case '<':
			p = decoded_end(begin, p, s.end);
			break;
		case '(':
			depth++;
			break;
		case ')':
			if (!--depth)
				return p;
			break;
		default:
			break;
		}
	}
	return NULL;
}

/* behind the comma that ends this argument; nested ones are stepped over */
static const char *next_arg(struct span s)
{
	int depth = 0;

	for (const char *p = s.p; p < s.end; p++) {
		if (*p == '"') {
			p = quote_end(p, s.end);
			if (p == s.end)
				break;
		} else if (*p == '<') {
			p = decoded_end(s.p, p, s.end);
		} else if (*p == '(' || *p == '[' || *p == '{') {
			depth++;
		} else if (*p == ')' || *p == ']' || *p == '}') {
			depth--;
		} else if (*p == ',' && depth <= 0) {
			return p + 1;
		}
	}
	return s.end;
}

/* clone prints its arguments by name, clone3 a struct with the same names */
static void clone_args(struct span args, struct raw_event *ev)
{
	if (skip_to(&args, "flags="))
		ev->v[0] = take_flags_text(&args, "CLONE_");
	else
		ev->v[0] = take_flags_text(&args, "");	/* -X raw, clone */
	if (ev->call == CALL_CLONE3)
		ev->call = CALL_CLONE;
}

void take_args(struct span args, struct raw_event *ev)
{
	memset(ev->v, 0, sizeof(ev->v));
	if (ev->call == CALL_CLONE || ev->call == CALL_CLONE3) {
		clone_args(args, ev);
		return;
	}
	for (unsigned i = 0; i < RAW_VALUES && args.p < args.end; i++) {
		struct span one;

		skip_spaces(&args);
		one = args;
		one.end = args.p = next_arg(args);
		if (one.p < one.end && *one.p == '"')
			continue;
		ev->v[i] = take_flags_text(&one, "");
	}
	if (ev->call == CALL_MMAP)
		ev->v[4] &= 0xffffffff;	/* an int in the kernel's eyes */
}

int take_result(struct span s, int64_t *result)
{
	const char *word;
	uint64_t v;
	int err;

	skip_spaces(&s);
	if (!starts(&s, "="))
		return -1;
	s.p++;
	skip_spaces(&s);
	if (starts(&s, "?")) {
		s.p++;
		skip_spaces(&s);
		v = 0;
	} else {
		if (!take_u64(&s, 10, &v))
			return -1;
		if (v != UINT64_MAX) {
			*result = (int64_t)v;
			return 1;
		}
		skip_spaces(&s);
	}
	for (word = s.p; s.p < s.end && is_word(*s.p); s.p++)
		;
	err = errno_value(word, (size_t)(s.p - word));
	*result = err ? -err : (int64_t)v;
	return err || v ? 1 : 0;
}
