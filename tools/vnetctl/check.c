/* SPDX-License-Identifier: BSD-2-Clause */
/* Cross-checks of a configuration, see check.h. */
#include "tools/vnetctl/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/fmt.h"
#include "tools/vnetctl/check_vm.h"
#include "tools/vnetctl/names.h"
#include "vnet/dispatch_lang.h"
#include "vnet/link_lang.h"
#include "vnet/overlay_lang.h"
#include "vnet/overlay_mesh.h"

/* The highest numbers that nodes know (hv/). */
#define CORE_MAX 15u
#define DISPATCHER_MAX 7u
#define UPLINK_MAX (EDGE_NETS_MAX - 1)

enum kind { KIND_NONE, KIND_INTERFACE, KIND_LINK, KIND_VM, KIND_MAC, KIND_UPLINK, KIND_DISPATCHER,
	    KIND_CORE, KIND_GUESTS_CORE, KIND_DISK, KIND_SAID };

static const char *const kind_name[] = {
	[KIND_INTERFACE] = "interface", [KIND_LINK] = "link", [KIND_VM] = "vm",
	[KIND_DISK] = "disk",
	[KIND_MAC] = "MAC", [KIND_UPLINK] = "uplink", [KIND_DISPATCHER] = "dispatcher",
};

/* What one node has so far. Interfaces and links share their names. */
struct check {
	struct names ports, vms, disks, macs, uplinks, dispatchers;
	struct names cores; /* of the dispatchers, and those that guests name */
	struct names peers; /* addresses of links' other ends: VNET/P names edges so */
	const struct lang_source *src;
	const struct lang_stmt *s;
	u32 vm_count;
	struct names *said; /* messages: what is wrong for every node is said once */
	u32 errors;
};

static void say(struct check *k, const char *message)
{
	if (!names_add(k->said, message, KIND_SAID))
		return;
	complain("%s", message);
	k->errors++;
}

static PRINTF(3, 4) void bad(struct check *k, const char *key, const char *f, ...)
{
	const struct lang_value *v = key ? lang_get(k->s, key) : NULL;
	char text[LANG_MESSAGE_MAX], message[LANG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, f);
	vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	lang_error(k->src, v ? v->column : k->s->name_column, message, "%s", text);
	say(k, message);
}

/* --- names --------------------------------------------------------------------------- */

static void add_name(struct check *k, struct names *set, enum kind kind)
{
	u32 there = names_find(set, k->s->name);

	if (there)
		bad(k, NULL, "%s \"%s\" is there already", kind_name[there], k->s->name);
	else
		names_add(set, k->s->name, kind);
}

static void need_name(struct check *k, struct names *set, enum kind kind, bool goes)
{
	if (names_find(set, k->s->name) != kind)
		bad(k, NULL, "there is no %s \"%s\"", kind_name[kind], k->s->name);
	else if (goes)
		names_remove(set, k->s->name);
}

static bool by_address(const struct check *k, const struct lang_value *v, enum kind kind)
{
	char mac[FMT_MAC_LEN];

	if (kind == KIND_LINK)
		return names_find(&k->peers, v->text);
	return strchr(v->text, ':') && names_find(&k->macs, fmt_mac(mac, v->mac));
}

static void need_port(struct check *k, const char *key)
{
	const struct lang_value *v = lang_get(k->s, key);
	enum kind kind;

	if (!v || v->num < LANG_FROM_INTERFACE)
		return;
	kind = v->num == LANG_FROM_EDGE ? KIND_LINK : KIND_INTERFACE;
	if (!names_find(&k->ports, v->text) && by_address(k, v, kind))
		return;
	if (names_find(&k->ports, v->text) != kind)
		bad(k, key, "there is no %s \"%s\"", kind_name[kind], v->text);
}

/* --- objects -------------------------------------------------------------------------- */

static void overlay_there(struct check *k)
{
	if (!overlay_find(k->s->name))
		bad(k, NULL, "there is no overlay \"%s\"", k->s->name);
}

static void add_overlay(struct check *k)
{
	struct overlay_line line;
	err_t err;

	overlay_lang_read(k->s, &overlay_defaults, &line);
	err = overlay_add(k->s->name, line.id, &line.setup);
	if (err == ERR_EXIST)
		bad(k, NULL, "an overlay with this name or VNI (%u) is there", line.id);
	else if (err)
		bad(k, NULL, "%s", err_str(err));
}

static void add_link(struct check *k)
{
	struct edge_setup setup;
	char why[200] = "", peer[FMT_IP4_LEN];
	const char *key = NULL;
	char uplink[2];

	if (link_lang_read(k->s, &setup, &key, why, sizeof(why))) {
		bad(k, key, "%s", why);
		setup = (struct edge_setup){ 0 };
	}
	snprintf(uplink, sizeof(uplink), "%u", setup.net);
	if (setup.net_told && !names_find(&k->uplinks, uplink))
		bad(k, "uplink", "uplink %s is not in use; add it first", uplink);
	if (setup.remote_ip)
		names_add(&k->peers, fmt_ip4(peer, setup.remote_ip), KIND_LINK);
	add_name(k, &k->ports, KIND_LINK);
}

/* "VM.NAME" */
static void need_vm_of_name(struct check *k)
{
	const char *dot = strchr(k->s->name, '.');
	char vm[LANG_NAME_MAX];

	snprintf(vm, sizeof(vm), "%.*s", dot ? (int)(dot - k->s->name) : 0, k->s->name);
	if (!dot || !dot[1] || !names_find(&k->vms, vm))
		bad(k, NULL, "\"%s\" is not VM.NAME with a vm that there is", k->s->name);
}

/* Against the defaults: what an earlier statement said of the other threshold is not known. */
static void check_modes(struct check *k)
{
	struct dispatch_settings defaults, set;
	const char *key = NULL;
	char why[160];

	dispatch_defaults(&defaults);
	if (k->s->cmd->id == LANG_INTERFACE_SET &&
	    !(lang_get(k->s, "alpha-l") && lang_get(k->s, "alpha-u")))
		return;
	if (dispatch_lang_read(k->s, &defaults, &set, &key, why, sizeof(why)))
		bad(k, key, "%s", why);
}

static void add_interface(struct check *k)
{
	const struct lang_value *mac = lang_get(k->s, "mac"), *overlay = lang_get(k->s, "overlay");
	char text[FMT_MAC_LEN];

	/* With vnetpd any name: whoever has a VM is a Caisson node. */
	if (k->vm_count)
		need_vm_of_name(k);
	if (overlay && !overlay_find(overlay->text))
		bad(k, "overlay", "there is no overlay \"%s\"", overlay->text);
	if (mac->mac[0] & 1)
		bad(k, "mac", "a group address cannot be a NIC's own");
	else if (!names_add(&k->macs, fmt_mac(text, mac->mac), KIND_MAC))
		bad(k, "mac", "another interface of this node has this address");
	check_modes(k);
	add_name(k, &k->ports, KIND_INTERFACE);
}

/* Whether the module and the memory are there only the node knows. */
static void add_disk(struct check *k)
{
	char why[160];
	const char *key = check_disk(k->s, why, sizeof(why));

	need_vm_of_name(k);
	if (key)
		bad(k, key, "%s", why);
	add_name(k, &k->disks, KIND_DISK);
}

/* Whether the core is there, and a guest's, only the node knows. */
static void add_dispatcher(struct check *k)
{
	const struct lang_value *said = lang_get(k->s, "core");
	char core[12];

	add_name(k, &k->dispatchers, KIND_DISPATCHER);
	if (!said)
		return;
	snprintf(core, sizeof(core), "%u", (u32)said->num);
	if (names_find(&k->cores, core) == KIND_GUESTS_CORE)
		bad(k, "core", "core %s runs a guest; a dispatcher has a core of its own", core);
	else if (!names_add(&k->cores, core, KIND_CORE))
		bad(k, "core", "core %s is a dispatcher's already", core);
}

/* Whether its cores and modules are there, and its memory, only the node knows. */
static void add_vm(struct check *k)
{
	u32 cores[CHECK_VM_CORES], n = check_vm_cores(k->s, cores);
	char why[160], core[12];
	const char *key = check_vm(k->s, why, sizeof(why));

	if (key)
		bad(k, key, "%s", why);
	for (u32 i = 0; i < n; i++) {
		snprintf(core, sizeof(core), "%u", cores[i]);
		if (names_find(&k->cores, core) == KIND_CORE)
			bad(k, lang_get(k->s, "cores") ? "cores" : "core",
			    "core %s is a dispatcher's", core);
		else
			names_add(&k->cores, core, KIND_GUESTS_CORE);
	}
	add_name(k, &k->vms, KIND_VM);
	k->vm_count++;
}

/* Uplinks, dispatchers and cores are known by their numbers. */
static void need_number(struct check *k, const char *what, u64 most)
{
	char *end;
	unsigned long long n = strtoull(k->s->name, &end, 10);

	if (*end || k->s->name[0] < '0' || k->s->name[0] > '9' || n > most)
		bad(k, NULL, "%s is a number: 0 to %llu", what, (unsigned long long)most);
}

static bool any_uplink(const struct check *k)
{
	for (char name[2] = "0"; name[0] <= '0' + (int)UPLINK_MAX; name[0]++)
		if (names_find(&k->uplinks, name))
			return true;
	return false;
}

static void listen_once(struct check *k)
{
	if (!any_uplink(k))
		bad(k, NULL, "no uplink is in use; add one first");
	if (!names_add(&k->uplinks, "control", KIND_SAID))
		bad(k, NULL, "it listens already");
}

static void add_route(struct check *k)
{
	if (lang_get(k->s, "src")->num == LANG_MATCH_NONE)
		bad(k, "src", "\"none\" is no source");
	need_port(k, "to");
	need_port(k, "backup");
	need_port(k, "from");
}

static void one(void *ctx, const struct lang_source *src, const struct lang_stmt *s)
{
	struct check *k = ctx;

	k->src = src;
	k->s = s;
	switch (s->cmd->id) {
	case LANG_OVERLAY_ADD:
		add_overlay(k);
		break;
	case LANG_OVERLAY_DEL:
	case LANG_OVERLAY_SET:
		overlay_there(k);
		break;
	case LANG_UPLINK_ADD:
		need_number(k, "an uplink", UPLINK_MAX);
		add_name(k, &k->uplinks, KIND_UPLINK);
		break;
	case LANG_UPLINK_SET:
	case LANG_UPLINK_DEL:
		need_name(k, &k->uplinks, KIND_UPLINK, s->cmd->id == LANG_UPLINK_DEL);
		break;
	case LANG_LINK_ADD:
		add_link(k);
		break;
	case LANG_LINK_SET:
	case LANG_LINK_DEL:
		need_name(k, &k->ports, KIND_LINK, s->cmd->id == LANG_LINK_DEL);
		break;
	case LANG_VM_ADD:
		add_vm(k);
		break;
	case LANG_CORE_SET:
		need_number(k, "a core", CORE_MAX);
		break;
	case LANG_CONTROL_LISTEN:
		listen_once(k);
		break;
	case LANG_CONTROL_CLOSE:
		names_remove(&k->uplinks, "control");
		break;
	case LANG_VM_START:
	case LANG_VM_STOP:
	case LANG_VM_RESET:
	case LANG_VM_DEL:
		need_name(k, &k->vms, KIND_VM, s->cmd->id == LANG_VM_DEL);
		break;
	case LANG_INTERFACE_ADD:
		add_interface(k);
		break;
	case LANG_DISK_ADD:
		add_disk(k);
		break;
	case LANG_DISK_DEL:
		need_name(k, &k->disks, KIND_DISK, true);
		break;
	case LANG_DISPATCHER_ADD:
		need_number(k, "a dispatcher", DISPATCHER_MAX);
		add_dispatcher(k);
		break;
	case LANG_DISPATCHER_SET:
	case LANG_DISPATCHER_DEL:
		need_name(k, &k->dispatchers, KIND_DISPATCHER,
			  s->cmd->id == LANG_DISPATCHER_DEL);
		break;
	case LANG_INTERFACE_SET:
		check_modes(k);
		/* fallthrough */
	case LANG_INTERFACE_DEL:
		need_name(k, &k->ports, KIND_INTERFACE, s->cmd->id == LANG_INTERFACE_DEL);
		break;
	case LANG_ROUTE_ADD:
		add_route(k);
		break;
	default:
		break;
	}
}

/* --- nodes ---------------------------------------------------------------------------- */

static void mesh_line(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void mesh_error(void *ctx, const char *message)
{
	say(ctx, message);
}

static void forget_node(struct check *k)
{
	names_clear(&k->ports);
	names_clear(&k->vms);
	names_clear(&k->macs);
	names_clear(&k->uplinks);
	names_clear(&k->disks);
	names_clear(&k->dispatchers);
	names_clear(&k->cores);
	names_clear(&k->peers);
	k->vm_count = 0;
}

static void check_node(struct check *k, const struct conf *c, u32 node, const struct mesh *m)
{
	const struct mesh_sink sink = { .line = mesh_line, .error = mesh_error, .ctx = k };

	if (overlay_init(0)) {
		say(k, "vnetctl: no memory");
		return;
	}
	conf_each(c, node, one, k);
	if (m && node != CONF_EVERY)
		mesh_expand(m, c->node[node].name, &sink);
	overlay_fini();
	forget_node(k);
}

static bool has_mesh(const struct conf *c)
{
	for (u32 i = 0; i < c->lines; i++)
		if (memmem(c->line[i].text, c->line[i].len, "mesh", strlen("mesh")))
			return true;
	return false;
}

u32 check_conf(const struct conf *c)
{
	static struct check k;
	static struct names said;
	char message[LANG_MESSAGE_MAX];
	struct mesh *m = NULL;

	k.said = &said;
	k.errors = 0;
	if (has_mesh(c)) {
		m = mesh_read(c->file, c->text, c->len, message);
		if (!m)
			say(&k, message);
	}
	if (!c->nodes)
		check_node(&k, c, CONF_EVERY, m);
	for (u32 i = 0; i < c->nodes; i++)
		check_node(&k, c, i, m);
	mesh_free(m);
	names_clear(&said);
	return k.errors;
}
