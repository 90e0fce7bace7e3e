/* title.h: what ps(1) shows of a process, other than its command line. */
#ifndef FCGI_TITLE_H
#define FCGI_TITLE_H

/* Notes where the command line lies; as long as that is, a title may be. */
void title_prepare(int argc, char *const argv[]);

/*
 * Shows a title in place of the command line, whose words are gone then. Does
 * nothing when there was no title_prepare().
 */
void title_set(const char *title);

#endif
