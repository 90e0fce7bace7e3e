/* cmocka.h: stands in where cmocka is missing, to say what to install. */
#error "make check needs cmocka: install libcmocka-dev, then configure again"
