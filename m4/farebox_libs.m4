dnl farebox_libs.m4: the libraries, and which Debian package has each.

dnl FAREBOX_MISSING(WHAT, PACKAGE): remembers what is missing.
AC_DEFUN([FAREBOX_MISSING], [
	farebox_missing="$farebox_missing $1"
	farebox_packages="$farebox_packages $2"
])

dnl FAREBOX_PKG(VARIABLE, MODULE, PACKAGE): one pkg-config module.
AC_DEFUN([FAREBOX_PKG], [
	PKG_CHECK_MODULES([$1], [$2], [],
		[FAREBOX_MISSING([m4_bpatsubst([$2], [ .*])], [$3])])
])

dnl FAREBOX_LIB_DB: Berkeley DB 5.3, also where the BSDs keep it.
AC_DEFUN([FAREBOX_LIB_DB], [
AC_ARG_VAR([DB_CFLAGS], [C compiler flags for Berkeley DB 5.3])
AC_ARG_VAR([DB_LIBS], [linker flags for Berkeley DB 5.3])
farebox_save_CPPFLAGS=$CPPFLAGS
farebox_save_LIBS=$LIBS
AC_MSG_CHECKING([for the header of Berkeley DB 5.3])
farebox_db_header=no
for farebox_flag in "$DB_CFLAGS" -I/usr/include/db5.3 -I/usr/include/db5 \
	-I/usr/local/include/db5 -I/usr/pkg/include/db5 -I/usr/local/include
do
	CPPFLAGS="$farebox_save_CPPFLAGS $farebox_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
		#include <db.h>
		#if DB_VERSION_MAJOR != 5 || DB_VERSION_MINOR < 3
		#error "not Berkeley DB 5.3"
		#endif
	]], [[DB_ENV *env = 0; (void)env;]])],
		[farebox_db_header=yes; DB_CFLAGS=$farebox_flag; break])
done
AC_MSG_RESULT([$farebox_db_header${DB_CFLAGS:+, $DB_CFLAGS}])
AC_MSG_CHECKING([for the library of Berkeley DB 5.3])
farebox_db_lib=no
AS_IF([test $farebox_db_header = yes], [
for farebox_flag in "$DB_LIBS" -ldb-5.3 -ldb5 -ldb \
	"-L/usr/local/lib -ldb-5.3" "-L/usr/local/lib -ldb5" \
	"-L/usr/local/lib/db5 -ldb" "-L/usr/pkg/lib -ldb5"
do
	test -n "$farebox_flag" || continue
	LIBS="$farebox_flag $farebox_save_LIBS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <db.h>]],
		[[DB_ENV *env; return db_env_create(&env, 0);]])],
		[farebox_db_lib=yes; DB_LIBS=$farebox_flag; break])
done
])
AC_MSG_RESULT([$farebox_db_lib${DB_LIBS:+, $DB_LIBS}])
CPPFLAGS=$farebox_save_CPPFLAGS
LIBS=$farebox_save_LIBS
AS_IF([test $farebox_db_lib = no],
	[FAREBOX_MISSING([Berkeley-DB-5.3], [libdb5.3-dev])])
])

dnl FAREBOX_LIB_FCGI: the FastCGI developer's kit.
AC_DEFUN([FAREBOX_LIB_FCGI], [
AC_ARG_VAR([FCGI_CFLAGS], [C compiler flags for libfcgi])
AC_ARG_VAR([FCGI_LIBS], [linker flags for libfcgi])
farebox_save_CPPFLAGS=$CPPFLAGS
farebox_save_LIBS=$LIBS
AC_MSG_CHECKING([for libfcgi])
farebox_fcgi=no
for farebox_flag in "$FCGI_CFLAGS" -I/usr/local/include -I/usr/pkg/include
do
	CPPFLAGS="$farebox_save_CPPFLAGS $farebox_flag"
	for farebox_lib in "$FCGI_LIBS" -lfcgi "-L/usr/local/lib -lfcgi" \
		"-L/usr/pkg/lib -lfcgi"
	do
		test -n "$farebox_lib" || continue
		LIBS="$farebox_lib $farebox_save_LIBS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <fcgiapp.h>]],
			[[FCGX_Request r; return FCGX_Accept_r(&r);]])],
			[farebox_fcgi=yes; FCGI_CFLAGS=$farebox_flag
			FCGI_LIBS=$farebox_lib; break 2])
	done
done
AC_MSG_RESULT([$farebox_fcgi${FCGI_LIBS:+, $FCGI_LIBS}])
CPPFLAGS=$farebox_save_CPPFLAGS
LIBS=$farebox_save_LIBS
AS_IF([test $farebox_fcgi = no],
	[FAREBOX_MISSING([libfcgi], [libfcgi-dev])])
])
