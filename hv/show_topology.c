/* SPDX-License-Identifier: BSD-2-Clause */
/* The topology's part of show node. */
#include "hv/ctl.h"
#include "hv/topology.h"

/* "0-3,8" of the cores that lie in the node. */
static void print_cores(const struct out *out, const struct topology *t, u32 node)
{
	const char *comma = "";

	for (u32 i = 0; i < t->cores; i++) {
		u32 last = i;

		if (t->core[i].node != node)
			continue;
		while (last + 1 < t->cores && t->core[last + 1].node == node)
			last++;
		out_printf(out, last > i ? "%s%u-%u" : "%s%u", comma, i, last);
		comma = ",";
		i = last;
	}
	if (!*comma)
		out_printf(out, "none");
}

void ctl_topology_show(const struct out *out)
{
	const struct topology *t = &topology;

	out_printf(out, "topology: %u socket%s x %u core%s x %u thread%s, %u NUMA node%s\n",
		   t->sockets, t->sockets > 1 ? "s" : "", t->cores_a_socket,
		   t->cores_a_socket > 1 ? "s" : "", t->threads_a_core,
		   t->threads_a_core > 1 ? "s" : "", t->nodes, t->nodes > 1 ? "s" : "");
	for (u32 node = 0; t->nodes > 1 && node < t->nodes; node++) {
		out_printf(out, "  NUMA node %u: cores ", node);
		print_cores(out, t, node);
		out_printf(out, ", memory %lu MiB, free %lu MiB\n", topology_memory(t, node) >> 20,
			   topology_free(t, &host_pages, node) >> 20);
	}
}

void ctl_topology_json(struct json *j)
{
	const struct topology *t = &topology;

	json_open(j, "topology", '{');
	json_num(j, "sockets", t->sockets);
	json_num(j, "cores_a_socket", t->cores_a_socket);
	json_num(j, "threads_a_core", t->threads_a_core);
	json_open(j, "cores", '[');
	for (u32 i = 0; i < t->cores; i++) {
		json_open(j, NULL, '{');
		json_num(j, "core", i);
		json_num(j, "apic_id", t->core[i].apic_id);
		json_num(j, "socket", t->core[i].socket);
		json_num(j, "core_of_socket", t->core[i].core);
		json_num(j, "thread", t->core[i].thread);
		json_num(j, "numa_node", t->core[i].node);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "numa_nodes", '[');
	for (u32 node = 0; node < t->numa->node_count; node++) {
		json_open(j, NULL, '{');
		json_num(j, "memory_bytes", topology_memory(t, node));
		json_num(j, "free_bytes", topology_free(t, &host_pages, node));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}
