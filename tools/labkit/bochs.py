# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: its configuration, and one process of it with its serial line.

Debian's build (2.7) is what this is for. It has the debugger, so it wants a script
that says `continue`; its screen is that of curses, which needs no terminal and opens
no port; its serial line is a pseudo-terminal, which goes both ways."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import tty

from labkit.errors import ToolError

LOG = "bochs.log"
# The newest model of each vendor whose time stamp counter runs at the speed that CPUID
# tells: VT-x with EPT, and SVM with nested paging, NRIP save and flush by ASID.
MODELS = {"vmx": "corei7_haswell_4770", "bochs-svm": "ryzen"}
# Emulated instructions a second of emulated time. A machine of today does 50 to 80
# million of them a second.
IPS = 50_000_000
# How emulated time relates to the host's. Free: an idle processor skips to its next
# event. Slowed: it is held back to the host's clock.
CLOCK_FREE = "none"
CLOCK_SLOWED = "slowdown"
DEBUGGER_SCRIPT = "debugger.rc"
START_WAIT_S = 20.0
REGISTERS = re.compile(r"\d+i\[CPU\d+ *\] \|")
SCREEN = re.compile(rb'connected to screen "(/dev/pts/\d+)"')

CONFIG = """\
config_interface: textconfig
display_library: term
cpu: model={model}, count={cores}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
clock: sync={clock}, time0=utc
sound: driver=dummy
speaker: enabled=0
mouse: enabled=0
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
log: {log}
com1: enabled=1, mode=term, dev={serial}
"""


class Bochs:
    """A machine of Bochs that runs in `directory`, where its boot.iso is already and
    where its log goes. `serial` is the descriptor of its serial line."""

    def __init__(self, directory, model, cores=1, memory=512, clock=CLOCK_FREE, extra=(),
                 arguments=()):
        self.directory = directory
        self.serial, serial_end = pty.openpty()
        tty.setraw(serial_end)
        config = CONFIG.format(model=model, cores=cores, ips=IPS, memory=memory, clock=clock,
                               iso="boot.iso", log=LOG, serial=os.ttyname(serial_end))
        self._write("bochsrc", config + "".join(line + "\n" for line in extra))
        # It runs until it is ended; who gets back to the debugger (a guest's write to
        # port 8900h, a triple fault) ends it.
        self._write(DEBUGGER_SCRIPT, "c\nquit\n")
        try:
            self.process = subprocess.Popen(
                ["bochs-bin", "-q", "-f", "bochsrc", "-rc", DEBUGGER_SCRIPT, *arguments],
                cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env={**os.environ, "TERM": "vt100"})
        except FileNotFoundError:
            raise ToolError("there is no bochs-bin: run tools/setup") from None
        # Kept open by us too: the line stays while Bochs comes and goes.
        self._ends = [serial_end]
        self.screen = self._open_screen()

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="ascii") as f:
            f.write(text)

    def _open_screen(self):
        """Bochs draws its screen at one end of a pseudo-terminal and reads the keyboard
        there: without us at the other end, its own output echoes as typed keys."""
        said = b""
        while not SCREEN.search(said):
            ready = select.select([self.process.stderr], [], [], START_WAIT_S)[0]
            piece = os.read(self.process.stderr.fileno(), 4096) if ready else b""
            if not piece:
                self.stop()
                raise ToolError("Bochs does not start:\n"
                                + log_tail(os.path.join(self.directory, LOG)))
            said += piece
        screen = os.open(SCREEN.search(said)[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(screen)
        return screen

    def drain_screen(self):
        """Call when `screen` is readable: what nobody reads stops Bochs at last."""
        with contextlib.suppress(OSError):
            os.read(self.screen, 65536)

    def stop(self):
        """Ends it. It has nothing to put in order, and takes no other signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def log_tail(path, lines=15):
    """The last lines of a log of Bochs; not the registers it ends with after a panic."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            told = [line for line in f if not REGISTERS.match(line)]
    except OSError:
        return ""
    return "".join(told[-lines:]).rstrip()
