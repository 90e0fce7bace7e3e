dnl farebox_flags.m4: compiler and linker flags, each used only when it works.

dnl FAREBOX_CFLAG(VARIABLE, FLAG, [IF-YES], [IF-NO]): -Werror makes clang
dnl refuse a warning it does not know; the link shows a missing runtime.
AC_DEFUN([FAREBOX_CFLAG], [
AC_MSG_CHECKING([whether $CC takes $2])
farebox_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $2 -Werror"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[]])],
	[AC_MSG_RESULT([yes]); $1="$$1 $2"
	farebox_flag_works=yes],
	[AC_MSG_RESULT([no])
	farebox_flag_works=no])
CFLAGS=$farebox_save_CFLAGS
AS_IF([test $farebox_flag_works = yes], [$3], [$4])
])

dnl FAREBOX_LDFLAG(VARIABLE, FLAG)
AC_DEFUN([FAREBOX_LDFLAG], [
AC_MSG_CHECKING([whether the linker takes $2])
farebox_save_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS $2 -Werror"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
	[AC_MSG_RESULT([yes]); $1="$$1 $2"],
	[AC_MSG_RESULT([no])])
LDFLAGS=$farebox_save_LDFLAGS
])

AC_DEFUN([FAREBOX_WARNINGS], [
WARN_CFLAGS=
m4_foreach_w([farebox_w], [
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wvla
	-Wformat=2 -Wundef -Wcast-qual -Wredundant-decls -Wnested-externs
	-Wmissing-declarations -Wimplicit-fallthrough -Wnull-dereference
	-Wdate-time -Wduplicated-cond -Wduplicated-branches -Wlogical-op
	-Wjump-misses-init -Walloca
	-Wshorten-64-to-32 -Wunreachable-code-return
], [FAREBOX_CFLAG([WARN_CFLAGS], farebox_w)])
AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([FAREBOX_SANITIZERS], [
SAN_CFLAGS=
AS_IF([test "$enable_sanitizers" = yes], [
	FAREBOX_CFLAG([SAN_CFLAGS], [-fsanitize=address,undefined], [],
		[AC_MSG_ERROR([$CC cannot link the sanitizers])])
	FAREBOX_CFLAG([SAN_CFLAGS], [-fno-sanitize-recover=all])
	FAREBOX_CFLAG([SAN_CFLAGS], [-fno-omit-frame-pointer])
])
AC_SUBST([SAN_CFLAGS])
])

dnl Sanitizers replace what the hardening flags wrap, so it is one or the other.
AC_DEFUN([FAREBOX_HARDENING], [
HARDEN_CFLAGS=
HARDEN_LDFLAGS=
AS_IF([test "$enable_sanitizers" = yes], [enable_hardening=no])
AS_IF([test "$enable_hardening" = yes], [
	FAREBOX_CFLAG([HARDEN_CFLAGS], [-fstack-protector-strong])
	FAREBOX_CFLAG([HARDEN_CFLAGS], [-fstack-clash-protection])
	FAREBOX_CFLAG([HARDEN_CFLAGS], [-fcf-protection])
	FAREBOX_CFLAG([HARDEN_CFLAGS],
		[-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2])
	FAREBOX_CFLAG([HARDEN_CFLAGS], [-fPIE])
	FAREBOX_LDFLAG([HARDEN_LDFLAGS], [-pie])
	FAREBOX_LDFLAG([HARDEN_LDFLAGS], [-Wl,-z,relro])
	FAREBOX_LDFLAG([HARDEN_LDFLAGS], [-Wl,-z,now])
])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
])
