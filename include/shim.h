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
 * With `linked`: the name of any, and its Linkedid, which is empty where somebody holds the channel.
 */
struct ast_channel_iterator;
int synch_next_channel(struct ast_channel_iterator *iterator, char *name, size_t size, char *linked, size_t linked_size);

/*
 * Asterisk's HTTP server, which asks on threads of its own: also while we are being unloaded, and after that, for it has
 * let go of its list by then (http.c, handle_uri).
 */
struct ast_str;
struct ast_tcptls_session_instance;

enum synch_method {
	SYNCH_GET,
	SYNCH_HEAD,
	SYNCH_OTHER, /* whatever changes something */
};

/* Offered by Rust (src/asterisk/http.rs): answers a request to /synch. 0: the connection may go on, -1: it ends. */
int synch_asked(struct ast_tcptls_session_instance *session, const char *path, enum synch_method method,
	struct ast_variable *headers);

/* Offered by the shim (src/asterisk/http.c). Links /synch; not twice: the list would become a ring. 0: it is linked. */
int synch_http_link(void);
void synch_http_unlink(void);

/* The address of whoever asks. */
void synch_http_client(struct ast_tcptls_session_instance *session, char *address, size_t size);

/* Sends an answer; to HEAD, its headers alone. -1: there is no memory for it. */
int synch_http_send(struct ast_tcptls_session_instance *session, enum synch_method method, int code, const char *title,
	const char *headers, const char *body);

/* One more text at the end of what somebody gathers. */
void synch_append(struct ast_str **text, const char *more);

/* What ast_config_load2() came to: its special pointers as numbers. */
enum synch_config_state {
	SYNCH_CONFIG_LOADED,
	SYNCH_CONFIG_MISSING,
	SYNCH_CONFIG_INVALID,
};
enum synch_config_state synch_config_state(const struct ast_config *config);

/*
 * What this Asterisk, and the sites that share their states with it, say of devices, mailboxes, presence and queues. A
 * watch calls synch_heard() on a thread of Asterisk's pool, one message at a time. `source` is whoever asked for it.
 */
enum synch_what {
	SYNCH_DEVICE,   /* name: PJSIP/1001; number: enum ast_device_state; ours: said by this Asterisk itself */
	SYNCH_MAILBOX,  /* name: 1001@default; number: new messages, more: old ones; ours: as above */
	SYNCH_PRESENCE, /* name: CustomPresence:1001; text: the state; subtype; message */
	SYNCH_MEMBER,   /* name: PJSIP/1001; text: the queue; number: 0 gone, 1 ready, 2 paused; message: why */
};

struct synch_said {
	enum synch_what what;
	const char *name;
	const char *text;
	const char *subtype;
	const char *message;
	int number;
	int more;
	int ours;
};

/* Offered by Rust (src/asterisk/states.rs). What it is given lives during the call. */
void synch_heard(void *source, const struct synch_said *said);

/* Offered by the shim (src/asterisk/states.c). */
struct stasis_subscription;

/* Watches one kind of thing from now on; NULL where Asterisk has no memory. */
struct stasis_subscription *synch_watch(enum synch_what what, void *source);

/* Watches no more, and waits until the last call to synch_heard() has returned. */
void synch_unwatch(struct stasis_subscription *subscription);

/* Tells all that Asterisk has of one kind now, and of its own: devices, mailboxes, presence. */
void synch_tell_all(enum synch_what what, void *source);

/* What the entity `eid` (six bytes) says of a device. 0: Asterisk has it. */
int synch_show_device(const char *device, int state, const unsigned char *eid);

/* That it says nothing of it any more. */
void synch_clear_device(const char *device, const unsigned char *eid);

/* The messages in a mailbox, as another system counts them, and that nobody counts them. 0: Asterisk has it. */
int synch_show_mailbox(const char *mailbox, const char *context, int fresh, int old, const unsigned char *eid);
int synch_forget_mailbox(const char *mailbox, const char *context, const unsigned char *eid);

/*
 * The main's side: sessions of branches at the manager interface.
 */
struct mansession;

/* Offered by Rust (src/asterisk/export.rs). */
void synch_visit_ends(void *visit);                            /* the session has ended */
int synch_main_said(const char *event, const char *body);      /* an event of the manager interface; never waits */
void synch_exits(void);                                        /* Asterisk ends */

/* Offered by the shim (src/asterisk/export.c). */

/* What is kept with a session; NULL where nothing is. */
void *synch_visit(struct mansession *session);

/* Keeps something with a session, until it ends. -1: there is no memory for it. */
int synch_visit_keep(struct mansession *session, void *visit);

/* Hears what the manager interface says, whether or not anybody is logged in. */
void synch_main_listen(void);
void synch_main_listen_no_more(void);

/* Is told when Asterisk ends. 0: it will be. */
int synch_at_exit(void);
void synch_not_at_exit(void);

/* Offered by Rust (src/asterisk/objects.rs): an object that was found, alive during the call. */
struct ast_sorcery;
void synch_found(void *found, void *object);

/*
 * Calls synch_found() for each object of a kind with this value of an option: whoever keeps them looks for them, so that a
 * database sends those alone. 0: it was asked, which says nothing of whether it has answered; -1: it could not be.
 */
int synch_find(const struct ast_sorcery *sorcery, const char *kind, const char *key, const char *value, void *found);

/* What security events call the session. */
void synch_session_id(const struct mansession *session, char *id, size_t size);

/* Reports a wrong key of an account, from that address. */
void synch_report_key(const struct mansession *session, const char *account, const char *nonce, const char *remote);

#endif
