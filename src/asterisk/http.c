/*
 * The part of our HTTP pages that has to be C: see include/shim.h.
 */
#include <asterisk.h>

#include <asterisk/http.h>
#include <asterisk/netsock2.h>
#include <asterisk/strings.h>
#include <asterisk/tcptls.h>
#include <asterisk/utils.h>

#include "shim.h"

static int asked(struct ast_tcptls_session_instance *session, const struct ast_http_uri *uri, const char *path,
	enum ast_http_method method, struct ast_variable *parameters, struct ast_variable *headers)
{
	switch (method) {
	case AST_HTTP_GET:
		return synch_asked(session, path, SYNCH_GET, headers);
	case AST_HTTP_HEAD:
		return synch_asked(session, path, SYNCH_HEAD, headers);
	default:
		return synch_asked(session, path, SYNCH_OTHER, headers);
	}
}

/* Asterisk keeps a pointer to it; the room is for fields of newer minors (src/asterisk/roomy.rs). */
static struct {
	struct ast_http_uri uri;
	void *room[32];
} page = {
	.uri = {
		.description = "synch: status and metrics",
		.uri = "synch",
		/* Never NULL: ast_http_uri_unlink_all_with_key() of other modules compares it with theirs. */
		.key = "res_synch",
		.callback = asked,
		.has_subtree = 1,
	},
};

int synch_http_link(void)
{
	return ast_http_uri_link(&page.uri);
}

void synch_http_unlink(void)
{
	ast_http_uri_unlink(&page.uri);
}

void synch_http_client(struct ast_tcptls_session_instance *session, char *address, size_t size)
{
	ast_copy_string(address, ast_sockaddr_stringify_addr(&session->remote_address), size);
}

int synch_http_send(struct ast_tcptls_session_instance *session, enum synch_method method, int code, const char *title,
	const char *headers, const char *body)
{
	struct ast_str *head = ast_str_create(strlen(headers) + 1);
	struct ast_str *out = ast_str_create(strlen(body) + 1);

	if (!head || !out) {
		ast_free(head);
		ast_free(out);
		return -1;
	}
	ast_str_set(&head, 0, "%s", headers);
	ast_str_set(&out, 0, "%s", body);
	/* It takes both over. 0 is no file there, whatever its documentation says. */
	ast_http_send(session, method == SYNCH_HEAD ? AST_HTTP_HEAD : AST_HTTP_GET, code, title, head, out, 0, 0);
	return 0;
}

void synch_append(struct ast_str **text, const char *more)
{
	ast_str_append(text, 0, "%s", more);
}
