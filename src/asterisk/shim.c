/*
 * The part of res_synch that has to be C: see include/shim.h.
 */
#include <asterisk.h>

#include <asterisk/astobj2.h>
#include <asterisk/bridge.h>
#include <asterisk/bridge_technology.h>
#include <asterisk/channel.h>
#include <asterisk/config.h>
#include <asterisk/logger.h>
#include <asterisk/module.h>
#include <asterisk/options.h>
#include <asterisk/sorcery.h>
#include <asterisk/utils.h>

#include "shim.h"

int synch_fully_booted(void)
{
	return ast_fully_booted ? 1 : 0;
}

int synch_debug(void)
{
	return DEBUG_ATLEAST(1) ? 1 : 0;
}

char *synch_strdup(const char *text)
{
	return ast_strdup(text);
}

void synch_unref(void *object)
{
	ao2_cleanup(object);
}

struct ast_variable *synch_variable(const char *key, const char *value, struct ast_variable *next)
{
	struct ast_variable *variable = ast_variable_new(key, value, "res_synch");

	if (!variable) {
		return next;
	}
	variable->next = next;
	return variable;
}

/* Whether a channel waits in a holding bridge, such as a parking lot. */
static int is_held(struct ast_channel *channel)
{
	struct ast_bridge *bridge;
	int held = 0;

	if (ast_channel_trylock(channel)) {
		return 0;
	}
	bridge = ast_channel_get_bridge(channel);
	/* Bridges are locked before channels. */
	ast_channel_unlock(channel);
	if (!bridge) {
		return 0;
	}
	if (!ao2_trylock(bridge)) {
		held = bridge->technology && (bridge->technology->capabilities & AST_BRIDGE_CAPABILITY_HOLDING);
		ao2_unlock(bridge);
	}
	ao2_ref(bridge, -1);
	return held;
}

int synch_next_channel(struct ast_channel_iterator *iterator, char *name, size_t size, char *linked, size_t linked_size)
{
	struct ast_channel *channel = ast_channel_iterator_next(iterator);

	name[0] = '\0';
	if (linked) {
		linked[0] = '\0';
	}
	if (!channel) {
		return 0;
	}
	if (linked && !ast_channel_trylock(channel)) {
		ast_copy_string(linked, ast_channel_linkedid(channel), linked_size);
		ast_channel_unlock(channel);
	}
	if (linked || !is_held(channel)) {
		/* As everywhere in Asterisk's own CLI, read without a lock: it is replaced in place by a masquerade only. */
		ast_copy_string(name, ast_channel_name(channel), size);
	}
	ast_channel_unref(channel);
	return 1;
}

enum synch_config_state synch_config_state(const struct ast_config *config)
{
	if (config == CONFIG_STATUS_FILEMISSING) {
		return SYNCH_CONFIG_MISSING;
	}
	if (!config || config == CONFIG_STATUS_FILEINVALID) {
		return SYNCH_CONFIG_INVALID;
	}
	return SYNCH_CONFIG_LOADED;
}

int synch_find(const struct ast_sorcery *sorcery, const char *kind, const char *key, const char *value, void *found)
{
	struct ast_variable *wanted;
	struct ao2_container *objects;
	struct ao2_iterator each;
	void *object;

	/* Without a condition, or with an empty one, all that there is would be asked for. */
	if (ast_strlen_zero(key) || ast_strlen_zero(value)) {
		return -1;
	}
	wanted = ast_variable_new(key, value, "res_synch");
	if (!wanted) {
		return -1;
	}
	objects = ast_sorcery_retrieve_by_fields(sorcery, kind, AST_RETRIEVE_FLAG_MULTIPLE, wanted);
	ast_variables_destroy(wanted);
	if (!objects) {
		return -1;
	}
	each = ao2_iterator_init(objects, 0);
	for (; (object = ao2_iterator_next(&each)); ao2_ref(object, -1)) {
		synch_found(found, object);
	}
	ao2_iterator_destroy(&each);
	ao2_ref(objects, -1);
	return 0;
}

static int load_module(void)
{
	return synch_load() ? AST_MODULE_LOAD_DECLINE : AST_MODULE_LOAD_SUCCESS;
}

static int reload_module(void)
{
	return synch_reload();
}

static int unload_module(void)
{
	return synch_unload();
}

/*
 * No `requires` and no `optional_modules`: Asterisk gives references it takes for them back in the library's
 * destructor, which never runs in an image that stays mapped (-z nodelete).
 */
AST_MODULE_INFO(ASTERISK_GPL_KEY, AST_MODFLAG_LOAD_ORDER, "Survivable branch: sync, DNS and failover",
	.support_level = AST_MODULE_SUPPORT_EXTENDED,
	.load = load_module,
	.unload = unload_module,
	.reload = reload_module,
	/* Behind res_prometheus, which is looked for at the load and not later (src/asterisk/prometheus.rs). */
	.load_pri = AST_MODPRI_DEFAULT + 1,
);

struct ast_module *synch_module(void)
{
	return AST_MODULE_SELF;
}
