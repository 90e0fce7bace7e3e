/* shim.h: what a test and the shim that it runs under tell each other. */
#ifndef TESTS_STORE_SHIM_H
#define TESTS_STORE_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * shim.so goes into a program with LD_PRELOAD and stands between it, Berkeley
 * DB and the system. The environment says what it does:
 *
 *   SHIM_STATE    a file of one struct shim_state, shared by all processes
 *   SHIM_DIR      the store's directory
 *   SHIM_JOURNAL  where to write down what happens to the files in SHIM_DIR
 *   SHIM_BOOT_ID  a file to be read for the identity of this boot
 *
 * Calls are counted, and fail, only while `enabled` is not zero.
 */
enum shim_kind {
	SHIM_MEMORY,   /* malloc, calloc, realloc */
	SHIM_WRITE,    /* write, pwrite */
	SHIM_SYNC,     /* fsync, fdatasync */
	SHIM_OPEN,     /* open, fopen, opendir */
	SHIM_TRUNCATE, /* ftruncate */
	SHIM_READ,     /* read, pread */
	SHIM_MAP,      /* mmap */
	SHIM_NAME,     /* rename, unlink */
	SHIM_FORK,     /* fork */
	SHIM__COUNT
};

/* All of one size, so that a script can read it. */
struct shim_state {
	_Atomic uint64_t enabled;
	_Atomic uint64_t kind;     /* of the call that fails */
	_Atomic uint64_t nth;      /* 1, 2, 3 ...; 0: none fails */
	_Atomic uint64_t for_ever; /* and each of that kind that follows */
	_Atomic uint64_t fired;    /* how many have failed */
	_Atomic uint64_t limited;  /* the disk has only so many blocks left: */
	_Atomic int64_t blocks;
	_Atomic uint64_t calls[SHIM__COUNT];
};

enum { SHIM_BLOCK_BYTES = 4096 };

/*
 * A record of the journal: this, then the bytes. Files are told apart by their
 * inodes; a number is used again only after its SHIM_UNLINK.
 */
enum shim_event {
	SHIM_CREATE = 1, /* bytes: the name in SHIM_DIR */
	SHIM_RENAME,     /* bytes: old name, NUL, new name */
	SHIM_UNLINK,     /* bytes: the name */
	SHIM_DATA,       /* bytes were written at offset */
	SHIM_SIZE,       /* the file was cut, or stretched, to offset */
	SHIM_SYNC_BEGIN,
	SHIM_SYNC_END,   /* offset: the position of its SHIM_SYNC_BEGIN */
	SHIM_SYNC_FAILED, /* the same; what was to be written may be lost */
	SHIM_GATE,       /* bytes: how the gate's file begins just now */
};

struct shim_record {
	uint64_t event, inode, offset, length;
};

enum { SHIM_GATE_BYTES = 4096 };

#endif
