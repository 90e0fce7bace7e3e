/* conf_file.h: a configuration in a directory of its own, for tests. */
#ifndef TESTS_UNIT_CONF_FILE_H
#define TESTS_UNIT_CONF_FILE_H

#include <stddef.h>

enum { CONF_FILE_PATH_SIZE = 512 };

/* cmocka's setup and teardown: makes and removes the directory. */
int conf_file_setup(void **state);
int conf_file_teardown(void **state);

/* Writes a file of the directory, with a mode; returns its path. */
const char *conf_file_write(const char *name, const char *text, size_t len,
    unsigned mode);

/* The path of a name in the directory. The last four stay valid. */
const char *conf_file_path(const char *name);

#endif
