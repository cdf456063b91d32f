/* SPDX-License-Identifier: BSD-2-Clause */
/* The grammar as a table: every object, verb and key there is. */
#include "vnet/lang.h"

#include "vnet/edge.h"
#include "vnet/queues.h"

#define END { .word = NULL }
#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const link_kinds[] = { "udp", "vxlan", "geneve", "direct", "tcp", NULL };
static const char *const link_plans[] = { "mesh", NULL };
static const char *const header_kinds[] = { "none", "vnetu", NULL };
static const char *const any_word[] = { "any", NULL };
static const char *const copy_word[] = { "copy", NULL };
static const char *const ecn_kinds[] = { "copy", "off", NULL };
static const char *const sport_kinds[] = { "hash", "fixed", NULL };
static const char *const core_claims[] = { "quiet", "nothing", NULL };
static const char *const crash_policies[] = { "stop", "reset", "hold", NULL };
static const char *const crash_node_policies[] = { "reboot", "hold", NULL };
static const char *const states[] = { "up", "down", NULL };
static const char *const terminals[] = { "serial", "virtio", NULL };
static const char *const modes[] = { "guest", "vmm", "adaptive", NULL };
static const char *const yields[] = { "immediate", "timed", "adaptive", NULL };

static const struct lang_key no_keys[] = { END };

static const struct lang_key caisson_keys[] = {
	{ .word = "version", .type = LANG_UINT, .required = true, .bare = true, .min = 1,
	  .max = LANG_VERSION, .help = "language version" },
	END
};

static const struct lang_key node_keys[] = {
	{ .word = "mac", .type = LANG_MAC, .help = "the node whose NIC has this address" },
	{ .word = "on-panic", .type = LANG_CHOICE, .choices = crash_node_policies,
	  .help = "what a node does that must give up" },
	END
};

static const struct lang_key cpu_feature_keys[] = {
	{ .word = "on|off", .type = LANG_BOOL, .required = true, .bare = true,
	  .help = "use it, or do without" },
	END
};

static const struct lang_key core_set_keys[] = {
	{ .word = "assert", .type = LANG_CHOICE, .choices = core_claims, .required = true,
	  .help = "count and report what a quiet core would not see" },
	END
};

static const struct lang_key uplink_add_keys[] = {
	{ .word = "address", .type = LANG_IP4_LEN_OR_DHCP, .required = true,
	  .help = "address/length, or dhcp" },
	{ .word = "gateway", .type = LANG_IP4, .help = "next hop off the subnet" },
	{ .word = "mtu", .type = LANG_UINT, .min = 576, .max = 9000,
	  .help = "bytes of IP a frame" },
	{ .word = "poll", .type = LANG_BOOL, .help = "poll the NIC instead of its interrupt" },
	{ .word = "queues", .type = LANG_UINT, .min = 1, .max = VNET_MAX_QUEUES,
	  .help = "of the NIC, a core each (1)" },
	END
};

static const struct lang_key uplink_set_keys[] = {
	{ .word = "address", .type = LANG_IP4_LEN_OR_DHCP, .help = "address/length, or dhcp" },
	{ .word = "gateway", .type = LANG_IP4, .help = "next hop off the subnet" },
	END
};

#define OVERLAY_LEARN_KEYS                                                                    \
	{ .word = "learn", .type = LANG_BOOL,                                                 \
	  .help = "learn from the links where addresses are" },                               \
	{ .word = "age", .type = LANG_TIME, .min = 1000, .max = 24 * 3600 * 1000,             \
	  .help = "how long one is remembered that is not heard (300s)" },                    \
	{ .word = "learn-limit", .type = LANG_UINT, .min = 1, .max = 65536,                   \
	  .help = "addresses learned from one link (1024)" },                                 \
	{ .word = "flood", .type = LANG_BOOL,                                                 \
	  .help = "where it learns: what is for an address that is not known goes where a "   \
		  "broadcast would (off)" },                                                  \
	{ .word = "answers", .type = LANG_BOOL,                                               \
	  .help = "answer ARP and neighbour discovery from what was heard (off)" }

static const struct lang_key overlay_add_keys[] = {
	{ .word = "vni", .type = LANG_UINT, .min = 1, .max = 0xffffff,
	  .help = "its number on the wire (made of its name)" },
	OVERLAY_LEARN_KEYS,
	{ .word = "links", .type = LANG_CHOICE, .choices = link_plans,
	  .help = "links and routes among all nodes of the file" },
	{ .word = "kind", .type = LANG_CHOICE, .choices = link_kinds,
	  .help = "wire format of these links (udp)" },
	{ .word = "port", .type = LANG_UINT, .min = 1, .max = 65535, .help = "their UDP port" },
	END
};

static const struct lang_key overlay_set_keys[] = { OVERLAY_LEARN_KEYS, END };

static const struct lang_key overlay_flush_keys[] = {
	{ .word = "edge", .type = LANG_NAME, .help = "what was learned from this link only" },
	END
};

static const struct lang_key link_add_keys[] = {
	{ .word = "kind", .type = LANG_CHOICE, .required = true, .bare = true,
	  .choices = link_kinds, .help = "wire format" },
	{ .word = "remote", .type = LANG_IP4, .choices = any_word,
	  .help = "the peer's address; any: whoever shows the tag" },
	{ .word = "device", .type = LANG_NAME,
	  .help = "direct, in vnetpd: Linux's network device on that LAN" },
	{ .word = "port", .type = LANG_UINT, .min = 1, .max = 65535,
	  .help = "UDP port here and there (udp 9000, vxlan 4789, geneve 6081)" },
	{ .word = "header", .type = LANG_CHOICE, .choices = header_kinds,
	  .help = "udp: what stands before the frame" },
	{ .word = "vni", .type = LANG_UINT, .min = 0, .max = 0xffffff,
	  .help = "the overlay's number on the wire" },
	{ .word = "tag", .type = LANG_UINT, .min = 1, .max = UINT32_MAX,
	  .help = "geneve, tcp: tells peers apart; protects nothing" },
	{ .word = "keepalive", .type = LANG_BOOL, .help = "geneve: find out whether it answers" },
	{ .word = "sport", .type = LANG_CHOICE, .choices = sport_kinds,
	  .help = "source port: by flow, or the link's port" },
	{ .word = "ttl", .type = LANG_UINT, .min = 1, .max = 255,
	  .help = "hops that a frame may make (64)" },
	{ .word = "dscp", .type = LANG_UINT, .min = 0, .max = 63, .choices = copy_word,
	  .help = "outer DS field, or the inner one's copy (0)" },
	{ .word = "ecn", .type = LANG_CHOICE, .choices = ecn_kinds,
	  .help = "outer ECN bits: the inner ones', or none" },
	{ .word = "checksum", .type = LANG_BOOL, .help = "outer UDP checksum" },
	{ .word = "uplink", .type = LANG_UINT, .min = 0, .max = EDGE_NETS_MAX - 1,
	  .help = "that it goes over (the one whose subnet has the remote, else 0)" },
	{ .word = "overlay", .type = LANG_NAME, .help = "that it belongs to (default)" },
	{ .word = "mtu", .type = LANG_UINT, .min = 576, .max = 65507,
	  .help = "largest inner frame, Ethernet header aside" },
	{ .word = "fragment", .type = LANG_BOOL, .help = "let IPv4 cut frames above the path MTU" },
	{ .word = "state", .type = LANG_CHOICE, .choices = states, .help = "up or down" },
	END
};

static const struct lang_key link_set_keys[] = {
	{ .word = "state", .type = LANG_CHOICE, .choices = states, .required = true,
	  .help = "up or down" },
	END
};

static const struct lang_key force_keys[] = {
	{ .word = "force", .type = LANG_FLAG, .help = "also delete what uses it" },
	END
};

static const struct lang_key vm_add_keys[] = {
	{ .word = "memory", .type = LANG_SIZE, .required = true, .min = 2 * MIB,
	  .max = 1024 * GIB, .help = "bytes, a multiple of 2M" },
	{ .word = "cpus", .type = LANG_UINT, .min = 1, .max = 64, .help = "virtual CPUs" },
	{ .word = "core", .type = LANG_UINT, .min = 0, .max = 63,
	  .help = "physical core of one virtual CPU" },
	{ .word = "cores", .type = LANG_UINTS, .max = 63,
	  .help = "physical cores, one for each virtual CPU in turn" },
	{ .word = "kernel", .type = LANG_STRING, .required = true,
	  .help = "module: bzImage or Multiboot ELF" },
	{ .word = "initrd", .type = LANG_STRING, .help = "module" },
	{ .word = "cmdline", .type = LANG_STRING, .help = "kernel command line" },
	{ .word = "on-crash", .type = LANG_CHOICE, .choices = crash_policies,
	  .help = "stop, reset, or hold for inspection" },
	{ .word = "rng", .type = LANG_BOOL,
	  .help = "a source of random numbers (on, where the processor is one)" },
	{ .word = "testdev", .type = LANG_BOOL, .help = "the device of the guest tests" },
	END
};

static const struct lang_key disk_add_keys[] = {
	{ .word = "module", .type = LANG_STRING, .required = true,
	  .help = "module: what is on it; all disks of it share it" },
	{ .word = "overlay", .type = LANG_SIZE, .min = 64 * KIB, .max = 1024 * GIB,
	  .help = "memory for what the guest writes, until it starts again (read-only)" },
	END
};

#define DISPATCH_KEYS                                                                         \
	{ .word = "mode", .type = LANG_CHOICE, .choices = modes,                              \
	  .help = "who starts the work on a frame: its guest, a dispatcher, or as the rate "  \
		  "has it (guest)" },                                                         \
	{ .word = "tx-mode", .type = LANG_CHOICE, .choices = modes,                           \
	  .help = "only for what the guest sends" },                                          \
	{ .word = "rx-mode", .type = LANG_CHOICE, .choices = modes,                           \
	  .help = "only for what it gets" },                                                  \
	{ .word = "alpha-l", .type = LANG_UINT, .min = 0, .max = 1000000000,                  \
	  .help = "adaptive: guest-driven below so many packets a second (1000)" },           \
	{ .word = "alpha-u", .type = LANG_UINT, .min = 0, .max = 1000000000,                  \
	  .help = "adaptive: a dispatcher's above so many packets a second (10000)" },        \
	{ .word = "omega", .type = LANG_TIME_US, .min = 1000, .max = 10000000,                \
	  .help = "over which the rate is measured (5ms)" },                                  \
	{ .word = "quota", .type = LANG_UINT, .min = 1, .max = 1024,                          \
	  .help = "frames in one turn of a dispatcher (64)" },                                \
	{ .word = "optimistic", .type = LANG_BOOL,                                            \
	  .help = "interrupt the guest when the NIC has something, before it is there" },     \
	{ .word = "batch-end", .type = LANG_BOOL,                                             \
	  .help = "interrupt it once for all that the NIC has" }

static const struct lang_key interface_add_keys[] = {
	{ .word = "mac", .type = LANG_MAC, .required = true, .help = "the guest's address" },
	{ .word = "mtu", .type = LANG_UINT, .min = 68, .max = 65000, .help = "the guest's MTU" },
	DISPATCH_KEYS,
	{ .word = "check-source", .type = LANG_BOOL,
	  .help = "only frames from its own MAC and those of also" },
	{ .word = "also", .type = LANG_MACS,
	  .help = "further MACs that it may send from: MAC[,MAC...]" },
	{ .word = "storm", .type = LANG_UINT, .min = 1, .max = 1000000,
	  .help = "broadcasts and multicasts it may send a second (any number)" },
	{ .word = "queues", .type = LANG_UINT, .min = 1, .max = 8,
	  .help = "pairs of receive and transmit queues (one for each vCPU; vnetpd: one)" },
	{ .word = "overlay", .type = LANG_NAME, .help = "that it belongs to (default)" },
	{ .word = "device", .type = LANG_NAME,
	  .help = "in vnetpd: Linux's name of it (the interface's name)" },
	END
};

static const struct lang_key interface_set_keys[] = {
	{ .word = "state", .type = LANG_CHOICE, .choices = states, .help = "up or down" },
	DISPATCH_KEYS,
	END
};

#define YIELD_KEYS                                                                            \
	{ .word = "yield", .type = LANG_CHOICE, .choices = yields,                            \
	  .help = "when there is nothing to do: come straight back, sleep, or the one and "   \
		  "then the other (adaptive)" },                                              \
	{ .word = "t-sleep", .type = LANG_TIME_US, .min = 1, .max = 1000000,                  \
	  .help = "for how long (1ms)" },                                                     \
	{ .word = "t-nowork", .type = LANG_TIME_US, .min = 0, .max = 10000000,                \
	  .help = "adaptive: how long it comes straight back before it sleeps (1ms)" }

static const struct lang_key dispatcher_add_keys[] = {
	{ .word = "core", .type = LANG_UINT, .min = 0, .max = 63,
	  .help = "physical core, which runs no guests then (one without; core 0 first)" },
	YIELD_KEYS,
	END
};

static const struct lang_key dispatcher_set_keys[] = { YIELD_KEYS, END };

static const struct lang_key route_add_keys[] = {
	{ .word = "src", .type = LANG_MAC_MATCH, .required = true, .help = "source address" },
	{ .word = "dst", .type = LANG_MAC_MATCH, .required = true, .help = "destination address" },
	{ .word = "to", .type = LANG_PORT, .required = true, .help = "where it goes" },
	{ .word = "backup", .type = LANG_PORT,
	  .help = "while that link is down or unreachable: another edge" },
	{ .word = "from", .type = LANG_PORT_FROM, .help = "where it came from" },
	END
};

static const struct lang_key route_del_keys[] = {
	{ .word = "id", .type = LANG_UINT, .required = true, .bare = true, .min = 1,
	  .max = UINT32_MAX, .help = "number that show route prints" },
	END
};

static const struct lang_key control_keys[] = {
	{ .word = "from", .type = LANG_IP4_LEN, .required = true,
	  .help = "whose requests are answered" },
	{ .word = "port", .type = LANG_UINT, .min = 1, .max = 65535, .help = "UDP port (9901)" },
	END
};

static const struct lang_key console_keys[] = {
	{ .word = "port", .type = LANG_CHOICE, .choices = terminals,
	  .help = "ttyS0 or hvc0 of a Linux guest" },
	END
};

static const struct lang_key console_exchange_keys[] = {
	{ .word = "port", .type = LANG_CHOICE, .choices = terminals,
	  .help = "ttyS0 or hvc0 of a Linux guest" },
	{ .word = "from", .type = LANG_UINT, .min = 0, .max = UINT64_MAX,
	  .help = "which byte comes first, counted since the guest was added" },
	{ .word = "lines", .type = LANG_UINT, .min = 0, .max = 100000,
	  .help = "without from: so many of the last lines (0)" },
	{ .word = "input", .type = LANG_STRING, .help = "for the guest, in hexadecimal" },
	END
};

static const struct lang_key shutdown_keys[] = {
	{ .word = "within", .type = LANG_TIME, .min = 1000, .max = 24 * 3600 * 1000,
	  .help = "then it is stopped; without: it is waited for" },
	END
};

static const struct lang_key show_keys[] = {
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON" },
	END
};

static const struct lang_key show_route_keys[] = {
	{ .word = "stats", .type = LANG_FLAG, .help = "with the frames and bytes each carried" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON, these included" },
	END
};

static const struct lang_key show_stats_keys[] = {
	{ .word = "check", .type = LANG_FLAG, .help = "is every frame accounted for?" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON" },
	END
};

static const struct lang_key trace_keys[] = {
	{ .word = "from", .type = LANG_PORT, .required = true, .help = "where it comes in" },
	{ .word = "src", .type = LANG_MAC, .required = true, .help = "source address" },
	{ .word = "dst", .type = LANG_MAC, .required = true, .help = "destination address" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON" },
	END
};

static const char *const capture_sides[] = { "inner", "outer", "both", NULL };

static const struct lang_key capture_keys[] = {
	{ .word = "mac", .type = LANG_MAC, .help = "only from or to this address" },
	{ .word = "side", .type = LANG_CHOICE, .choices = capture_sides,
	  .help = "guests' frames (inner), or the packets that carry them" },
	{ .word = "snap", .type = LANG_UINT, .min = 1, .max = 65535,
	  .help = "bytes of a frame that are kept (2048)" },
	END
};

static const struct lang_key matrix_keys[] = {
	{ .word = "on|off", .type = LANG_BOOL, .required = true, .bare = true,
	  .help = "count, or forget what was counted" },
	END
};

static const struct lang_key show_matrix_keys[] = {
	{ .word = "top", .type = LANG_UINT, .min = 1, .max = 64, .help = "how many (16)" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON" },
	END
};

static const struct lang_key ledger_keys[] = {
	{ .word = "on|off", .type = LANG_BOOL, .required = true, .bare = true,
	  .help = "time from now on, from zero; or no more, and keep what was found" },
	END
};

static const struct lang_key show_ledger_keys[] = {
	{ .word = "histogram", .type = LANG_FLAG, .help = "how long each stage's laps were" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON, histograms included" },
	END
};

static const struct lang_key show_noise_keys[] = {
	{ .word = "reset", .type = LANG_FLAG, .help = "then start counting anew" },
	{ .word = "json", .type = LANG_FLAG, .help = "one line of JSON" },
	END
};

#define FILE_AND_TERMINAL true
#define TERMINAL_ONLY false

const struct lang_command lang_commands[] = {
	{ "caisson", NULL, LANG_CAISSON, LANG_NAME_NONE, FILE_AND_TERMINAL, caisson_keys,
	  "language version, first line of a file" },
	{ "node", "reboot", LANG_NODE_REBOOT, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "reset the machine" },
	{ "node", "poweroff", LANG_NODE_POWEROFF, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "switch the machine off" },
	{ "node", NULL, LANG_NODE, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, node_keys,
	  "what follows is for this node" },
	{ "cpu-feature", NULL, LANG_CPU_FEATURE, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  cpu_feature_keys, "an ability of the processor (show node), for VMs added later" },
	{ "core", "set", LANG_CORE_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, core_set_keys,
	  "what is claimed of a core, by its number" },
	{ "uplink", "add", LANG_UPLINK_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  uplink_add_keys, "use a physical NIC" },
	{ "uplink", "set", LANG_UPLINK_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  uplink_set_keys, "change its address" },
	{ "uplink", "del", LANG_UPLINK_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "give a NIC up" },
	{ "overlay", "add", LANG_OVERLAY_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  overlay_add_keys, "a network of its own: interfaces, links, routes" },
	{ "overlay", "set", LANG_OVERLAY_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  overlay_set_keys, "change how it learns" },
	{ "overlay", "flush", LANG_OVERLAY_FLUSH, LANG_NAME_REQUIRED, TERMINAL_ONLY,
	  overlay_flush_keys, "forget what was learned" },
	{ "overlay", "del", LANG_OVERLAY_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "remove an empty overlay" },
	{ "link", "add", LANG_LINK_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, link_add_keys,
	  "a link to another node: an edge" },
	{ "link", "set", LANG_LINK_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, link_set_keys,
	  "take a link up or down" },
	{ "link", "del", LANG_LINK_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, force_keys,
	  "remove a link" },
	{ "vm", "add", LANG_VM_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, vm_add_keys,
	  "define a guest" },
	{ "vm", "start", LANG_VM_START, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "boot a guest" },
	{ "vm", "stop", LANG_VM_STOP, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "stop a guest at once" },
	{ "vm", "shutdown", LANG_VM_SHUTDOWN, LANG_NAME_REQUIRED, TERMINAL_ONLY, shutdown_keys,
	  "press a guest's power button" },
	{ "vm", "reset", LANG_VM_RESET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "boot a guest again" },
	{ "vm", "del", LANG_VM_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, force_keys,
	  "forget a stopped guest" },
	{ "interface", "add", LANG_INTERFACE_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  interface_add_keys, "a guest's NIC: VM.NAME" },
	{ "interface", "set", LANG_INTERFACE_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  interface_set_keys, "plug or unplug its cable; its dispatch modes" },
	{ "interface", "del", LANG_INTERFACE_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  force_keys, "remove a NIC from a stopped guest" },
	{ "disk", "add", LANG_DISK_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, disk_add_keys,
	  "a guest's disk: VM.NAME" },
	{ "disk", "del", LANG_DISK_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "remove a disk from a stopped guest" },
	{ "dispatcher", "add", LANG_DISPATCHER_ADD, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  dispatcher_add_keys, "give a core to the frames of guests: 0, 1, ..." },
	{ "dispatcher", "set", LANG_DISPATCHER_SET, LANG_NAME_REQUIRED, FILE_AND_TERMINAL,
	  dispatcher_set_keys, "change how it idles" },
	{ "dispatcher", "del", LANG_DISPATCHER_DEL, LANG_NAME_REQUIRED, FILE_AND_TERMINAL, no_keys,
	  "take the core back; the guests do its work" },
	{ "route", "add", LANG_ROUTE_ADD, LANG_NAME_NONE, FILE_AND_TERMINAL, route_add_keys,
	  "where frames go" },
	{ "route", "del", LANG_ROUTE_DEL, LANG_NAME_NONE, FILE_AND_TERMINAL, route_del_keys,
	  "remove a route" },
	{ "control", "listen", LANG_CONTROL_LISTEN, LANG_NAME_NONE, FILE_AND_TERMINAL,
	  control_keys, "take requests of vnetctl over the uplink" },
	{ "control", "close", LANG_CONTROL_CLOSE, LANG_NAME_NONE, FILE_AND_TERMINAL, no_keys,
	  "take none any more" },
	{ "console", "attach", LANG_CONSOLE_ATTACH, LANG_NAME_REQUIRED, TERMINAL_ONLY, console_keys,
	  "talk to a guest; Ctrl-] comes back" },
	{ "console", "log", LANG_CONSOLE_LOG, LANG_NAME_REQUIRED, TERMINAL_ONLY, console_keys,
	  "what a guest printed" },
	{ "console", "exchange", LANG_CONSOLE_EXCHANGE, LANG_NAME_REQUIRED, TERMINAL_ONLY,
	  console_exchange_keys, "what a guest prints, and input for it, for vnetctl console" },
	{ "show", "node", LANG_SHOW_NODE, LANG_NAME_NONE, TERMINAL_ONLY, show_keys,
	  "the machine and its state" },
	{ "show", "boot", LANG_SHOW_BOOT, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "in one screen: who the node is, what it found, what failed" },
	{ "show", "hardware", LANG_SHOW_HARDWARE, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "processor, memory map, IOMMUs, NICs and their drivers" },
	{ "show", "report", LANG_SHOW_REPORT, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "all of what a report of this machine needs, to be mailed" },
	{ "show", "vm", LANG_SHOW_VM, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "guests, and the exits of one" },
	{ "show", "interface", LANG_SHOW_INTERFACE, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "guests' NICs" },
	{ "show", "disk", LANG_SHOW_DISK, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "guests' disks" },
	{ "show", "dispatch", LANG_SHOW_DISPATCH, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "dispatchers; modes of interfaces, rates, and the last changes" },
	{ "show", "link", LANG_SHOW_LINK, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "links to other nodes" },
	{ "show", "route", LANG_SHOW_ROUTE, LANG_NAME_NONE, TERMINAL_ONLY, show_route_keys,
	  "routes" },
	{ "show", "overlay", LANG_SHOW_OVERLAY, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "overlays" },
	{ "show", "learned", LANG_SHOW_LEARNED, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "learned addresses, of one overlay or all" },
	{ "show", "neighbour", LANG_SHOW_NEIGHBOUR, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "whose IP addresses were heard, in overlays that answer" },
	{ "show", "uplink", LANG_SHOW_UPLINK, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_keys,
	  "physical NICs" },
	{ "show", "stats", LANG_SHOW_STATS, LANG_NAME_NONE, TERMINAL_ONLY,
	  show_stats_keys, "all counters, and the conservation sum" },
	{ "show", "metrics", LANG_SHOW_METRICS, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "all counters as OpenMetrics text" },
	{ "show", "config", LANG_SHOW_CONFIG, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "the running configuration" },
	{ "show", "log", LANG_SHOW_LOG, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "the last log lines" },
	{ "show", "noise", LANG_SHOW_NOISE, LANG_NAME_OPTIONAL, TERMINAL_ONLY, show_noise_keys,
	  "why cores left their guests, and for how long; of one core with a histogram" },
	{ "show", "matrix", LANG_SHOW_MATRIX, LANG_NAME_NONE, TERMINAL_ONLY, show_matrix_keys,
	  "who talks most to whom" },
	{ "show", "ledger", LANG_SHOW_LEDGER, LANG_NAME_NONE, TERMINAL_ONLY, show_ledger_keys,
	  "each stage of a frame's way: cycles, exits, interrupts, copies a packet" },
	{ "matrix", NULL, LANG_MATRIX, LANG_NAME_NONE, TERMINAL_ONLY, matrix_keys,
	  "count traffic by source and destination" },
	{ "ledger", NULL, LANG_LEDGER, LANG_NAME_NONE, TERMINAL_ONLY, ledger_keys,
	  "time the stages of a frame's way" },
	{ "trace", NULL, LANG_TRACE, LANG_NAME_NONE, TERMINAL_ONLY, trace_keys,
	  "what would become of a frame, and why" },
	{ "capture", "start", LANG_CAPTURE_START, LANG_NAME_OPTIONAL, TERMINAL_ONLY, capture_keys,
	  "keep copies of frames, of one port or of all" },
	{ "capture", "read", LANG_CAPTURE_READ, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "what was kept, as text; one that nobody reads ends" },
	{ "capture", "stop", LANG_CAPTURE_STOP, LANG_NAME_NONE, TERMINAL_ONLY, no_keys,
	  "keep none any more" },
	{ "help", NULL, LANG_HELP, LANG_NAME_NONE, TERMINAL_ONLY, no_keys, "this list" },
	{ .object = NULL }
};
