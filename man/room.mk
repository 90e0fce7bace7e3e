# man/room.mk: the man pages, whose lists come from the tables of the code.

man_templates = \
	man/farebox.8.in \
	man/farebox.fcgi.8.in \
	man/farebox.conf.5.in \
	man/farebox-errors.7.in
man_MANS = \
	man/farebox.8 \
	man/farebox.fcgi.8 \
	man/farebox.conf.5 \
	man/farebox-errors.7
EXTRA_DIST += $(man_templates)
CLEANFILES += $(man_MANS)

noinst_PROGRAMS += man/tables
man_tables_SOURCES = man/tables.c
man_tables_LDADD = \
	$(filter-out admin/main.$(OBJEXT), $(farebox_OBJECTS)) \
	db/libfarebox-db.a base/libfarebox-base.a \
	$(DB_ALL_LIBS) $(BASE_LIBS)

$(man_MANS): %: $(srcdir)/%.in man/tables$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && $(SED) \
		-e 's|@FAREBOX_CONFIG@|$(config_path)|g' \
		-e 's|@FAREBOX_FCGI@|$(fcgidir)/farebox.fcgi|g' \
		$< | man/tables$(EXEEXT) >$@.tmp
	$(AM_V_at)mv $@.tmp $@
