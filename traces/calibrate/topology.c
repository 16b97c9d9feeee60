/*
 * What the kernel says of the machine: sysfs and procfs, nothing measured.
 * Limits: the profile's topology is a regular tree; an irregular machine gets
 * the smallest tree that holds it.
 */
#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "traces/calibrate/topology.h"

enum { CPUS_MAX = 4096 };

const char *const cal_distance_names[CAL_DISTANCES] = {
	"SMT sibling", "same LLC", "same socket", "other socket"
};

/* First line of a file, without its newline; false if there is none. */
static bool read_line(const char *path, char *buf, size_t bytes)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, (int)bytes, f);
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

static bool read_cpu(unsigned cpu, const char *file, char *buf, size_t bytes)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/%s", cpu,
		 file);
	return read_line(path, buf, bytes);
}

/* First CPU of a list like "0-3,8": the name of the group. */
static unsigned first_of(unsigned cpu, const char *file)
{
	char text[256];

	return read_cpu(cpu, file, text, sizeof(text)) && isdigit((unsigned char)text[0]) ?
		(unsigned)strtoul(text, NULL, 10) : cpu;
}

static unsigned llc_of(unsigned cpu, uint64_t *bytes)
{
	char file[64], text[64];
	unsigned group = cpu;

	for (unsigned i = 0; i < 8; i++) {
		snprintf(file, sizeof(file), "cache/index%u/size", i);
		if (!read_cpu(cpu, file, text, sizeof(text)))
			break;
		*bytes = strtoull(text, NULL, 10) << 10;
		snprintf(file, sizeof(file), "cache/index%u/shared_cpu_list", i);
		group = first_of(cpu, file);
	}
	return group;
}

static unsigned socket_of(unsigned cpu)
{
	char text[32];

	if (!read_cpu(cpu, "topology/physical_package_id", text, sizeof(text)))
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

static unsigned core_of(unsigned cpu)
{
	return first_of(cpu, "topology/thread_siblings_list");
}

enum cal_distance cal_distance(unsigned a, unsigned b)
{
	uint64_t bytes = 0;

	if (core_of(a) == core_of(b))
		return CAL_SMT;
	if (llc_of(a, &bytes) == llc_of(b, &bytes))
		return CAL_LLC;
	return socket_of(a) == socket_of(b) ? CAL_SOCKET : CAL_REMOTE;
}

/* Distinct values of @of among CPUs whose @in equals that of CPU @like. */
static uint32_t groups(const unsigned *of, const unsigned *in, unsigned like,
		       unsigned n)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < n; i++) {
		bool first = in[i] == in[like];

		for (unsigned k = 0; k < i && first; k++)
			first = !(in[k] == in[like] && of[k] == of[i]);
		count += first;
	}
	return count;
}

/* The largest such count over all groups: the tree must hold every one. */
static uint32_t most(const unsigned *of, const unsigned *in, unsigned n)
{
	uint32_t max = 1;

	for (unsigned i = 0; i < n; i++) {
		bool first = true;

		for (unsigned k = 0; k < i && first; k++)
			first = in[k] != in[i];
		if (first) {
			uint32_t c = groups(of, in, i, n);

			max = c > max ? c : max;
		}
	}
	return max;
}

static void tree(struct cal_machine *m, const unsigned *cpu, unsigned n)
{
	unsigned *socket = malloc(5 * n * sizeof(*socket));
	unsigned *llc = socket + n, *core = llc + n, *id = core + n;
	unsigned *all = id + n;

	if (!socket)
		return;
	for (unsigned i = 0; i < n; i++) {
		socket[i] = socket_of(cpu[i]);
		llc[i] = llc_of(cpu[i], &m->llc_bytes);
		core[i] = core_of(cpu[i]);
		id[i] = i;
		all[i] = 0;
	}
	m->sockets = most(socket, all, n);
	m->llcs_per_socket = most(llc, socket, n);
	m->cores_per_llc = most(core, llc, n);
	m->threads_per_core = most(id, core, n);
	free(socket);
}

/* "NAME : VALUE" of /proc/cpuinfo, first of them */
static bool cpuinfo(const char *name, char *out, size_t bytes)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, name, strlen(name)))
			continue;
		colon += strspn(colon, ": \t");
		colon[strcspn(colon, "\n")] = '\0';
		if (bytes)
			snprintf(out, bytes, "%.*s", (int)bytes - 1, colon);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/* The coarse clocks step once a jiffy. */
static uint32_t jiffies_hz(void)
{
	struct timespec t;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &t) || t.tv_sec || !t.tv_nsec)
		return 0;
	return (uint32_t)((1000000000 + t.tv_nsec / 2) / t.tv_nsec);
}

/* "0-7" or "0,2-5": the last number and one */
static uint32_t possible_cpus(uint32_t online)
{
	char text[256];
	uint32_t n = online;
	char *last;

	if (!read_line("/sys/devices/system/cpu/possible", text, sizeof(text)))
		return online;
	last = text + strlen(text);
	while (last > text && isdigit((unsigned char)last[-1]))
		last--;
	if (*last)
		n = (uint32_t)strtoul(last, NULL, 10) + 1;
	return n > online && n <= CPUS_MAX ? n : online;
}

static void preempt_model(struct cal_machine *m, const char *version)
{
	const char *name = NULL;

	if (strstr(version, "PREEMPT_DYNAMIC"))
		name = NULL;		/* chosen at boot: not told here */
	else if (strstr(version, "PREEMPT"))
		name = "full";
	else
		name = "none";
	if (name)
		snprintf(m->preempt, sizeof(m->preempt), "%s", name);
}

void cal_machine_read(struct cal_machine *m)
{
	unsigned cpu[CPUS_MAX], n = 0;
	struct utsname u;
	cpu_set_t may;
	long v;

	*m = (struct cal_machine){ 0 };
	if (!uname(&u)) {
		snprintf(m->kernel, sizeof(m->kernel), "%.95s", u.release);
		preempt_model(m, u.version);
	}
	if (!cpuinfo("model name", m->cpu_model, sizeof(m->cpu_model)))
		snprintf(m->cpu_model, sizeof(m->cpu_model), "unknown CPU");
	m->hypervisor = access("/sys/hypervisor/type", F_OK) == 0;
	if (!m->hypervisor) {
		char flags[4096];

		m->hypervisor = cpuinfo("flags", flags, sizeof(flags)) &&
				strstr(flags, " hypervisor");
	}
	m->hz = jiffies_hz();
	v = sysconf(_SC_NPROCESSORS_ONLN);
	m->cpus = v > 0 ? (uint32_t)v : 1;
	m->cpus_possible = possible_cpus(m->cpus);
	v = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
	m->line_bytes = v == 128 ? 128 : 64;
	for (unsigned i = 0; i < CPUS_MAX && n < m->cpus; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology", i);
		if (!access(path, F_OK))
			cpu[n++] = i;
	}
	m->sockets = m->llcs_per_socket = m->threads_per_core = 1;
	m->cores_per_llc = m->cpus;
	if (n)
		tree(m, cpu, n);
	if (!sched_getaffinity(0, sizeof(may), &may))
		m->usable = (uint32_t)CPU_COUNT(&may);
}
