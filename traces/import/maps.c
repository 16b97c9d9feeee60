/*
 * /proc/PID/maps of one or more processes in one file. A line
 * `# pid N comm NAME mono SECONDS` names the process of the lines behind it
 * and when they were read; without one, the lines are of the first task.
 *
 *   00401000-0048d000 r-xp 00001000 fe:00 11059221      /usr/bin/churn
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/file.h"
#include "traces/import/assemble_int.h"

enum { MAPS_BYTES_MAX = 64 << 20 };

static struct map_snapshot *new_snapshot(struct assembler *a)
{
	struct map_snapshot *s;

	a->maps = xrealloc(a->maps, a->map_count + 1, sizeof(*a->maps));
	s = &a->maps[a->map_count++];
	*s = (struct map_snapshot){ .first = a->map_area_count, .at_ns = -1 };
	a->maps_left++;
	return s;
}

static bool pid_line(struct assembler *a, const char *line)
{
	struct map_snapshot *s;
	const char *mono = strstr(line, " mono ");
	char *end;

	if (strncmp(line, "# pid ", 6))
		return false;
	s = new_snapshot(a);
	s->pid = (uint32_t)strtoul(line + 6, NULL, 10);
	if (mono) {
		s->at_ns = (int64_t)strtoull(mono + 6, &end, 10) * 1000000000;
		if (*end == '.') {
			int64_t unit = 100000000;

			while (*++end >= '0' && *end <= '9') {
				s->at_ns += (*end - '0') * unit;
				unit /= 10;
			}
		}
	}
	return true;
}

static uint32_t area_flags(const char *perms, const char *inode,
			   const char *name)
{
	uint32_t flags = 0;

	flags |= perms[0] == 'r' ? AREA_READ : 0;
	flags |= perms[1] == 'w' ? AREA_WRITE : 0;
	flags |= perms[2] == 'x' ? AREA_EXEC : 0;
	flags |= perms[3] == 's' ? AREA_SHARED : 0;
	flags |= strcmp(inode, "0") ? AREA_FILE : 0;
	if (!strcmp(name, "[stack]"))
		flags |= AREA_STACK;
	else if (!strcmp(name, "[heap]"))
		flags |= AREA_HEAP;
	else if (name[0] == '[' && strncmp(name, "[anon", 5))
		flags |= AREA_SPECIAL;
	return flags;
}

/* file names of the capture's machine are cut to their last part */
static void area_name(char out[32], const char *name)
{
	const char *slash = strrchr(name, '/');

	snprintf(out, 32, "%s", slash ? slash + 1 : name);
}

static int area_line(struct assembler *a, char *line, struct loc at,
		     struct errbuf *e)
{
	char *end, *perms, *inode = NULL, *name = "", *save;
	struct trace_area area = { 0 };

	area.start = strtoull(line, &end, 16);
	if (end == line || *end != '-')
		goto bad;
	area.end = strtoull(end + 1, &end, 16);
	if (*end != ' ' || area.end <= area.start || area.end & 4095 ||
	    area.start & 4095)
		goto bad;
	perms = strtok_r(end, " ", &save);
	if (!perms || strlen(perms) != 4)
		goto bad;
	for (int i = 0; i < 3; i++)
		inode = strtok_r(NULL, " ", &save);
	if (!inode)
		goto bad;
	if (save) {
		name = save;
		while (*name == ' ')
			name++;
	}
	area.flags = area_flags(perms, inode, name);
	area_name(area.name, name);
	area.resident_pages = UINT64_MAX;
	a->map_areas = xrealloc(a->map_areas, a->map_area_count + 1,
				sizeof(*a->map_areas));
	a->map_areas[a->map_area_count++].area = area;
	a->maps[a->map_count - 1].count++;
	return 0;
bad:
	return err_at(e, -EINVAL, at, "no line of /proc/PID/maps; expected "
		      "START-END PERMS OFFSET DEVICE INODE [NAME]");
}

/* "# resident N", behind the line of its area */
static bool resident_line(struct assembler *a, const char *line)
{
	struct trace_area *area;
	uint64_t pages, most;

	if (!a->map_area_count || sscanf(line, "# resident %" SCNu64, &pages) != 1)
		return false;
	area = &a->map_areas[a->map_area_count - 1].area;
	most = (area->end - area->start) >> PAGE_SHIFT;
	area->resident_pages = pages < most ? pages : most;
	return true;
}

int layout_read_maps(struct assembler *a, const char *path, struct errbuf *e)
{
	struct loc at = { .path = path };
	char *text, *line, *next;
	size_t bytes;
	int ret = file_read_given(path, MAPS_BYTES_MAX, &text, &bytes, e);

	if (ret)
		return ret;
	for (line = text; line && *line && !ret; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		at.line++;
		if (!*line || pid_line(a, line) || resident_line(a, line) ||
		    *line == '#')
			continue;
		if (!a->map_count)
			new_snapshot(a);
		ret = area_line(a, line, at, e);
	}
	free(text);
	return ret;
}
