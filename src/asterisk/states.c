/*
 * Asterisk's message bus, for src/asterisk/states.rs: see include/shim.h. In C because stasis_subscribe_pool() is a macro
 * from 18 on and a function in 16.
 */
#include <asterisk.h>

#include <asterisk/astobj2.h>
#include <asterisk/devicestate.h>
#include <asterisk/json.h>
#include <asterisk/manager.h>
#include <asterisk/mwi.h>
#include <asterisk/presencestate.h>
#include <asterisk/stasis.h>
#include <asterisk/strings.h>
#include <asterisk/utils.h>

#include "shim.h"

/*
 * In an Asterisk of another major, this module shall get as far as saying so. Without the symbol that this major has alone,
 * the dynamic loader would turn it away with a line that helps nobody.
 */
#ifdef stasis_subscribe_pool
#pragma weak __stasis_subscribe_pool
#else
#pragma weak stasis_subscribe_pool
#endif

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void tell_device(struct stasis_message *message, struct synch_said *said)
{
	struct ast_device_state_message *device = stasis_message_data(message);

	/* Without an entity it is the sum of all, which is nobody's to tell. */
	if (device && device->eid && device->cachable) {
		said->name = device->device;
		said->number = device->state;
		said->ours = !ast_eid_cmp(device->eid, &ast_eid_default);
	}
}

static void tell_mailbox(struct stasis_message *message, struct synch_said *said)
{
	struct ast_mwi_state *mailbox = stasis_message_data(message);

	/* To the bus all counts are its own; what they carry tells whose they are. */
	if (mailbox) {
		said->name = mailbox->uniqueid;
		said->number = mailbox->new_msgs;
		said->more = mailbox->old_msgs;
		said->ours = !ast_eid_cmp(&mailbox->eid, &ast_eid_default);
	}
}

static void tell_presence(struct stasis_message *message, struct synch_said *said)
{
	struct ast_presence_state_message *presence = stasis_message_data(message);

	if (presence) {
		said->name = presence->provider;
		said->text = ast_presence_state2str(presence->state);
		said->subtype = or_empty(presence->subtype);
		said->message = or_empty(presence->message);
		said->ours = 1;
	}
}

/* app_queue exports no types: its messages are known by the names of theirs. */
static void tell_member(struct stasis_message *message, struct synch_said *said)
{
	const char *type = stasis_message_type_name(stasis_message_type(message));
	struct ast_json_payload *payload = stasis_message_data(message);
	struct ast_json *paused;

	if (!payload || strncmp(type, "queue_member_", 13)) {
		return;
	}
	type += 13;
	if (strcmp(type, "added_type") && strcmp(type, "removed_type") && strcmp(type, "pause_type")) {
		return;
	}
	said->name = ast_json_string_get(ast_json_object_get(payload->json, "Interface"));
	said->text = or_empty(ast_json_string_get(ast_json_object_get(payload->json, "Queue")));
	said->message = or_empty(ast_json_string_get(ast_json_object_get(payload->json, "PausedReason")));
	paused = ast_json_object_get(payload->json, "Paused");
	said->ours = 1;
	if (!strcmp(type, "removed_type")) {
		said->number = 0;
	} else {
		said->number = ast_json_integer_get(paused) || ast_json_is_true(paused) ? 2 : 1;
	}
}

static void tell(enum synch_what what, void *source, struct stasis_message *message)
{
	struct synch_said said = { .what = what, .text = "", .subtype = "", .message = "" };
	struct stasis_message_type *type = stasis_message_type(message);

	if (what == SYNCH_DEVICE && type == ast_device_state_message_type()) {
		tell_device(message, &said);
	} else if (what == SYNCH_MAILBOX && type == ast_mwi_state_type()) {
		tell_mailbox(message, &said);
	} else if (what == SYNCH_PRESENCE && type == ast_presence_state_message_type()) {
		tell_presence(message, &said);
	} else if (what == SYNCH_MEMBER) {
		tell_member(message, &said);
	}
	if (said.name) {
		synch_heard(source, &said);
	}
}

static void heard_device(void *source, struct stasis_subscription *subscription, struct stasis_message *message)
{
	tell(SYNCH_DEVICE, source, message);
}

static void heard_mailbox(void *source, struct stasis_subscription *subscription, struct stasis_message *message)
{
	tell(SYNCH_MAILBOX, source, message);
}

static void heard_presence(void *source, struct stasis_subscription *subscription, struct stasis_message *message)
{
	tell(SYNCH_PRESENCE, source, message);
}

static void heard_member(void *source, struct stasis_subscription *subscription, struct stasis_message *message)
{
	tell(SYNCH_MEMBER, source, message);
}

/* The rest of a topic is kept away from us, so that it costs nothing. */
static struct stasis_subscription *only(struct stasis_subscription *subscription, struct stasis_message_type *type)
{
	if (subscription) {
		stasis_subscription_accept_message_type(subscription, type);
		stasis_subscription_set_filter(subscription, STASIS_SUBSCRIPTION_FILTER_SELECTIVE);
	}
	return subscription;
}

struct stasis_subscription *synch_watch(enum synch_what what, void *source)
{
	switch (what) {
	case SYNCH_DEVICE:
		return only(stasis_subscribe_pool(ast_device_state_topic_all(), heard_device, source),
			ast_device_state_message_type());
	case SYNCH_MAILBOX:
		return only(stasis_subscribe_pool(ast_mwi_topic_all(), heard_mailbox, source), ast_mwi_state_type());
	case SYNCH_PRESENCE:
		return only(stasis_subscribe_pool(ast_presence_state_topic_all(), heard_presence, source),
			ast_presence_state_message_type());
	case SYNCH_MEMBER:
		return stasis_subscribe_pool(ast_manager_get_topic(), heard_member, source);
	}
	return NULL;
}

void synch_unwatch(struct stasis_subscription *subscription)
{
	stasis_unsubscribe_and_join(subscription);
}

static void tell_each(enum synch_what what, void *source, struct ao2_container *messages)
{
	struct ao2_iterator each;
	struct stasis_message *message;

	if (!messages) {
		return;
	}
	each = ao2_iterator_init(messages, 0);
	while ((message = ao2_iterator_next(&each))) {
		tell(what, source, message);
		ao2_ref(message, -1);
	}
	ao2_iterator_destroy(&each);
	ao2_ref(messages, -1);
}

void synch_tell_all(enum synch_what what, void *source)
{
	switch (what) {
	case SYNCH_DEVICE:
		tell_each(what, source, stasis_cache_dump_by_eid(ast_device_state_cache(), ast_device_state_message_type(),
			&ast_eid_default));
		break;
	case SYNCH_MAILBOX:
		tell_each(what, source, stasis_cache_dump(ast_mwi_state_cache(), ast_mwi_state_type()));
		break;
	case SYNCH_PRESENCE:
		tell_each(what, source, stasis_cache_dump(ast_presence_state_cache(), ast_presence_state_message_type()));
		break;
	case SYNCH_MEMBER:
		break;
	}
}

static struct ast_eid entity(const unsigned char *eid)
{
	struct ast_eid entity;

	memcpy(entity.eid, eid, sizeof(entity.eid));
	return entity;
}

int synch_show_device(const char *device, int state, const unsigned char *eid)
{
	struct ast_eid said_by = entity(eid);

	return ast_publish_device_state_full(device, state, AST_DEVSTATE_CACHABLE, &said_by);
}

void synch_clear_device(const char *device, const unsigned char *eid)
{
	struct ast_eid said_by = entity(eid);
	struct stasis_message *known;
	struct stasis_message *clear;

	known = stasis_cache_get_by_eid(ast_device_state_cache(), ast_device_state_message_type(), device, &said_by);
	if (!known) {
		return;
	}
	clear = stasis_cache_clear_create(known);
	if (clear) {
		stasis_publish(ast_device_state_topic(device), clear);
	}
	ao2_cleanup(clear);
	ao2_ref(known, -1);
}

int synch_show_mailbox(const char *mailbox, const char *context, int fresh, int old, const unsigned char *eid)
{
	struct ast_eid said_by = entity(eid);

	return ast_publish_mwi_state_full(mailbox, context, fresh, old, NULL, &said_by);
}

int synch_forget_mailbox(const char *mailbox, const char *context, const unsigned char *eid)
{
	struct ast_eid said_by = entity(eid);

	return ast_delete_mwi_state_full(mailbox, context, &said_by);
}
