/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine: its memory, its devices, its vCPU and its life.
 *
 * Definition and deletion happen on the boot core while the VM is stopped.
 * From start to stop everything else belongs to the core its vCPU is pinned
 * to; the boot core asks by vm_request() and learns the outcome from state.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include "drivers/virtio/console.h"
#include "drivers/virtio/net.h"
#include "drivers/virtio/pci.h"
#include "hv/emul/cpuid.h"
#include "hv/emul/ioapic.h"
#include "hv/emul/irqchip.h"
#include "hv/emul/pci.h"
#include "hv/emul/pic.h"
#include "hv/emul/pit.h"
#include "hv/emul/pm.h"
#include "hv/emul/rtc.h"
#include "hv/emul/uart.h"
#include "hv/mem/gmem.h"
#include "hv/mem/iomap.h"
#include "hv/mem/npt.h"
#include "hv/testdev.h"
#include "hv/textring.h"
#include "hv/timer.h"
#include "hv/vcpu.h"

#define VM_MAX 8
#define VM_NAME_MAX 32
#define VM_MAX_INTERFACES 4
#define VM_CMDLINE_MAX 512
#define VM_SCROLLBACK (64u * 1024)
#define VM_REASON_MAX 120

enum vm_state {
	VM_STOPPED,
	VM_RUNNING,
	VM_STOPPING, /* vCPU off, waiting for frames that the NIC still holds */
	VM_HELD,     /* crashed, kept for inspection */
};

enum vm_request { VM_REQ_NONE, VM_REQ_START, VM_REQ_STOP, VM_REQ_RESET };

/* What the guest asked of its power hardware, done when its exit is over. */
enum vm_wish { VM_WISH_NONE, VM_WISH_OFF, VM_WISH_RESET };

enum vm_crash_policy { VM_ON_CRASH_STOP, VM_ON_CRASH_RESET, VM_ON_CRASH_HOLD };

struct vm_config {
	char name[VM_NAME_MAX];
	u64 memory;
	u32 core;
	bool core_set;	 /* given, not placed by us */
	char kernel[64]; /* names of boot modules */
	char initrd[64]; /* "": none */
	char cmdline[VM_CMDLINE_MAX];
	enum vm_crash_policy on_crash;
	bool testdev;
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
	bool more;		/* poll the port again from the loop */
	enum vm_link want_link; /* atomic */
};

struct vm_interface_config {
	const char *name;
	u8 mac[6];
	u32 mtu;
	bool check_source;
	struct vnet_also also;
	u32 storm;   /* group frames a second; 0: any number */
	u32 overlay; /* its id */
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

struct vm {
	struct vm_config cfg;
	enum vm_state state;	 /* written on the VM's core */
	enum vm_request request; /* atomic */
	bool restart;		 /* start again once it is stopped, not before: */
	u64 restart_ns;
	char reason[VM_REASON_MAX]; /* why it is not running */
	u64 started_ns, starts, crashes;
	u32 asid;
	u8 phys_bits;
	struct timer stop_timer;
	enum vm_wish wish;
	bool vcon_more; /* the virtio console has more to print */

	struct gmem gmem;
	struct npt npt;
	u64 ram; /* host-physical */
	struct iomap io, mmio;
	struct irq_sink irq;
	struct cpuid_config cpuid;

	struct vcpu vcpu;
	void *lapic_page;
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
	struct vm_interface *interface[VM_MAX_INTERFACES];
	struct vm_console console[VM_CONSOLES];
	u64 next_ns; /* when a timed device is due */
};

/* --- boot core ------------------------------------------------------------ */

/* Define a VM. On an error why (size bytes) says what is wrong in one line. */
err_t vm_add(const struct vm_config *cfg, char *why, size_t size);
/* Only when stopped; with interfaces only by force. */
err_t vm_del(struct vm *vm, bool force, char *why, size_t size);
struct vm *vm_find(const char *name);
/* The i-th slot, NULL when empty; i < VM_MAX. */
struct vm *vm_at(u32 i);

/* Ask the VM's core for a change; ERR_BUSY when the state does not allow it. */
err_t vm_request(struct vm *vm, enum vm_request req, char *why, size_t size);

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

/* --- while defining, hv/vm_machine.c --------------------------------------- */

err_t vm_machine_init(struct vm *vm);
void vm_machine_reset(struct vm *vm);

/* --- the VM's core -------------------------------------------------------- */

/* Carry out requests and input for the VMs of this core (CORE_EV_VM). */
void vm_core_event(struct core *c);

/* Load kernel and initrd and set the vCPU to the entry point (hv/vm_boot.c). On
 * the boot core, too, while the VM is stopped. */
err_t vm_boot(struct vm *vm, char *why, size_t size);

/* The guest is over: reported with its registers, then what its policy says. */
void vm_crash(struct vm *vm, const char *f, ...) PRINTF(2, 3);
/* Fulfil what the guest asked of its power hardware. */
void vm_grant_wish(struct vm *vm);

/* An interrupt message into the VM. */
void vm_deliver(struct vm *vm, const struct lapic_ipi *msg, u32 sender);

/* Timed devices. */
void vm_poll_timers(struct vm *vm, u64 now_ns);
void vm_update_deadline(struct vm *vm);

/* Input that waits goes to the guest's terminals. */
void vm_console_feed(struct vm *vm);

/* Frames that refer to the guest's memory and are still on their way. */
u32 vm_net_in_flight(const struct vm *vm);
void vm_net_reset(struct vm *vm);
/* Poll the ports and the console that asked for it. */
void vm_net_poll_more(struct vm *vm);

const char *vm_state_name(enum vm_state s);

#endif
