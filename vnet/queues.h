/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces with several queues, and queues that change hands.
 *
 * The first queue is the port that routes, learning and traces know; the
 * others are ports of their own for everything else: their cores, rings
 * between cores and counters. Which queue a frame goes to is up to its flow:
 * the one by which the other side sent that flow last (virtio 1.2 5.1.6.5.6.1),
 * else one by its hash.
 */
#ifndef VNET_QUEUES_H
#define VNET_QUEUES_H

#include "vnet/vnet.h"

/* Queues of an interface. */
#define VNET_MAX_QUEUES 8

/*
 * Boot core, after vnet_port_add(port) and before a frame moves: n (1 ..
 * VNET_MAX_QUEUES-1) further queues, with ops, core, caps, pool and ctx set by
 * the owner; the rest is taken from port. They go with it: vnet_port_del(port)
 * deletes them, ops->gone() is called once, for port. All get frames.
 * ERR_NOMEM, ERR_RANGE (n, core).
 */
err_t vnet_port_add_queues(struct vnet_port *port, struct vnet_port *const *more, u32 n);

/* Any core: how many of the queues get frames from now on, from the first. */
void vnet_port_use_queues(struct vnet_port *port, u32 n);

/* How many queues there are; the i-th, or NULL. port is the first. */
u32 vnet_port_queues(const struct vnet_port *port);
struct vnet_port *vnet_port_queue(struct vnet_port *port, u32 i);

/*
 * Any core: have `core` own this way of this queue. The owner stops, waits for
 * what has to come back to it, and the new one begins, each in its
 * xcore_drain(): nothing is lost, doubled or overtaken, no lock is taken.
 * Meanwhile vnet_poll() collects nothing from a queue whose way in moves.
 * ERR_BUSY: it is on its way already. ERR_INVAL: the port has no moved().
 * ERR_RANGE: core.
 */
err_t vnet_port_move(struct vnet_port *port, enum vnet_way way, u32 core);

/*
 * The calling core begins and ends to work on all that the NIC has for it. In between,
 * what is handed to ports that want it so (dispatch_settings.batch_end) is shown to
 * their other side at the end, not burst by burst.
 */
void vnet_batch_begin(unsigned core);
void vnet_batch_end(unsigned core);

/* Any core: is it on its way? And who has it, or had it last. */
bool vnet_port_moving(const struct vnet_port *port, enum vnet_way way);
u32 vnet_port_core(const struct vnet_port *port, enum vnet_way way);

#endif
