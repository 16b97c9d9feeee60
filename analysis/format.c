/*
 * Numbers for people: three significant digits and a unit that suits, at most
 * nine columns wide (byte-seconds: two digits below 100). The
 * exact number is in CSV and JSON, never here, so nothing may read these back
 * except to check them. Rounding error: half a unit of the third digit.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/text.h"

const char *const unit_names[] = {
	[UNIT_COUNT] = "count",
	[UNIT_NS] = "ns",
	[UNIT_BYTES] = "bytes",
	[UNIT_BYTE_SECONDS] = "byte_seconds",
	[UNIT_SHARE] = "share",
	[UNIT_PER_SECOND] = "per_second",
};

struct scale {
	double by;
	const char *suffix;
};

static const struct scale time_scale[] = {
	{ 1, " ns" }, { 1e3, " \u00b5s" }, { 1e6, " ms" }, { 1e9, " s" }, { 0, NULL }
};
static const struct scale byte_scale[] = {
	{ 1, " B" }, { 1024.0, " KiB" }, { 1048576.0, " MiB" },
	{ 1073741824.0, " GiB" }, { 1099511627776.0, " TiB" }, { 0, NULL }
};
static const struct scale byte_second_scale[] = {
	{ 1, " B\u00b7s" }, { 1024.0, " KiB\u00b7s" },
	{ 1048576.0, " MiB\u00b7s" }, { 1073741824.0, " GiB\u00b7s" },
	{ 1099511627776.0, " TiB\u00b7s" }, { 0, NULL }
};
static const struct scale rate_scale[] = {
	{ 1, " /s" }, { 1e3, " k/s" }, { 1e6, " M/s" }, { 1e9, " G/s" }, { 0, NULL }
};
static const struct scale count_scale[] = {
	{ 1, "" }, { 1e6, " M" }, { 1e9, " G" }, { 1e12, " T" }, { 0, NULL }
};

static int decimals(double magnitude)
{
	return magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
}

/* The largest unit that leaves at least 1 after rounding; @less digits, since
 * byte-seconds have long units. */
static void scaled(struct text *t, double v, const struct scale *s, int less)
{
	int d;

	double m = fabs(v);
	bool whole = v == floor(v);

	while (s[1].by > 0 && m >= s[1].by * 0.9995)
		s++;
	m /= s->by;
	d = decimals(m) > less ? decimals(m) - less : 0;
	if (s->by <= 1 && whole)
		text_add(t, "%.0f%s", v, s->suffix);
	else if (m >= 1e6)
		text_add(t, "%.3g%s", v / s->by, s->suffix);
	else
		text_add(t, "%.*f%s", d, v / s->by, s->suffix);
}

/* 12,345 to a million; a mean below 100 keeps its fraction. */
static void count(struct text *t, double v)
{
	double m = fabs(v);
	char digits[32];
	int n;

	if (m >= 999999.5 || (m < 99.95 && v != floor(v))) {
		scaled(t, v, count_scale, 0);
		return;
	}
	n = snprintf(digits, sizeof(digits), "%.0f", m);
	if (v < 0)
		text_put(t, "-");
	for (int i = 0; i < n; i++)
		text_add(t, "%s%c", i && (n - i) % 3 == 0 ? "," : "", digits[i]);
}

static void share(struct text *t, double v)
{
	double m = fabs(v) * 100;

	if (v == 0)
		text_put(t, "0 %");
	else if (m < 0.005)
		text_add(t, "%.1g %%", v * 100);
	else
		text_add(t, "%.*f %%", decimals(m), v * 100);
}

void text_value(struct text *t, double v, enum unit unit)
{
	switch (unit) {
	case UNIT_NS:
		scaled(t, v, time_scale, 0);
		break;
	case UNIT_BYTES:
		scaled(t, v, byte_scale, 0);
		break;
	case UNIT_BYTE_SECONDS:
		scaled(t, v, byte_second_scale, 1);
		break;
	case UNIT_SHARE:
		share(t, v);
		break;
	case UNIT_PER_SECOND:
		scaled(t, v, rate_scale, 0);
		break;
	case UNIT_COUNT:
	default:
		count(t, v);
		break;
	}
}

void text_exact(struct text *t, double v)
{
	char buf[40];

	if (v == floor(v) && fabs(v) < 9007199254740992.0) {
		text_add(t, "%.0f", v == 0 ? 0.0 : v);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, sizeof(buf), "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	text_put(t, buf);
}

static bool ends_with(const char *s, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n >= m && !memcmp(s + n - m, end, m);
}

/* The innermost key that names a unit decides; a `count` is a count. */
enum unit unit_of_path(const char *path)
{
	size_t n = strcspn(path, "+");

	if (ends_with(path, n, ".count"))
		return UNIT_COUNT;
	if (!strncmp(path, "cost_share.", 11))
		return UNIT_SHARE;
	while (n) {
		if (ends_with(path, n, "_ns"))
			return UNIT_NS;
		if (ends_with(path, n, "byte_seconds"))
			return UNIT_BYTE_SECONDS;
		if (ends_with(path, n, "_bytes"))
			return UNIT_BYTES;
		if (ends_with(path, n, "_share"))
			return UNIT_SHARE;
		if (ends_with(path, n, "_per_s"))
			return UNIT_PER_SECOND;
		while (n && path[--n] != '.')
			;
	}
	return UNIT_COUNT;
}
