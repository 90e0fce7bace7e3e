/* audio.h: how long a recording is, as its own bytes tell. */
#ifndef BASE_AUDIO_H
#define BASE_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file to look into: gives up to size bytes from offset on, or -1. */
struct audio_file {
	ssize_t (*read)(int64_t offset, void *data, size_t size,
	    void *context);
	void *context;
	int64_t len;
};

/*
 * Reads a few kilobytes of a WAV, FLAC, MP3, or Ogg file with Opus or Vorbis.
 * Sets *ms, rounded up; false for anything else. Whoever made the file chose
 * what it says, so this is for estimates and bounds nothing.
 */
bool audio_duration(const struct audio_file *file, int64_t *ms);

#endif
