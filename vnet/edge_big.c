/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges: guests whose frames are too long for a link are told so. */
#include "hv/base/plat.h"
#include "vnet/edge_priv.h"
#include "vnet/forward_priv.h"
#include "vnet/port.h"
#include "vnet/toobig.h"

/* Answers a second by one link: a sender needs one for each of its peers. */
#define ANSWER_RATE 100u
#define ANSWER_BURST 20u

/* p was made here, straight to an interface: nobody has to look it up. */
static void hand_over(struct edge *e, struct vnet_port *to, struct pkt *p)
{
	struct vnet_port *from = &e->port;

	p->ingress = from->id;
	p->overlay = from->overlay;
	from->count.answers++;
	forward_hand(from, to, p);
}

void edge_too_big(struct vnet_port *port, const struct pkt *p)
{
	struct edge *e = edge_of(port);
	struct vnet_port *to = p->ingress ? vnet_port_slot(p->ingress) : NULL;
	struct pkt *answer;

	/* Other nodes' guests are their own nodes' matter: those know the path too. */
	if (!to || to->kind != VNET_PORT_INTERFACE || !e->setup.pool)
		return;
	if (!token_bucket_pass(&e->answers, ANSWER_RATE, ANSWER_BURST, plat_now_ns()))
		return;
	answer = pkt_get(e->setup.pool);
	if (!answer)
		return;
	if (toobig_answer(answer, p, port->mtu + LINK_ETH_HEADER))
		hand_over(e, to, answer);
	else
		pkt_put(answer);
}
