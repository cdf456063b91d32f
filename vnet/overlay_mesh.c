/* SPDX-License-Identifier: BSD-2-Clause */
/* Full meshes out of a cluster file, see overlay_mesh.h. */
#include "vnet/overlay_mesh.h"

#include "hv/base/fmt.h"
#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "vnet/overlay_lang.h"

/* What stands before the first section is every node's. */
#define EVERY_NODE MESH_NODES_MAX
#define MESHES_MAX 16
#define TEXT_MAX 192

struct mesh_node {
	char name[LANG_NAME_MAX];
	u32 line;
	u32 ip; /* of its lowest uplink; 0: none, or by DHCP */
	char uplink; /* the digit of that; 0: none yet */
};

struct mesh_interface {
	char name[LANG_NAME_MAX];
	u8 mac[1 + LANG_MACS_MAX][6]; /* its own, and those of also */
	u32 macs;
	u16 node;
	u16 overlay; /* index of overlay[], or MESHES_MAX: not in a mesh */
};

struct mesh_overlay {
	char name[LANG_NAME_MAX];
	char kind[LANG_NAME_MAX];
	u32 port;
	bool on[MESH_NODES_MAX]; /* which nodes have it */
	bool everywhere;
};

struct mesh {
	const char *file;
	u32 nodes, interfaces, overlays;
	struct mesh_overlay overlay[MESHES_MAX];
	struct mesh_node node[MESH_NODES_MAX];
	struct mesh_interface *interface; /* MESH_INTERFACES_MAX */
};

/* --- reading ---------------------------------------------------------------- */

struct reader {
	struct mesh *m;
	u32 line;
	u32 node; /* whose section this is */
	const char *fault;
};

static u32 overlay_index(const struct mesh *m, const char *name)
{
	u32 i = 0;

	while (i < m->overlays && strcmp(m->overlay[i].name, name) != 0)
		i++;
	return i < m->overlays ? i : MESHES_MAX;
}

static void read_overlay(struct reader *r, const struct lang_stmt *s)
{
	struct mesh *m = r->m;
	u32 i = overlay_index(m, s->name);
	struct mesh_overlay *o = &m->overlay[i];
	struct overlay_line line;

	overlay_lang_read(s, &overlay_defaults, &line);
	if (!line.mesh)
		return;
	if (i == MESHES_MAX) {
		if (m->overlays == MESHES_MAX) {
			r->fault = "too many overlays with a mesh";
			return;
		}
		o = &m->overlay[m->overlays++];
		fmt_snprintf(o->name, sizeof(o->name), "%s", s->name);
		fmt_snprintf(o->kind, sizeof(o->kind), "%s", line.kind);
		o->port = line.port;
	}
	if (r->node == EVERY_NODE)
		o->everywhere = true;
	else
		o->on[r->node] = true;
}

static void read_node(struct reader *r, const struct lang_stmt *s)
{
	struct mesh *m = r->m;

	if (m->nodes == MESH_NODES_MAX) {
		r->fault = "too many nodes";
		return;
	}
	r->node = m->nodes++;
	fmt_snprintf(m->node[r->node].name, LANG_NAME_MAX, "%s", s->name);
	m->node[r->node].line = r->line;
}

static void read_uplink(struct mesh_node *node, const struct lang_stmt *s)
{
	if (node->uplink && node->uplink < s->name[0])
		return;
	node->uplink = s->name[0];
	node->ip = lang_get(s, "address")->ip;
}

static void read_interface(struct reader *r, const struct lang_stmt *s)
{
	const struct lang_value *overlay = lang_get(s, "overlay"), *also = lang_get(s, "also");
	struct mesh *m = r->m;
	struct mesh_interface *nic = &m->interface[m->interfaces];

	/* Nobody can say on which node it is. */
	if (r->node == EVERY_NODE)
		return;
	if (m->interfaces == MESH_INTERFACES_MAX) {
		r->fault = "too many interfaces";
		return;
	}
	m->interfaces++;
	fmt_snprintf(nic->name, sizeof(nic->name), "%s", s->name);
	nic->macs = 1 + (also ? (u32)also->num : 0);
	memcpy(nic->mac[0], lang_get(s, "mac")->mac, sizeof(nic->mac[0]));
	if (also)
		memcpy(nic->mac[1], also->macs, also->num * sizeof(nic->mac[0]));
	nic->node = (u16)r->node;
	nic->overlay = (u16)overlay_index(m, overlay ? overlay->text : OVERLAY_DEFAULT_NAME);
}

static void read_line(struct reader *r, const char *line, size_t len)
{
	static struct lang_stmt s;
	struct lang_source src = { .file = r->m->file, .line = r->line };
	char message[LANG_MESSAGE_MAX];

	if (lang_parse(&src, line, len, &s, message) != ERR_OK || !s.cmd)
		return;
	switch (s.cmd->id) {
	case LANG_NODE:
		read_node(r, &s);
		break;
	case LANG_UPLINK_ADD:
		if (r->node != EVERY_NODE)
			read_uplink(&r->m->node[r->node], &s);
		break;
	case LANG_OVERLAY_ADD:
		read_overlay(r, &s);
		break;
	case LANG_INTERFACE_ADD:
		read_interface(r, &s);
		break;
	default:
		break;
	}
}

struct mesh *mesh_read(const char *file, const char *text, size_t len, char *message)
{
	struct mesh *m = plat_alloc(sizeof(*m));
	struct reader r = { .m = m, .node = EVERY_NODE };

	if (m)
		m->interface = plat_alloc(MESH_INTERFACES_MAX * sizeof(m->interface[0]));
	if (!m || !m->interface) {
		fmt_snprintf(message, LANG_MESSAGE_MAX, "%s: no memory for its mesh", file);
		mesh_free(m);
		return NULL;
	}
	m->file = file;
	while (len && !r.fault) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		r.line++;
		read_line(&r, text, n);
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	if (r.fault) {
		fmt_snprintf(message, LANG_MESSAGE_MAX, "%s:%u: %s", file, r.line, r.fault);
		mesh_free(m);
		return NULL;
	}
	return m;
}

void mesh_free(struct mesh *m)
{
	if (!m)
		return;
	plat_free(m->interface, MESH_INTERFACES_MAX * sizeof(m->interface[0]));
	plat_free(m, sizeof(*m));
}

/* --- expanding -------------------------------------------------------------- */

struct writer {
	const struct mesh *m;
	const struct mesh_sink *sink;
	u32 self; /* index of the node */
	u32 o;	  /* ... and of the overlay */
	u32 lines;
};

static PRINTF(2, 3) void say(struct writer *w, const char *f, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	w->sink->line(w->sink->ctx, text);
	w->lines++;
}

static PRINTF(3, 4) void complain(const struct writer *w, u32 line, const char *f, ...)
{
	char text[LANG_MESSAGE_MAX];
	size_t len = 0;
	va_list ap;

	fmt_append(text, sizeof(text), &len, "%s:%u: ", w->m->file, line);
	va_start(ap, f);
	fmt_vsnprintf(text + len, sizeof(text) - len, f, ap);
	va_end(ap);
	w->sink->error(w->sink->ctx, text);
}

static bool takes_part(const struct mesh_overlay *o, u32 node)
{
	return o->everywhere || o->on[node];
}

/* Room for "OVERLAY.NODE" in a name. */
static bool name_fits(const struct mesh_overlay *o, const struct mesh_node *n)
{
	return strlen(o->name) + 1 + strlen(n->name) < LANG_NAME_MAX;
}

static void write_link(struct writer *w, const struct mesh_node *peer)
{
	const struct mesh_overlay *o = &w->m->overlay[w->o];
	char ip[FMT_IP4_LEN], port[32] = "", overlay[LANG_NAME_MAX + 16] = "";

	if (o->port)
		fmt_snprintf(port, sizeof(port), " port %u", o->port);
	if (strcmp(o->name, OVERLAY_DEFAULT_NAME) != 0)
		fmt_snprintf(overlay, sizeof(overlay), " overlay %s", o->name);
	say(w, "link add %s.%s %s remote %s%s%s", o->name, peer->name, o->kind,
	    fmt_ip4(ip, peer->ip), port, overlay);
	say(w, "route add src any dst group to edge %s.%s", o->name, peer->name);
}

/* Links, and the way multicast takes over them. */
static void write_links(struct writer *w)
{
	const struct mesh *m = w->m;
	const struct mesh_overlay *o = &m->overlay[w->o];

	for (u32 i = 0; i < m->nodes; i++) {
		const struct mesh_node *peer = &m->node[i];

		if (i == w->self || !takes_part(o, i))
			continue;
		if (!peer->ip)
			complain(w, peer->line, "node \"%s\" has no fixed address, and overlay "
				 "\"%s\" is a mesh", peer->name, o->name);
		else if (!name_fits(o, peer))
			complain(w, peer->line, "\"%s.%s\" is too long for a link's name",
				 o->name, peer->name);
		else
			write_link(w, peer);
	}
}

static void write_remote(struct writer *w, const struct mesh_interface *nic)
{
	const struct mesh_node *peer = &w->m->node[nic->node];
	const struct mesh_overlay *o = &w->m->overlay[w->o];
	char mac[FMT_MAC_LEN];

	if (!peer->ip || !name_fits(o, peer) || !takes_part(o, nic->node))
		return;
	for (u32 i = 0; i < nic->macs; i++)
		say(w, "route add src any dst %s to edge %s.%s", fmt_mac(mac, nic->mac[i]),
		    o->name, peer->name);
}

static void write_way_to(struct writer *w, const struct mesh_interface *nic, const char *from)
{
	char mac[FMT_MAC_LEN];

	for (u32 i = 0; i < nic->macs; i++)
		say(w, "route add src any dst %s to interface %s%s", fmt_mac(mac, nic->mac[i]),
		    nic->name, from);
	say(w, "route add src any dst group to interface %s%s", nic->name, from);
}

static void write_local(struct writer *w, const struct mesh_interface *nic, bool alone)
{
	write_way_to(w, nic, " from edges");
	if (!alone)
		write_way_to(w, nic, "");
}

static void write_routes(struct writer *w)
{
	const struct mesh *m = w->m;
	u32 local = 0;

	for (u32 i = 0; i < m->interfaces; i++)
		local += m->interface[i].overlay == w->o && m->interface[i].node == w->self;
	for (u32 i = 0; i < m->interfaces; i++) {
		const struct mesh_interface *nic = &m->interface[i];

		if (nic->overlay != w->o)
			continue;
		if (nic->node == w->self)
			write_local(w, nic, local == 1);
		else
			write_remote(w, nic);
	}
}

u32 mesh_expand(const struct mesh *m, const char *node, const struct mesh_sink *sink)
{
	struct writer w = { .m = m, .sink = sink };

	while (w.self < m->nodes && strcmp(m->node[w.self].name, node) != 0)
		w.self++;
	if (w.self == m->nodes)
		return 0;
	for (w.o = 0; w.o < m->overlays; w.o++) {
		if (!takes_part(&m->overlay[w.o], w.self))
			continue;
		write_links(&w);
		write_routes(&w);
	}
	return w.lines;
}

bool mesh_take_out(struct lang_stmt *overlay_add)
{
	static const char *const words[] = { "links", "kind", "port" };
	bool mesh = lang_get(overlay_add, "links") != NULL;

	for (u32 i = 0; overlay_add->cmd->keys[i].word; i++)
		for (u32 k = 0; k < ARRAY_SIZE(words); k++)
			if (!strcmp(overlay_add->cmd->keys[i].word, words[k]))
				overlay_add->value[i].set = false;
	return mesh;
}
