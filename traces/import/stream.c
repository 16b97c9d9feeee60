/*
 * Line streams. One buffer holds the text that is not consumed yet; when it
 * has no whole line, the rest moves to the front and the buffer is filled up.
 *
 * Invariant: every byte of the input is in exactly one line. Compression that
 * breaks off is an early end with a reason, so that the good part is used.
 * Cost: one memchr and, per buffer, one move of an unfinished line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#include "sim/base/mem.h"
#include "traces/import/stream.h"

enum packing { PACK_NONE, PACK_GZIP, PACK_ZSTD };
enum { IN_BYTES = 128 << 10, GZIP_WINDOW_BYTES = 32 << 10 };

struct line_stream {
	char *path;
	int fd;
	enum packing packing;
	z_stream gz;
	ZSTD_DStream *zstd;
	uint8_t *in;		/* raw bytes of the file */
	size_t in_used, in_done;
	bool in_eof, frame_open;
	uint64_t file_bytes, taken_bytes;
	char *buf;		/* text: [at, used) is not consumed */
	size_t at, used, size;
	bool eof, skipping;
	uint64_t number;
	char damage[160];
	int read_errno;
	pid_t child;		/* writes the text, see convert.c */
};

static void fill_in(struct line_stream *s)
{
	ssize_t n;

	if (s->in_done < s->in_used || s->in_eof)
		return;
	s->in_done = s->in_used = 0;
	do {
		n = read(s->fd, s->in, IN_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		s->read_errno = errno;
	if (n <= 0) {
		s->in_eof = true;
		return;
	}
	s->in_used = (size_t)n;
	s->taken_bytes += (uint64_t)n;
}

static size_t take_plain(struct line_stream *s, char *out, size_t room)
{
	size_t n = s->in_used - s->in_done;

	if (n > room)
		n = room;
	memcpy(out, s->in + s->in_done, n);
	s->in_done += n;
	return n;
}

static void damage(struct line_stream *s, const char *what)
{
	snprintf(s->damage, sizeof(s->damage), "%s", what);
	s->in_eof = true;
	s->in_done = s->in_used = 0;
}

/* nothing is left, neither of the file nor inside the decompressor */
static bool drained(const struct line_stream *s)
{
	return s->in_done == s->in_used && !s->frame_open;
}

static size_t take_gzip(struct line_stream *s, char *out, size_t room)
{
	int ret;

	if (drained(s))
		return 0;
	s->gz.next_in = s->in + s->in_done;
	s->gz.avail_in = (unsigned)(s->in_used - s->in_done);
	s->gz.next_out = (Bytef *)out;
	s->gz.avail_out = (unsigned)room;
	s->frame_open = true;
	ret = inflate(&s->gz, Z_NO_FLUSH);
	if (ret == Z_MEM_ERROR)
		no_memory(1, GZIP_WINDOW_BYTES);
	s->in_done = s->in_used - s->gz.avail_in;
	room -= s->gz.avail_out;
	if (ret == Z_STREAM_END) {	/* another member may follow */
		s->frame_open = false;
		inflateReset(&s->gz);
	} else if (ret != Z_OK && ret != Z_BUF_ERROR) {
		damage(s, "damaged gzip data");
	}
	return room;
}

static size_t take_zstd(struct line_stream *s, char *out, size_t room)
{
	ZSTD_inBuffer in = { s->in, s->in_used, s->in_done };
	ZSTD_outBuffer o = { out, room, 0 };
	size_t ret;

	if (drained(s))
		return 0;
	ret = ZSTD_decompressStream(s->zstd, &o, &in);
	s->in_done = in.pos;
	if (ZSTD_getErrorCode(ret) == ZSTD_error_memory_allocation)
		no_memory(1, ZSTD_DStreamOutSize());
	if (ZSTD_isError(ret))
		damage(s, ZSTD_getErrorName(ret));
	else
		s->frame_open = ret;
	return o.pos;
}

/* more text behind s->used; sets s->eof at the end */
static void fill_text(struct line_stream *s)
{
	if (s->at) {
		memmove(s->buf, s->buf + s->at, s->used - s->at);
		s->used -= s->at;
		s->at = 0;
	}
	while (s->used < s->size && !s->eof) {
		size_t room = s->size - s->used, n;

		fill_in(s);
		if (s->packing == PACK_GZIP)
			n = take_gzip(s, s->buf + s->used, room);
		else if (s->packing == PACK_ZSTD)
			n = take_zstd(s, s->buf + s->used, room);
		else
			n = take_plain(s, s->buf + s->used, room);
		s->used += n;
		if (!n && s->in_eof && s->in_done == s->in_used) {
			s->eof = true;
			if (s->packing && s->frame_open && !s->damage[0])
				damage(s, "compressed data ends early");
			if (s->child && !convert_end(s->child))
				damage(s, "its library could not read on");
			s->child = 0;
		}
	}
}

static int start_unpacking(struct line_stream *s, struct errbuf *e)
{
	static const uint8_t gzip[2] = { 0x1f, 0x8b };
	static const uint8_t zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };

	fill_in(s);
	if (s->in_used >= 4 && !memcmp(s->in, zstd, 4)) {
		s->packing = PACK_ZSTD;
		s->zstd = ZSTD_createDStream();
		if (!s->zstd)
			no_memory(1, ZSTD_DStreamInSize());
	} else if (s->in_used >= 2 && !memcmp(s->in, gzip, 2)) {
		s->packing = PACK_GZIP;
		if (inflateInit2(&s->gz, 15 + 16) != Z_OK)
			no_memory(1, GZIP_WINDOW_BYTES);
	}
	if (s->read_errno) {
		errno = s->read_errno;
		return err_sys(e, s->path, "read");
	}
	return 0;
}

struct line_stream *stream_open(const char *path, struct errbuf *e)
{
	struct line_stream *s = xcalloc(1, sizeof(*s));
	struct stat st;

	s->path = xstrdup(strcmp(path, "-") ? path : "stdin");
	s->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : 0;
	if (s->fd < 0) {
		err_sys(e, path, "open");
		stream_close(s);
		return NULL;
	}
	if (!fstat(s->fd, &st) && S_ISREG(st.st_mode))
		s->file_bytes = (uint64_t)st.st_size;
	s->in = xcalloc(1, IN_BYTES);
	if (start_unpacking(s, e)) {
		stream_close(s);
		return NULL;
	}
	/* a small file needs no more, unless it grows meanwhile */
	s->size = STREAM_PEEK_BYTES;
	if (!s->packing && s->file_bytes && s->file_bytes < s->size)
		s->size = s->file_bytes > 2 * LINE_BYTES_MAX ?
			  s->file_bytes : 2 * LINE_BYTES_MAX;
	s->buf = xcalloc(1, s->size + 1);
	return s;
}

int stream_spool(struct line_stream *s, int fd, struct errbuf *e)
{
	while (s->used) {
		ssize_t n;

		for (size_t done = 0; done < s->used; done += (size_t)n) {
			n = write(fd, s->buf + done, s->used - done);
			if (n < 0 && errno == EINTR)
				n = 0;
			if (n < 0)
				return err_sys(e, s->path, "spool");
		}
		s->used = s->at = 0;
		fill_text(s);
	}
	if (s->damage[0])
		return err_set(e, -EBADMSG, "%s: %s", s->path, s->damage);
	return 0;
}

static void stop_unpacking(struct line_stream *s)
{
	if (s->packing == PACK_GZIP)
		inflateEnd(&s->gz);
	if (s->packing == PACK_ZSTD)
		ZSTD_freeDStream(s->zstd);
	s->packing = PACK_NONE;
	if (s->fd > 0)
		close(s->fd);
	s->fd = -1;
}

int stream_convert(struct line_stream *s, convert_fn convert,
		   struct errbuf *e)
{
	int fd = convert_start(s, convert, &s->child, e);
	size_t bytes;

	if (fd < 0) {
		s->child = 0;
		return -EIO;
	}
	stop_unpacking(s);
	s->fd = fd;
	s->in_eof = s->eof = false;
	s->file_bytes = 0;
	free(s->buf);
	s->size = STREAM_PEEK_BYTES;
	s->buf = xcalloc(1, s->size + 1);
	stream_peek(s, &bytes);
	return bytes || !s->damage[0] ? 0 :
		err_set(e, -EBADMSG, "%s: damaged: %s", s->path, s->damage);
}

void stream_close(struct line_stream *s)
{
	if (!s)
		return;
	stop_unpacking(s);
	if (s->child)		/* it writes to nobody now, and ends */
		convert_end(s->child);
	free(s->in);
	free(s->buf);
	free(s->path);
	free(s);
}

const char *stream_peek(struct line_stream *s, size_t *bytes)
{
	if (!s->used)
		fill_text(s);
	*bytes = s->used - s->at;
	return s->buf + s->at;
}

static void give(struct line_stream *s, struct text_line *line, size_t bytes,
		 size_t consumed)
{
	line->text = s->buf + s->at;
	line->bytes = bytes > LINE_BYTES_MAX ? LINE_BYTES_MAX : bytes;
	line->cut = bytes > LINE_BYTES_MAX;
	if (line->bytes && !line->cut && line->text[line->bytes - 1] == '\r')
		line->bytes--;
	line->number = ++s->number;
	s->at += consumed;
}

/* past the rest of a line that was given out cut */
static void skip_rest(struct line_stream *s)
{
	char *eol;

	while (s->skipping) {
		eol = memchr(s->buf + s->at, '\n', s->used - s->at);
		if (eol) {
			s->at = (size_t)(eol - s->buf) + 1;
			s->skipping = false;
		} else {
			s->at = s->used;
			if (s->eof)
				s->skipping = false;
			fill_text(s);
		}
	}
}

int stream_line(struct line_stream *s, struct text_line *line,
		struct errbuf *e)
{
	for (;;) {
		char *eol;
		size_t left;

		skip_rest(s);
		left = s->used - s->at;
		eol = memchr(s->buf + s->at, '\n', left);
		if (eol) {
			left = (size_t)(eol - (s->buf + s->at));
			give(s, line, left, left + 1);
			return 1;
		}
		if (left > LINE_BYTES_MAX) {
			give(s, line, left, left);
			s->skipping = true;
			return 1;
		}
		if (s->eof && left) {
			give(s, line, left, left);
			return 1;
		}
		if (s->eof)
			break;
		fill_text(s);
	}
	if (s->read_errno) {
		errno = s->read_errno;
		return err_sys(e, s->path, "read");
	}
	return 0;
}

const char *stream_damage(const struct line_stream *s)
{
	return s->damage[0] ? s->damage : NULL;
}

const char *stream_path(const struct line_stream *s)
{
	return s->path;
}

uint64_t stream_bytes(const struct line_stream *s, uint64_t *total)
{
	*total = s->file_bytes;
	return s->taken_bytes;
}
