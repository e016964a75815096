/*
 * The one header that bindgen reads. build.rs lists what it may take from here.
 *
 * asterisk.h wants to know which module it is included for: build.rs defines AST_MODULE and AST_MODULE_SELF_SYM
 * for bindgen and for the shim alike.
 */
#include <asterisk.h>

#include <asterisk/ast_version.h>
#include <asterisk/astdb.h>
#include <asterisk/channel.h>
#include <asterisk/cli.h>
#include <asterisk/config.h>
#include <asterisk/devicestate.h>
#include <asterisk/file.h>
#include <asterisk/hashtab.h>
#include <asterisk/http.h>
#include <asterisk/localtime.h>
#include <asterisk/logger.h>
#include <asterisk/manager.h>
#include <asterisk/module.h>
#include <asterisk/options.h>
#include <asterisk/paths.h>
#include <asterisk/pbx.h>
#include <asterisk/sorcery.h>
#include <asterisk/utils.h>

#include "shim.h"
