# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: its configuration, and one process of it with its serial line.

Debian's build (2.7) is what this is for. It has the debugger, so it wants a script
that says `continue`; its screen is that of curses, which needs no terminal and opens
no port; its serial line is a pseudo-terminal, which goes both ways."""

import contextlib
import ctypes
import os
import pty
import re
import signal
import subprocess
import tty

from labkit import iso
from labkit.errors import ToolError

PROGRAM = "bochs-bin"
LOG = "bochs.log"
# The newest model of each vendor whose time stamp counter runs at the speed that CPUID
# tells: VT-x with EPT, and SVM with nested paging, NRIP save and flush by ASID.
MODELS = {"vmx": "corei7_haswell_4770", "bochs-svm": "ryzen"}
MAX_CORES = 8
FIRMWARE = "/usr/share/bochs/BIOS-bochs-latest"
# Emulated instructions a second of emulated time: what one core of the host can do
# (50 to 80 million), so that emulated time does not fall behind the host's.
IPS = 50_000_000
# How emulated time goes. Free: an idle processor skips to its next event. Slowed: it is
# held back to the host's clock (by PACE, see there); a busy one that is slower than IPS
# falls behind.
CLOCK_FREE = "none"
CLOCK_SLOWED = "slowdown"
PACE = os.path.join(os.path.dirname(__file__), "../../build/tools/pace.so")
SAID_BYTES = 4096  # kept of what it says beside its log
DEBUGGER_SCRIPT = "debugger.rc"
SCREEN = re.compile(rb'connected to screen "(/dev/pts/\d+)"')
# What a panic ends the log with: a dump of the registers of each processor.
REGISTERS = re.compile(r"\d+i\[CPU\d+ *\] \||\d+i\[CPU\d+ *\] CPU is in|\(\d+\)\.\[")
PR_SET_PDEATHSIG = 1

CONFIG = """\
config_interface: textconfig
display_library: term
cpu: model={model}, count={cores}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file={firmware}, options=fastboot
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx{slots}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
clock: sync={clock}, time0=utc
sound: driver=dummy
speaker: enabled=0
mouse: enabled=0
panic: action=fatal{harmless}
error: action=report{quiet}
info: action=report{quiet}{quiet_nic}
debug: action=ignore
log: {log}
com1: enabled=1, mode=term, dev={serial}
"""
NIC_SLOT = ", slot1=e1000"
# What writes a line for each frame, and for each interrupt or exit of a guest. An error of
# the NIC's is a frame that it dropped: there were no descriptors, or it was off. No register
# of it counts these, and none is raised as missed or overrun.
NIC_LOGGER = "e1000a"
NIC_DROPPED = b"device not ready to receive data"
CPU_LOGGER = "cpu{}"
NIC = 'e1000: card=0, enabled=1, mac={mac}, ethmod=vde, ethdev={wire}, script="", bootrom=""\n'

# Its SVM calls it a panic when a guest in virtual-8086 mode exits to a host in long mode,
# and does the right thing when it goes on.
HARMLESS_PANICS = {MODELS["bochs-svm"]: ", CPU{}=report"}


class Bochs:
    """A machine of Bochs that boots directory/boot.iso; its log goes there too. `nic` is
    the MAC of its e1000, None for no NIC: frames go by VDE's protocol to the socket
    `wire` (a name of at most 15 bytes in the directory; see labkit/keeper.py). A chatty one
    logs what its processors find odd, and each exit of a guest; a panic is always logged.

    `serial` is the descriptor of its serial line; `said` is the end of what it says on the
    terminal, where a wrong configuration is told. Call tend() when one of `side` is
    readable, or every now and then."""

    def __init__(self, directory, model, cores=1, memory=512, clock=CLOCK_FREE, nic=None,
                 wire=None, chatty=True, firmware=FIRMWARE):
        self.directory = directory
        # Its other end stays open here too, so that the line outlives Bochs' opening it.
        self.serial, self._serial_end = pty.openpty()
        tty.setraw(self._serial_end)
        quiet = [] if chatty else [CPU_LOGGER.format(core) for core in range(cores)]
        harmless = "".join(HARMLESS_PANICS.get(model, "").format(core) for core in range(cores))
        config = CONFIG.format(model=model, harmless=harmless, cores=cores, ips=IPS,
                               memory=memory, clock=clock,
                               slots=NIC_SLOT if nic else "", iso=iso.NAME, log=LOG,
                               firmware=firmware,
                               quiet="".join(f", {name}=ignore" for name in quiet),
                               quiet_nic=f", {NIC_LOGGER}=ignore" if nic else "",
                               serial=os.ttyname(self._serial_end))
        self._write("bochsrc", config + (NIC.format(mac=nic, wire=wire) if nic else ""))
        # It runs until it is ended. What gets back to the debugger ends it, too: a
        # guest's write to port 8900h.
        self._write(DEBUGGER_SCRIPT, "c\nquit\n")
        environment = {**os.environ, "TERM": "vt100"}
        if clock == CLOCK_SLOWED:
            if not os.path.exists(PACE):
                raise ToolError(f"there is no {os.path.relpath(PACE)}: run make")
            environment["LD_PRELOAD"] = os.path.abspath(PACE)
        try:
            self.process = subprocess.Popen(
                [PROGRAM, "-q", "-f", "bochsrc", "-rc", DEBUGGER_SCRIPT], cwd=directory,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment, preexec_fn=_die_with_parent)
        except FileNotFoundError:
            raise ToolError(f"there is no {PROGRAM}: run tools/setup") from None
        self.said = b""
        self.side = [self.process.stdout.fileno()]
        for descriptor in (self.serial, *self.side):
            os.set_blocking(descriptor, False)

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="ascii") as f:
            f.write(text)

    def tend(self):
        """Takes what it says beside the serial line; false once it has ended.

        It draws its screen at one end of a pseudo-terminal and reads the keyboard there.
        With nobody at the other end, its output would echo as typed keys, and stop it
        when the terminal is full."""
        self.said = (self.said + _read(self.side[0]))[-SAID_BYTES:]
        screen = SCREEN.search(self.said)
        if len(self.side) > 1:
            _read(self.side[1])
        elif screen:
            self.side.append(os.open(screen[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
            tty.setraw(self.side[1])
        return self.process.poll() is None

    def stop(self):
        """Ends it. It has nothing to put in order, and heeds no other signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def log_tail(path, lines=15):
    """The last lines of a log of Bochs, without the registers that follow a panic."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            told = [line for line in f if not REGISTERS.match(line)]
    except OSError:
        return ""
    return "".join(told[-lines:]).rstrip()
