/* SPDX-License-Identifier: BSD-2-Clause */
/* `link add` in the control language, see link_lang.h. */
#include "vnet/link_lang.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"
#include "vnet/overlay.h"

/* Indices of the choices in lang_schema.c. */
#define SPORT_HASH 0
#define SPORT_FIXED 1
#define ECN_OFF 1

/* Keys that are no matter of the kind. */
static bool is_general(const char *word)
{
	static const char *const general[] = { "kind", "uplink", "overlay", "mtu",
						      "state" };

	for (u32 i = 0; i < ARRAY_SIZE(general); i++) {
		if (strcmp(general[i], word) == 0)
			return true;
	}
	return false;
}

static err_t check_keys(const struct lang_stmt *stmt, const struct link_kind *kind,
			const char **key, char *why, size_t size)
{
	size_t len = 0;

	for (u32 i = 0; stmt->cmd->keys[i].word; i++) {
		*key = stmt->cmd->keys[i].word;
		if (!stmt->value[i].set || is_general(*key) || link_has_key(kind, *key))
			continue;
		fmt_append(why, size, &len, "a %s link has no \"%s\"; expected:", kind->name, *key);
		for (const char *const *k = kind->keys; *k; k++)
			fmt_append(why, size, &len, " %s,", *k);
		fmt_append(why, size, &len, " uplink, mtu, state");
		return ERR_INVAL;
	}
	return ERR_OK;
}

static const struct link_kind *read_kind(const struct lang_stmt *stmt, char *why, size_t size)
{
	const struct lang_value *header = lang_get(stmt, "header");
	const char *name = lang_get(stmt, "kind")->text;
	const struct link_kind *kind =
		header ? link_find_header(name, header->text) : link_find(name);

	if (!kind)
		kind = link_find(name); /* which has no such key: said later */
	if (!kind)
		fmt_snprintf(why, size, "this node has no %s links (vnetpd has); expected: udp, "
			     "vxlan, geneve, direct", name);
	return kind;
}

static u64 num(const struct lang_stmt *stmt, const char *key, u64 otherwise)
{
	const struct lang_value *v = lang_get(stmt, key);

	return v ? v->num : otherwise;
}

/* Which peer. */
static err_t read_remote(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
			 char *why, size_t size)
{
	const struct lang_value *remote = lang_get(stmt, "remote");

	if (out->link->flags & LINK_IS_LAN)
		return ERR_OK;
	*key = remote ? "remote" : NULL;
	out->remote_ip = remote ? remote->ip : 0;
	out->remote_port = out->local_port;
	if (remote && (remote->word ? out->id.tag != 0 : ip4_is_unicast(remote->ip)))
		return ERR_OK;
	if (!remote)
		fmt_snprintf(why, size, "a %s link needs \"remote\" (the peer's address)",
			     out->link->name);
	else if (!remote->word)
		fmt_snprintf(why, size, "that is no single machine's address");
	else if (out->link->flags & LINK_HAS_TAG)
		fmt_snprintf(why, size, "a peer anywhere is known by its tag; add \"tag\"");
	else
		fmt_snprintf(why, size, "a peer anywhere is known by its tag, and a %s link has "
			     "none; geneve has", out->link->name);
	return ERR_INVAL;
}

/* The overlay's number is the link's VNI too, where the link does not say another. */
static err_t read_overlay(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
			  char *why, size_t size)
{
	const struct lang_value *name = lang_get(stmt, "overlay");
	const struct overlay *o = name ? overlay_find(name->text) : NULL;

	if (!name)
		return ERR_OK;
	if (!o) {
		*key = "overlay";
		fmt_snprintf(why, size, "there is no overlay \"%s\"", name->text);
		return ERR_NOENT;
	}
	out->overlay = o->id;
	if ((out->link->flags & LINK_HAS_VNI) && !lang_get(stmt, "vni"))
		out->id.vni = o->id;
	return ERR_OK;
}

/* What Linux can call a network device. */
static err_t read_device(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
			 char *why, size_t size)
{
	const struct lang_value *device = lang_get(stmt, "device");

	if (!device)
		return ERR_OK;
	if (strlen(device->text) < sizeof(out->device)) {
		fmt_snprintf(out->device, sizeof(out->device), "%s", device->text);
		return ERR_OK;
	}
	*key = "device";
	fmt_snprintf(why, size, "a device's name has at most %u characters", EDGE_DEVICE_MAX - 1);
	return ERR_RANGE;
}

static void read_outer(const struct lang_stmt *stmt, struct edge_setup *out)
{
	const struct lang_value *dscp = lang_get(stmt, "dscp"), *ecn = lang_get(stmt, "ecn");

	/* A tag is for a peer that does not know our address: behind a NAT one port is ours. */
	out->sport_fixed = num(stmt, "sport", out->id.tag ? SPORT_FIXED : SPORT_HASH) ==
			   SPORT_FIXED;
	out->fragment = num(stmt, "fragment", 1) && (out->link->flags & LINK_MAY_FRAGMENT);
	out->checksum = num(stmt, "checksum", 0);
	out->ttl = (u8)num(stmt, "ttl", 0);
	if (dscp)
		out->dscp = (u8)(dscp->word ? EDGE_DSCP_COPY : dscp->num);
	if (ecn)
		out->ecn = ecn->num == ECN_OFF ? EDGE_ECN_OFF : EDGE_ECN_COPY;
	out->mtu = (u32)num(stmt, "mtu", 0);
	out->net = (u8)num(stmt, "uplink", 0);
	out->net_told = lang_get(stmt, "uplink") != NULL;
}

err_t link_lang_read(const struct lang_stmt *stmt, struct edge_setup *out, const char **key,
		     char *why, size_t size)
{
	const struct link_kind *kind = read_kind(stmt, why, size);
	err_t err;

	*key = "kind";
	if (!kind)
		return ERR_NOTSUP;
	err = check_keys(stmt, kind, key, why, size);
	if (err != ERR_OK)
		return err;
	*out = (struct edge_setup){
		.name = stmt->name,
		.link = kind,
		.local_port = (u16)num(stmt, "port", kind->default_port),
		.no_keepalive = !num(stmt, "keepalive", 1),
		.id = {
			.vni = (u32)num(stmt, "vni", 0),
			.tag = (u32)num(stmt, "tag", 0),
		},
	};
	err = read_overlay(stmt, out, key, why, size);
	if (err == ERR_OK)
		err = read_device(stmt, out, key, why, size);
	if (err != ERR_OK)
		return err;
	read_outer(stmt, out);
	return read_remote(stmt, out, key, why, size);
}

/* --- back ------------------------------------------------------------------- */

static void write_id(const struct edge_setup *s, char *buf, size_t *len)
{
	if (s->link->flags & LINK_HAS_VNI)
		fmt_append(buf, LINK_LANG_MAX, len, " vni %u", s->id.vni);
	if (s->id.tag)
		fmt_append(buf, LINK_LANG_MAX, len, " tag %u", s->id.tag);
	if (s->no_keepalive)
		fmt_append(buf, LINK_LANG_MAX, len, " keepalive off");
}

static void write_outer(const struct edge_setup *s, char *buf, size_t *len)
{
	if (s->sport_fixed != (s->id.tag != 0))
		fmt_append(buf, LINK_LANG_MAX, len, " sport %s",
			   s->sport_fixed ? "fixed" : "hash");
	if (s->ttl)
		fmt_append(buf, LINK_LANG_MAX, len, " ttl %u", s->ttl);
	if (s->dscp == EDGE_DSCP_COPY)
		fmt_append(buf, LINK_LANG_MAX, len, " dscp copy");
	else if (s->dscp)
		fmt_append(buf, LINK_LANG_MAX, len, " dscp %u", s->dscp);
	if (s->ecn != EDGE_ECN_BY_KIND)
		fmt_append(buf, LINK_LANG_MAX, len, " ecn %s",
			   s->ecn == EDGE_ECN_OFF ? "off" : "copy");
	if (s->checksum)
		fmt_append(buf, LINK_LANG_MAX, len, " checksum on");
	if (s->mtu)
		fmt_append(buf, LINK_LANG_MAX, len, " mtu %u", s->mtu);
	if (!s->fragment && (s->link->flags & LINK_MAY_FRAGMENT))
		fmt_append(buf, LINK_LANG_MAX, len, " fragment off");
}

const char *link_lang_write(const struct edge *e, char *buf)
{
	const struct edge_setup *s = &e->setup;
	char ip[FMT_IP4_LEN];
	size_t len = 0;

	fmt_append(buf, LINK_LANG_MAX, &len, "link add %s %s", e->port.name, s->link->name);
	if (!(s->link->flags & LINK_IS_LAN))
		fmt_append(buf, LINK_LANG_MAX, &len, " remote %s port %u",
			   s->remote_ip ? fmt_ip4(ip, s->remote_ip) : "any", s->local_port);
	if (s->device[0])
		fmt_append(buf, LINK_LANG_MAX, &len, " device %s", s->device);
	if (s->net_told)
		fmt_append(buf, LINK_LANG_MAX, &len, " uplink %u", s->net);
	if (s->link != link_find(s->link->name))
		fmt_append(buf, LINK_LANG_MAX, &len, " header %s", s->link->header);
	write_id(s, buf, &len);
	write_outer(s, buf, &len);
	if (s->overlay && overlay_by_id(s->overlay))
		fmt_append(buf, LINK_LANG_MAX, &len, " overlay %s",
			   overlay_by_id(s->overlay)->name);
	if (!e->port.up)
		fmt_append(buf, LINK_LANG_MAX, &len, " state down");
	return buf;
}
