/* audio.c: tests of base/audio.h, with files that are made here. */
#include "base/audio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_BYTES = 200000 };

/* A file in memory, of which a read gives at most `piece` bytes. */
struct memory {
	unsigned char bytes[FILE_BYTES];
	size_t piece;
};

static struct memory memory;

static ssize_t
read_memory(int64_t offset, void *data, size_t size, void *context)
{
	struct memory *from = context;

	assert_true(offset >= 0 && offset < FILE_BYTES);
	if (size > from->piece)
		size = from->piece;
	if ((int64_t)size > FILE_BYTES - offset)
		size = (size_t)(FILE_BYTES - offset);
	memcpy(data, from->bytes + offset, size);
	return (ssize_t)size;
}

/* -1: it is not known. */
static int64_t
duration(int64_t len)
{
	const struct audio_file file = { read_memory, &memory, len };
	int64_t ms[2] = { -1, -1 };

	for (int i = 0; i < 2; i++) {
		memory.piece = i ? 3 : FILE_BYTES;
		if (!audio_duration(&file, &ms[i]))
			ms[i] = -1;
	}
	assert_int_equal(ms[0], ms[1]);
	return ms[0];
}

static void
put(size_t offset, const char *bytes, size_t len)
{
	memcpy(memory.bytes + offset, bytes, len);
}

#define PUT(offset, text) put(offset, text, sizeof(text) - 1)

static void
wav_files(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	/* 16000 samples of two bytes each second; 48000 bytes of them. */
	PUT(0, "RIFF\0\0\0\0WAVELIST\3\0\0\0abc\0fmt \20\0\0\0\1\0\1\0"
	    "\200>\0\0\0}\0\0\2\0\20\0data\200\273\0\0");
	assert_int_equal(duration(56 + 48000), 1500);
	assert_int_equal(duration(56 + 32000), 1000);
	assert_int_equal(duration(56 + 1), 1);
	assert_int_equal(duration(56), -1);
	assert_int_equal(duration(30), -1);
	/* It may say that it has no end. */
	PUT(52, "\377\377\377\377");
	assert_int_equal(duration(56 + 64000), 2000);
	/* And no rate. */
	PUT(40, "\0\0\0\0");
	assert_int_equal(duration(56 + 64000), -1);
}

static void
flac_files(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	/* 44100 Hz is 0x0ac44; 66150 samples are 0x10266. */
	PUT(0, "fLaC\0\0\0\42");
	PUT(18, "\12\304\100\0\0\1\2\146");
	assert_int_equal(duration(1000), 1500);
	assert_int_equal(duration(20), -1);
	PUT(18, "\0\0\0");
	assert_int_equal(duration(1000), -1);
}

static void
ogg_files(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	PUT(0, "OggS");
	PUT(26, "\1\23OpusHead\1\1\100\1\200>\0\0");
	/* 72320 samples, of which 320 are skipped. */
	PUT(100000, "OggS\0\4\200\32\1\0\0\0\0\0");
	assert_int_equal(duration(100100), 1500);
	assert_int_equal(duration(100000 + 65000), 1500);
	assert_int_equal(duration(27), -1);
	PUT(28, "\1vorbis\0\0\0\0\1\200\273\0\0");
	assert_int_equal(duration(100100), 1507);
	PUT(28, "\1theora");
	assert_int_equal(duration(100100), -1);
}

static void
mp3_files(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	/* 128 kbit/s, 44100 Hz, behind a tag of 300 bytes. */
	PUT(0, "ID3\4\0\0\0\0\2\54");
	PUT(310, "\377\373\220\0");
	assert_int_equal(duration(310 + 24000), 1500);
	assert_int_equal(duration(310), -1);
	/* 1000 frames of 1152 samples, however many bytes they are. */
	PUT(310 + 36, "Xing\0\0\0\1\0\0\3\350");
	assert_int_equal(duration(310 + 24000), 26123);
	/* Free rates, other layers, and noise. */
	PUT(310, "\377\373\0\0");
	assert_int_equal(duration(24000), -1);
	PUT(310, "\377\375\220\0");
	assert_int_equal(duration(24000), -1);
	PUT(310, "abcd");
	assert_int_equal(duration(24000), -1);
	/* MPEG 2, mono, 64 kbit/s */
	PUT(310, "\377\363\200\300");
	assert_int_equal(duration(310 + 8000), 1000);
}

/* Noise behind each beginning: nothing is read that is not there. */
static void
noise_is_survived(void **state)
{
	static const char *const heads[] = { "RIFF1234WAVE", "fLaC", "OggS",
		"ID3", "\377\373\220", "" };

	(void)state;
	srand(1);
	for (int i = 0; i < 3000; i++) {
		const char *head = heads[i % 6];
		int64_t len = 1 + rand() % 300, ms;

		for (int64_t at = 0; at < len; at++)
			memory.bytes[at] = (unsigned char)rand();
		memcpy(memory.bytes, head, strlen(head));
		ms = duration(len);
		assert_true(ms == -1 || ms > 0);
	}
	assert_int_equal(duration(0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wav_files),
		cmocka_unit_test(flac_files),
		cmocka_unit_test(ogg_files),
		cmocka_unit_test(mp3_files),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
