/* audio.c: how long a recording is, as its own bytes tell. */
#include "base/audio.h"

#include <string.h>

enum {
	CHUNKS_MAX = 64,        /* of a WAV file that are looked at */
	TAIL_BYTES = 65536 + 64, /* an Ogg page is no longer */
	LOOK_BYTES = 4096,
	TAGS_MAX = 4,
};

static const int64_t seconds_max = 10000000;

static bool
get(const struct audio_file *file, int64_t offset, void *data, size_t size)
{
	unsigned char *to = data;

	if (offset < 0 || offset > file->len - (int64_t)size)
		return false;
	while (size > 0) {
		ssize_t got = file->read(offset, to, size, file->context);

		if (got <= 0)
			return false;
		to += got;
		offset += got;
		size -= (size_t)got;
	}
	return true;
}

static uint32_t
le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static uint32_t
be32(const unsigned char *p)
{
	return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[0] << 24;
}

/* Units of which there are so many in a second, as milliseconds. */
static bool
set_ms(int64_t units, int64_t rate, int64_t *ms)
{
	if (units <= 0 || rate <= 0 || units / rate > seconds_max)
		return false;
	*ms = units / rate * 1000 + (units % rate * 1000 + rate - 1) / rate;
	return true;
}

/* RIFF: a chunk tells the bytes per second, another one has them. */
static bool
wav(const struct audio_file *file, int64_t *ms)
{
	unsigned char head[20];
	int64_t offset = 12, rate = 0;

	for (int i = 0; i < CHUNKS_MAX; i++) {
		int64_t size;

		if (!get(file, offset, head, 8))
			return false;
		size = le32(head + 4);
		offset += 8;
		if (memcmp(head, "data", 4) == 0) {
			/* Who writes while recording does not know it. */
			if (size > file->len - offset)
				size = file->len - offset;
			return set_ms(size, rate, ms);
		}
		if (memcmp(head, "fmt ", 4) == 0) {
			if (!get(file, offset, head, 12))
				return false;
			rate = le32(head + 8);
		}
		offset += size + (size & 1);
	}
	return false;
}

/* The first block has the rate in 20 bits, and the samples in 36. */
static bool
flac(const struct audio_file *file, int64_t *ms)
{
	unsigned char info[18];
	int64_t rate, samples;

	if (!get(file, 8, info, sizeof(info)))
		return false;
	rate = (int64_t)info[10] << 12 | info[11] << 4 | info[12] >> 4;
	samples = (int64_t)(info[13] & 0x0f) << 32 | be32(info + 14);
	return set_ms(samples, rate, ms);
}

/* The last page tells how many samples there were. */
static bool
ogg_samples(const struct audio_file *file, int64_t *samples)
{
	unsigned char tail[LOOK_BYTES];
	int64_t end = file->len, first = file->len - TAIL_BYTES;

	for (; end > 0 && end > first; end -= LOOK_BYTES - 16) {
		int64_t begin = end > LOOK_BYTES ? end - LOOK_BYTES : 0;
		size_t size = (size_t)(end - begin);

		if (!get(file, begin, tail, size))
			return false;
		for (size_t i = size; i-- > 0;) {
			if (i + 14 > size || memcmp(tail + i, "OggS", 4) != 0)
				continue;
			*samples = (int64_t)le32(tail + i + 6) |
			    (int64_t)(le32(tail + i + 10) & 0x7fffffff) << 32;
			return true;
		}
	}
	return false;
}

static bool
ogg(const struct audio_file *file, int64_t *ms)
{
	unsigned char head[27], packet[19];
	int64_t samples;

	if (!get(file, 0, head, sizeof(head)) ||
	    !get(file, 27 + head[26], packet, sizeof(packet)) ||
	    !ogg_samples(file, &samples))
		return false;
	if (memcmp(packet, "OpusHead", 8) == 0)
		return set_ms(samples - (packet[10] | packet[11] << 8), 48000,
		    ms);
	if (memcmp(packet, "\1vorbis", 7) == 0)
		return set_ms(samples, le32(packet + 12), ms);
	return false;
}

/* What the head of an MP3 frame says. */
struct frame {
	int64_t bits_per_second, rate, samples;
	int64_t summary; /* where a summary of the file stands, if it does */
};

static bool
read_frame(const unsigned char *p, struct frame *frame)
{
	/* Layer III, in kbit/s: MPEG 1, and the later ones. */
	static const short rates[2][15] = {
		{ 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
		    320 },
		{ 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144,
		    160 },
	};
	static const int samples_per_second[3] = { 44100, 48000, 32000 };
	int version = p[1] >> 3 & 3, layer = p[1] >> 1 & 3;
	int later = version != 3, mono = p[3] >> 6 == 3;

	if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || version == 1 ||
	    layer != 1 || p[2] >> 4 == 15 || p[2] >> 4 == 0 ||
	    (p[2] >> 2 & 3) == 3)
		return false;
	frame->bits_per_second = rates[later][p[2] >> 4] * 1000;
	frame->rate = samples_per_second[p[2] >> 2 & 3];
	frame->rate /= version == 3 ? 1 : version == 2 ? 2 : 4;
	frame->samples = later ? 576 : 1152;
	frame->summary = 4 + (later ? mono ? 9 : 17 : mono ? 17 : 32);
	return true;
}

/* Behind tags, which tell their size in four times seven bits. */
static bool
find_frame(const struct audio_file *file, int64_t *offset)
{
	unsigned char head[10];

	*offset = 0;
	for (int i = 0; i < TAGS_MAX; i++) {
		if (!get(file, *offset, head, sizeof(head)))
			return false;
		if (memcmp(head, "ID3", 3) != 0)
			return true;
		*offset += 10 + ((head[6] & 0x7f) << 21 |
		    (head[7] & 0x7f) << 14 | (head[8] & 0x7f) << 7 |
		    (head[9] & 0x7f));
	}
	return false;
}

/* The first frame may sum the file up; else all frames are like it. */
static bool
mp3(const struct audio_file *file, int64_t *ms)
{
	unsigned char bytes[12];
	struct frame frame;
	int64_t offset;

	if (!find_frame(file, &offset) || !get(file, offset, bytes, 4) ||
	    !read_frame(bytes, &frame))
		return false;
	if (get(file, offset + frame.summary, bytes, sizeof(bytes)) &&
	    (memcmp(bytes, "Xing", 4) == 0 || memcmp(bytes, "Info", 4) == 0) &&
	    bytes[7] & 1)
		return set_ms(be32(bytes + 8) * frame.samples, frame.rate, ms);
	return set_ms((file->len - offset) * 8, frame.bits_per_second, ms);
}

bool
audio_duration(const struct audio_file *file, int64_t *ms)
{
	unsigned char head[12] = { 0 };

	if (!get(file, 0, head, sizeof(head)))
		return false;
	if (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WAVE", 4) == 0)
		return wav(file, ms);
	if (memcmp(head, "fLaC", 4) == 0)
		return flac(file, ms);
	if (memcmp(head, "OggS", 4) == 0)
		return ogg(file, ms);
	return mp3(file, ms);
}
