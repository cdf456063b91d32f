/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports: guests whose frames are too long for where they go are told so. */
#include "hv/base/plat.h"
#include "vnet/forward_priv.h"
#include "vnet/net/wire.h"
#include "vnet/port.h"
#include "vnet/toobig.h"

/* Answers a second by one port: a sender needs one for each of its peers. */
#define ANSWER_RATE 100u
#define ANSWER_BURST 20u

void vnet_port_too_big(struct vnet_port *port, const struct pkt *p)
{
	struct vnet_port *to = p->ingress ? vnet_port_slot(p->ingress) : NULL;
	struct pkt *answer;

	/* Other nodes' guests are their own nodes' matter: those know the path too. */
	if (!to || to->kind != VNET_PORT_INTERFACE || !port->pool)
		return;
	if (!token_bucket_pass(&port->told, ANSWER_RATE, ANSWER_BURST, plat_now_ns()))
		return;
	answer = pkt_get(port->pool);
	if (!answer)
		return;
	if (!toobig_answer(answer, p, port->mtu + ETH_HLEN)) {
		pkt_put(answer);
		return;
	}
	/* Straight to the interface: nobody has to look it up. */
	answer->ingress = port->face->id;
	answer->overlay = port->overlay;
	port->count.answers++;
	forward_hand(port, to, answer);
}
