/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine: its memory, its devices, its vCPUs and its life.
 *
 * Definition and deletion happen on the boot core while the VM is stopped. From
 * start to stop a vCPU belongs to the core it is pinned to. Its life, its timed
 * devices, its terminals and its NICs belong to the core of the first vCPU, the
 * VM's core; the boot core asks by vm_request() and learns the outcome from state.
 * What every vCPU's exits reach (devices' registers, the I/O maps) is under a lock,
 * which no frame and no interrupt message takes.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include "drivers/virtio/console.h"
#include "drivers/virtio/net.h"
#include "drivers/virtio/pci.h"
#include "drivers/virtio/rng.h"
#include "hv/dispatch.h"
#include "hv/emul/acpi.h"
#include "hv/emul/cpuid.h"
#include "hv/emul/ioapic.h"
#include "hv/emul/irqchip.h"
#include "hv/emul/pci.h"
#include "hv/emul/pic.h"
#include "hv/emul/pit.h"
#include "hv/emul/pm.h"
#include "hv/emul/rtc.h"
#include "hv/base/ticket.h"
#include "hv/emul/uart.h"
#include "hv/mem/gmem.h"
#include "hv/mem/iomap.h"
#include "hv/mem/npt.h"
#include "hv/placement.h"
#include "hv/testdev.h"
#include "hv/textring.h"
#include "hv/timer.h"
#include "hv/vcpu.h"
#include "hv/vm_disk.h"

#define VM_MAX 8
#define VM_CPUS_MAX 16
#define VM_NAME_MAX 32
#define VM_MAX_INTERFACES 4
#define VM_CMDLINE_MAX 512
#define VM_SCROLLBACK (64u * 1024)
#define VM_REASON_MAX 120
#define VM_RAM_PIECES 4 /* NUMA nodes that it takes memory from */

enum vm_state {
	VM_STOPPED,
	VM_RUNNING,
	VM_STOPPING, /* waiting for its vCPUs, then for frames that the NIC still holds */
	VM_HELD,     /* crashed, kept for inspection */
};

enum vm_request { VM_REQ_NONE, VM_REQ_START, VM_REQ_STOP, VM_REQ_RESET };

/* How the guest's run ended: by its power hardware, or by its fault. */
enum vm_end { VM_END_NONE, VM_END_OFF, VM_END_RESET, VM_END_CRASH };

enum vm_crash_policy { VM_ON_CRASH_STOP, VM_ON_CRASH_RESET, VM_ON_CRASH_HOLD };

struct vm_config {
	char name[VM_NAME_MAX];
	u64 memory;
	u32 cpus;
	u32 core[VM_CPUS_MAX]; /* of each vCPU */
	bool core_set;	 /* given, not placed by us */
	char kernel[64]; /* names of boot modules */
	char initrd[64]; /* "": none */
	char cmdline[VM_CMDLINE_MAX];
	enum vm_crash_policy on_crash;
	bool testdev;
	bool rng, rng_set; /* a source of entropy; said, or as the processor has one */
};

struct vm;

/* Asked of the device's core. */
enum vm_link { VM_LINK_AS_IS, VM_LINK_UP, VM_LINK_DOWN };

struct vm_interface {
	struct virtio_net net;
	struct virtio_pci pci;
	struct vm *vm;
	char name[VM_NAME_MAX]; /* "g1.eth0" */
	bool check_source;
	bool mtu_fixed;		/* configured; else as the links leave it */
	bool queues_fixed;	/* configured; else one for each vCPU */
	u32 more;		/* bit per queue that is to be polled; atomic */
	size_t more_bytes;	/* of net.more */
	struct epoch_mark closing; /* when a reset began */
	enum vm_link want_link; /* atomic */
	struct nic_dispatch dispatch;
};

struct vm_interface_config {
	const char *name;
	u8 mac[6];
	u32 mtu; /* 0: what the links leave */
	bool check_source;
	struct vnet_also also;
	u32 storm;   /* group frames a second; 0: any number */
	u32 overlay; /* its id */
	u32 queues;  /* 0: one for each vCPU */
	struct dispatch_settings dispatch;
};

/* A guest's terminals: ttyS0 and hvc0 of Linux. */
enum vm_console_port { VM_CONSOLE_SERIAL, VM_CONSOLE_VIRTIO, VM_CONSOLES };

/* One of them on its way to and from the node's terminal. */
struct vm_console {
	struct textring out; /* vCPU's core -> boot core */
	struct textring in;  /* boot core -> vCPU's core */
	u8 *scrollback;	     /* VM_SCROLLBACK bytes, boot core */
	u64 written;	     /* bytes that went into it so far */
};

/* A piece of its memory; `near`: from the node it was asked of. */
struct vm_ram {
	u64 at, size; /* host-physical */
	u32 node;
	bool near;
};

struct vm {
	struct vm_config cfg;
	enum vm_state state;	 /* written on the VM's core */
	enum vm_request request; /* atomic */
	u32 asked;		 /* requests, by the boot core ... */
	u32 done;		 /* ... and carried out; atomic, written on the VM's core */
	u32 turn;		 /* odd: its vCPUs shall run; atomic, written on the VM's core */
	bool over;		 /* no vCPU enters the guest any more; atomic */
	enum vm_end end;	 /* written by whoever set over, */
	struct vcpu *crashed;	 /* this too, */
	bool ended;		 /* then this, for the VM's core; atomic */
	bool leaving;		 /* its vCPUs are not all off yet */
	bool hold;		 /* keep it once they are */
	bool restart;		 /* start again once it is stopped, not before: */
	u64 restart_ns;
	char reason[VM_REASON_MAX]; /* why it is not running */
	u64 started_ns, starts, crashes;
	u32 asid;
	u8 phys_bits;
	u64 tsc_start; /* of the host, when the guest's was 0 */
	struct timer stop_timer;
	/* The boot core's: when a guest that was asked to end must have done so. */
	struct timer shutdown_timer;
	u64 shutdown_start; /* ... the start that it is about */
	bool vcon_more; /* the virtio console has more to print */
	u64 rng_due_ns; /* the source of entropy wants to be polled; 0: not; atomic */
	struct timer rng_timer;

	struct gmem gmem;
	struct npt npt;
	u32 ram_pieces, ranges;
	struct vm_ram ram[VM_RAM_PIECES];
	struct acpi_guest_memory range[VM_RAM_PIECES + 1]; /* one may cross the PCI hole */
	struct iomap io, mmio;
	struct irq_sink irq;
	struct cpuid_config cpuid;

	struct vcpu vcpu[VM_CPUS_MAX]; /* cfg.cpus of them */
	struct lapic *lapic[VM_CPUS_MAX];

	struct ticketlock lock; /* the devices from here on, and the I/O maps */
	u64 devices_due_ns;   /* when a timed one is due; atomic */
	bool intr;	      /* the 8259 pair's output; atomic */
	struct ioapic ioapic;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct pm pm;
	struct uart uart;
	struct pci_bus pci;
	struct testdev testdev;
	struct virtio_console vcon;
	struct virtio_pci vcon_pci;
	struct virtio_rng rng;
	struct virtio_pci rng_pci;
	struct vm_interface *interface[VM_MAX_INTERFACES];
	struct vm_disk *disk[VM_MAX_DISKS];
	struct vm_console console[VM_CONSOLES];
};

/* The core that the VM's life, devices and NICs belong to. */
static inline u32 vm_core(const struct vm *vm)
{
	return vm->cfg.core[0];
}

static inline bool vm_is_over(const struct vm *vm)
{
	return __atomic_load_n(&vm->over, __ATOMIC_ACQUIRE);
}

static inline u64 vm_devices_due_ns(const struct vm *vm)
{
	return __atomic_load_n(&vm->devices_due_ns, __ATOMIC_RELAXED);
}

static inline bool vm_intr_level(const struct vm *vm)
{
	return __atomic_load_n(&vm->intr, __ATOMIC_RELAXED);
}

/* --- boot core ------------------------------------------------------------ */

/* Define a VM. On an error why (size bytes) says what is wrong in one line. */
err_t vm_add(const struct vm_config *cfg, char *why, size_t size);
/* What the cores are used for. */
void vm_placement(struct placement *p);
/* Only when stopped; with interfaces or disks only by force. */
err_t vm_del(struct vm *vm, bool force, char *why, size_t size);
struct vm *vm_find(const char *name);
/* The i-th slot, NULL when empty; i < VM_MAX. */
struct vm *vm_at(u32 i);

/* Ask the VM's core for a change; ERR_BUSY when the state does not allow it. A stop may
 * be asked while an earlier request is under way. */
err_t vm_request(struct vm *vm, enum vm_request req, char *why, size_t size);
/* Its state; "changing" while something that was asked is under way. */
const char *vm_state_text(const struct vm *vm);
/* ERR_BUSY, and why, unless it is in this state and nothing that was asked is under way:
 * a stopped VM may be changed or deleted then. */
err_t vm_in_state(const struct vm *vm, enum vm_state state, char *why, size_t size);

/*
 * Press its power button (hv/vm_power.c). It is stopped when it still runs after
 * within_ns; 0: never. ERR_NOTSUP: the guest does not listen to it.
 */
err_t vm_shutdown(struct vm *vm, u64 within_ns, char *why, size_t size);
/* Nobody waits for that any more. */
void vm_shutdown_cancel(struct vm *vm);

/* Add or remove a virtio NIC; the VM is stopped (hv/vm_net.c). */
err_t vm_interface_add(struct vm *vm, const struct vm_interface_config *cfg, char *why,
		       size_t size);
err_t vm_interface_del(struct vm_interface *nic, bool force, char *why, size_t size);
struct vm_interface *vm_interface_find(const char *name);
/* Plug or unplug its cable; takes effect on the VM's core. */
void vm_interface_set_link(struct vm_interface *nic, bool up);

/* Move the guest's output to its scroll-back and to out (hv/vm_console.c). */
void vm_console_drain(struct vm_console *c, void (*out)(const u8 *bytes, u32 n));

/* Memory of all guests, in bytes. */
u64 vm_memory_total(void);

/* What its vCPUs count, added up. */
struct vcpu_stats vm_stats(const struct vm *vm);

/* --- while defining, hv/vm_machine.c --------------------------------------- */

/* hv/vm_memory.c: memory near its vCPUs, mapped; why (size bytes) says what is missing. */
err_t vm_memory_alloc(struct vm *vm, char *why, size_t size);
err_t vm_memory_map(struct vm *vm);
void vm_memory_free(struct vm *vm);
/* What the guest's ACPI tables are to say; refers to vm and to node. */
struct acpi_guest vm_acpi(const struct vm *vm, u8 node[VM_CPUS_MAX]);
/* A zeroed page of the host for a table, and back. */
void *vm_table_alloc(void *ctx);
void vm_table_free(void *ctx, void *page);

err_t vm_machine_init(struct vm *vm);
void vm_machine_reset(struct vm *vm);

/* hv/vm_rng.c: the source of entropy, where cfg.rng is set. */
err_t vm_rng_init(struct vm *vm);
void vm_rng_reset(struct vm *vm);

/* --- any core ---------------------------------------------------------------- */

/* The VM's core looks after it: its state is to change, or it has input. */
void vm_wake(const struct vm *vm);

/* Around what touches the devices; vm_unlock() sees to it that those with timers are
 * polled in time. Interrupts on or off. */
void vm_lock(struct vm *vm);
void vm_unlock(struct vm *vm);

/* A vCPU's access to a port or to memory where there is no RAM: to its APIC, or to a
 * device. On v's core. */
void vm_access(struct vcpu *v, bool port, struct io_access *a);

/* The 8259's acknowledge cycle: the vector. */
u8 vm_intr_ack(struct vm *vm);

/* An interrupt message into the VM; sender: the vCPU's index, LAPIC_MAX_TARGETS for a
 * device. With the lock or without. */
void vm_deliver(struct vm *vm, const struct lapic_ipi *msg, u32 sender);

/* The guest's fault on this vCPU ends it: reported with its registers, then the VM's
 * core does what its policy says. On v's core. */
void vm_crash(struct vcpu *v, const char *f, ...) PRINTF(2, 3);

/* The guest asked its power hardware for this end. */
void vm_end(struct vm *vm, enum vm_end how);

/* --- each core with a vCPU of it ------------------------------------------------- */

/* Carry out requests and input for the VMs of this core (CORE_EV_VM). */
void vm_core_event(struct core *c);

/* Load kernel and initrd and set the first vCPU to the entry point (hv/vm_boot.c). On
 * the boot core, too, while the VM is stopped. */
err_t vm_boot(struct vm *vm, char *why, size_t size);

/* --- the VM's core -------------------------------------------------------- */

/* The source of entropy: buffers that wait for their time; and nothing comes any more. */
void vm_rng_poll(struct vm *vm, u64 now_ns);
void vm_rng_stop(struct vm *vm);

/* Poll the timed devices that are due. */
void vm_poll_devices(struct vm *vm, u64 now_ns);

/* Input that waits goes to the guest's terminals. With the lock. */
void vm_console_feed(struct vm *vm);

/* Frames that refer to the guest's memory and are still on their way. */
u32 vm_net_in_flight(struct vm *vm);
void vm_net_reset(struct vm *vm);
/* Cables that were plugged or unplugged. */
void vm_net_apply_links(struct vm *vm);
/* The uplink was interrupted for frames: guests that want to know it at once are told. */
void vm_net_rx_coming(void);
/* Poll the ports that asked for it. */
void vm_net_poll_more(struct vm *vm);
/* A dispatcher's: up to quota frames of a queue that is this core's, as far as there is
 * room for them; how many there were. */
u32 vm_net_poll(struct vnet_port *port, u32 quota);
/* Boot core: once the configuration is read, and now and then. */
void vm_net_follow_links(void);

const char *vm_state_name(enum vm_state s);

/* The cores of its vCPUs, as "1,2", into text; returns text. */
const char *vm_cores(const struct vm *vm, char *text, size_t size);

#endif
