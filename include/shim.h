/*
 * What Rust and the C shim promise each other. Everything else Rust calls directly.
 *
 * The shim holds what only C can say: the module registration that Asterisk's loader looks for, and values that
 * Asterisk offers as macros. It decides nothing.
 */
#ifndef SYNCH_SHIM_H
#define SYNCH_SHIM_H

#include <stddef.h>

struct ast_config;
struct ast_module;
struct ast_variable;

/* Offered by Rust (src/asterisk/entry.rs), called by Asterisk's loader with its module list locked. */
int synch_load(void);   /* 0: loaded, 1: declined */
int synch_reload(void); /* 0: done, -1: the old settings stay */
int synch_unload(void); /* 0: gone, -1: refused */

/* Offered by the shim (src/asterisk/shim.c). */

/* The handle of this module. Also what makes the linker keep the object with the registration. */
struct ast_module *synch_module(void);

/* Whether Asterisk has loaded all its modules: the flag's width differs between majors. */
int synch_fully_booted(void);

/* Whether `core set debug 1`, or the same for this module alone, is in force. */
int synch_debug(void);

/* A copy that Asterisk may free, as it does with completions and answers of its CLI. */
char *synch_strdup(const char *text);

/* One more reference given back. NULL is nothing. */
void synch_unref(void *object);

/* An option in front of a list of options. Without memory, the list without it. */
struct ast_variable *synch_variable(const char *key, const char *value, struct ast_variable *next);

/*
 * The next channel of an iterator: 1 and its name, 0 at the end. The name is empty of one that waits in a holding bridge,
 * as a parked call does. It waits for no lock of a channel or a bridge: one that somebody holds counts as it is named.
 */
struct ast_channel_iterator;
int synch_next_channel(struct ast_channel_iterator *iterator, char *name, size_t size);

/* What ast_config_load2() came to: its special pointers as numbers. */
enum synch_config_state {
	SYNCH_CONFIG_LOADED,
	SYNCH_CONFIG_MISSING,
	SYNCH_CONFIG_INVALID,
};
enum synch_config_state synch_config_state(const struct ast_config *config);

#endif
