/*
 * What a main's module needs of Asterisk's manager interface beyond an action: something that is kept with a session,
 * the events of the main itself, and reports of wrong keys. See include/shim.h.
 */
#include <asterisk.h>

#include <stdint.h>

#include <asterisk/datastore.h>
#include <asterisk/manager.h>
#include <asterisk/module.h>
#include <asterisk/netsock2.h>
#include <asterisk/security_events.h>
#include <asterisk/utils.h>

#include "shim.h"

static void forget(void *visit)
{
	synch_visit_ends(visit);
}

static const struct ast_datastore_info of_a_visit = {
	.type = "res_synch",
	.destroy = forget,
};

void *synch_visit(struct mansession *session)
{
	struct ast_datastore *kept = astman_datastore_find(session, &of_a_visit, NULL);

	return kept ? kept->data : NULL;
}

int synch_visit_keep(struct mansession *session, void *visit)
{
	/* No module: a datastore that holds ours would keep it loaded as long as the session lives. The image stays mapped. */
	struct ast_datastore *kept =
		__ast_datastore_alloc(&of_a_visit, NULL, NULL, __FILE__, __LINE__, __PRETTY_FUNCTION__);

	if (!kept) {
		return -1;
	}
	kept->data = visit;
	astman_datastore_add(session, kept);
	return 0;
}

/*
 * Asterisk appends fields to its structures within a major version, and would look for them behind a smaller one of ours.
 */
static struct {
	struct manager_custom_hook hook;
	char room[128];
} listener;

static int heard(int category, const char *event, char *body)
{
	return synch_main_said(event, body);
}

void synch_main_listen(void)
{
	listener.hook.file = "res_synch";
	listener.hook.helper = heard;
	ast_manager_register_hook(&listener.hook);
}

void synch_main_listen_no_more(void)
{
	ast_manager_unregister_hook(&listener.hook);
}

int synch_at_exit(void)
{
	return ast_register_atexit(synch_exits);
}

void synch_not_at_exit(void)
{
	ast_unregister_atexit(synch_exits);
}

void synch_session_id(const struct mansession *session, char *id, size_t size)
{
	/*
	 * Its first word is the address that Asterisk's own security events call SessionID (16 to 23). It is shown and compared,
	 * never followed.
	 */
	snprintf(id, size, "%p", *(void *const *) session);
}

void synch_report_key(const struct mansession *session, const char *account, const char *nonce, const char *remote)
{
	char id[32];
	struct ast_sockaddr here = { { 0, } };
	struct ast_sockaddr there = { { 0, } };
	struct ast_security_event_inval_password event = {
		.common = {
			.event_type = AST_SECURITY_EVENT_INVAL_PASSWORD,
			.version = AST_SECURITY_EVENT_INVAL_PASSWORD_VERSION,
			.service = "AMI",
			.module = "res_synch",
			.account_id = account,
			.session_id = id,
			.local_addr = { .addr = &here, .transport = AST_TRANSPORT_TCP },
			.remote_addr = { .addr = &there, .transport = AST_TRANSPORT_TCP },
		},
		.challenge = nonce,
		.received_challenge = nonce,
		.received_hash = "",
	};

	synch_session_id(session, id, sizeof(id));
	ast_sockaddr_parse(&here, "0.0.0.0:0", 0);
	if (!ast_sockaddr_parse(&there, remote, 0)) {
		ast_sockaddr_parse(&there, "0.0.0.0:0", 0);
	}
	ast_security_event_report(AST_SEC_EVT(&event));
}
