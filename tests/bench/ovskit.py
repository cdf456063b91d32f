# SPDX-License-Identifier: BSD-2-Clause
"""Open vSwitch on DPDK (Debian's packages, unpacked below build/) at the job that a node
does for a guest's frame: take it, look its flow up, put VXLAN in front, hand it to the NIC.

    net_null0 -- br-int -- VXLAN 42 -- br-phy 10.7.0.1 -- net_null1

DPDK's null device makes frames of 64 bytes from nothing and lets what it gets fall, so
that what is counted is the switch, and the packet buffers' allocation. One polling
thread; it is stopped whenever it is not being measured. Needs root and huge pages, which are put
back afterwards."""

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from labkit import debs
from labkit.errors import ToolError

PACKAGES = ("openvswitch-switch-dpdk", "openvswitch-switch", "openvswitch-common",
            "librte-net-null23", "librte-mempool-ring23", "librte-bus-vdev23",
            "librte-bus-pci23", "librte-kvargs23", "librte-telemetry23", "librte-eal23",
            "librte-pci23", "librte-ring23", "librte-mempool23", "librte-mbuf23",
            "librte-rcu23", "librte-cryptodev23", "librte-dmadev23", "librte-meter23",
            "librte-net23", "librte-ethdev23", "librte-hash23", "librte-vhost23", "libxdp1",
            "libbpf1", "libunbound8", "libnuma1", "libcap-ng0", "libevent-2.1-7", "libpcap0.8",
            "libdbus-1-3", "libibverbs1", "libnl-3-200", "libnl-route-3-200")
HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
PAGES = 600
MEMORY_MB = 1024
WAIT_S = 60
COMMAND_TIMEOUT_S = 30
SETTLE_S = 0.2
STOLEN_MOST = 0.1
PEER_IP, PEER_MAC = "10.7.0.2", "02:00:00:00:00:bb"


def why_not():
    """None, or why it cannot run here."""
    if os.geteuid() != 0:
        return "only root may set huge pages aside"
    if not os.path.exists(HUGE_PAGES):
        return "this kernel has no huge pages of 2 MiB"
    if not shutil.which("ip"):
        return "there is no ip (package iproute2) here"
    return None


class HugePages:
    """At least so many while it is there; what there was comes back."""

    def __init__(self, pages):
        self.before = self.count()
        try:
            self.set(max(pages, self.before))
            if self.count() < pages:
                raise ToolError(f"of {pages} huge pages the kernel has {self.count()}")
        except (OSError, ToolError) as error:
            self.close()
            raise ToolError(f"huge pages: {error}") from None

    @staticmethod
    def count():
        with open(HUGE_PAGES, encoding="ascii") as f:
            return int(f.read())

    @staticmethod
    def set(pages):
        with open(HUGE_PAGES, "w", encoding="ascii") as f:
            f.write(str(pages))

    def close(self):
        with contextlib.suppress(OSError):
            self.set(self.before)


def unpack(root, say):
    """The directory with the unpacked packages."""
    return debs.unpacked(PACKAGES, os.path.join(root, "build/ovs-dpdk"),
                         os.path.join(root, "build/debs"), say)


class OvsDpdk:
    """The switch, from the start stopped; cycles() is one measurement."""

    def __init__(self, root, cpu, say=print):
        self.tree = unpack(root, say)
        self.cpu = cpu
        self.daemons = []
        self.namespace = f"ovs-bench-{os.getpid()}"
        self.directory = tempfile.mkdtemp(prefix="ovs-bench-")
        self.pages = None
        try:
            self.pages = HugePages(PAGES)
            self._run("ip", "netns", "add", self.namespace)
            self._start()
            self.stop()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- processes ---

    def _environment(self):
        where = {f"OVS_{what}": self.directory
                 for what in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}
        return {**os.environ, **where, "OVS_PKGDATADIR": f"{self.tree}/usr/share/openvswitch",
                "LD_LIBRARY_PATH": ":".join(self._libraries()), "XDG_RUNTIME_DIR": self.directory}

    def _libraries(self):
        base = f"{self.tree}/usr/lib/x86_64-linux-gnu"
        return [base, f"{self.tree}/lib/x86_64-linux-gnu", *glob.glob(f"{base}/dpdk/pmds-*")]

    def _inside(self, command):
        return ["ip", "netns", "exec", self.namespace, *command]

    def _run(self, *command):
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True,
                              check=False, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL)
        if done.returncode:
            # One that is not there any more is why (DPDK takes no drivers from below a directory
            # that everybody may write to, as /tmp is).
            ended = any(daemon.poll() is not None for daemon in self.daemons)
            raise ToolError(f"{' '.join(command)}: {(done.stdout + done.stderr).strip()}"
                            + (f"\nA daemon has ended:\n{self._log_end()}" if ended else ""))
        return done.stdout

    def _tool(self, name, *arguments):
        return self._run(*self._inside([f"{self.tree}/{name}", *arguments]))

    def _daemon(self, name, *arguments):
        with open(os.path.join(self.directory, "daemons.log"), "ab") as log:
            self.daemons.append(subprocess.Popen(
                self._inside([f"{self.tree}/{name}", *arguments]), env=self._environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait(self, there, what):
        end = time.monotonic() + WAIT_S
        while not there():
            if time.monotonic() > end or any(d.poll() is not None for d in self.daemons):
                raise ToolError(f"{what} does not come up:\n{self._log_end()}")
            time.sleep(0.1)

    def _log_end(self):
        with open(os.path.join(self.directory, "daemons.log"), encoding="utf-8",
                  errors="replace") as f:
            return "".join(f.readlines()[-8:]).strip()

    # --- the switch ---

    def _vsctl(self, *arguments):
        return self._tool("usr/bin/ovs-vsctl", "--timeout=20",
                          f"--db=unix:{self.directory}/db.sock", *arguments)

    def _appctl(self, *arguments):
        return self._tool("usr/bin/ovs-appctl", "-t", f"{self.directory}/vswitchd.ctl", *arguments)

    def _start(self):
        base, socket = f"{self.directory}/conf.db", f"{self.directory}/db.sock"
        self._tool("usr/bin/ovsdb-tool", "create", base,
                   f"{self.tree}/usr/share/openvswitch/vswitch.ovsschema")
        self._daemon("usr/sbin/ovsdb-server", base, f"--remote=punix:{socket}")
        self._wait(lambda: os.path.exists(socket), "ovsdb-server")
        drivers = " ".join(f"-d {path}" for path in self._drivers())
        self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    "other_config:dpdk-init=true",
                    f"other_config:dpdk-socket-mem={MEMORY_MB}",
                    f"other_config:pmd-cpu-mask={1 << self.cpu:#x}",
                    "other_config:dpdk-extra=--no-pci --in-memory "
                    "--vdev=net_null0,size=64,copy=0 --vdev=net_null1,size=64,copy=0,no-rx=1 "
                    + drivers)
        self._daemon("usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", f"unix:{socket}",
                     f"--unixctl={self.directory}/vswitchd.ctl")
        self._wait(lambda: os.path.exists(f"{self.directory}/vswitchd.ctl"), "ovs-vswitchd")
        self._configure()

    def _drivers(self):
        """DPDK looks for them where the package would have them."""
        base = f"{self.tree}/usr/lib/x86_64-linux-gnu/dpdk/pmds-*"
        return [path for name in ("bus_vdev", "mempool_ring", "net_null")
                for path in glob.glob(f"{base}/librte_{name}.so.*.*")]

    def _configure(self):
        for bridge in ("br-phy", "br-int"):
            self._vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
        for bridge, port, device in (("br-int", "n0", "net_null0"), ("br-phy", "n1", "net_null1")):
            self._vsctl("add-port", bridge, port, "--", "set", "interface", port, "type=dpdk",
                        f"options:dpdk-devargs={device}")
        self._vsctl("add-port", "br-int", "vx", "--", "set", "interface", "vx", "type=vxlan",
                    f"options:remote_ip={PEER_IP}", "options:key=42")
        self._run(*self._inside(["ip", "address", "add", "10.7.0.1/24", "dev", "br-phy"]))
        self._run(*self._inside(["ip", "link", "set", "br-phy", "up"]))
        for bridge, flows in (("br-int", ("in_port=n0,actions=output:vx",)),
                              ("br-phy", ("in_port=LOCAL,actions=output:n1",))):
            self._tool("usr/bin/ovs-ofctl", "del-flows", bridge)
            for flow in flows:
                self._tool("usr/bin/ovs-ofctl", "add-flow", bridge, flow)
        self._appctl("tnl/neigh/set", "br-phy", PEER_IP, PEER_MAC)
        self._wait(self._pushes, "its VXLAN tunnel")

    def _pushes(self):
        return "tnl_push" in self._appctl("dpctl/dump-flows")

    # --- measuring ---

    def _vswitchd(self):
        return self.daemons[-1].pid

    def stop(self):
        os.kill(self._vswitchd(), signal.SIGSTOP)

    def _thread(self):
        """The id of the polling thread."""
        for path in glob.glob(f"/proc/{self._vswitchd()}/task/*/comm"):
            with open(path, encoding="ascii") as f:
                if f.read().startswith("pmd-"):
                    return int(path.split("/")[-2])
        raise ToolError("ovs-vswitchd has no polling thread")

    def _waited(self):
        """Of the polling thread: nanoseconds that it ran, and that it wanted to."""
        path = f"/proc/{self._vswitchd()}/task/{self._thread()}/schedstat"
        with open(path, encoding="ascii") as f:
            ran, waited = f.read().split()[:2]
        return int(ran), int(waited)

    def _urgent(self, urgent):
        """Whether the polling thread goes before what else its core has to do."""
        policy, priority = (os.SCHED_FIFO, 1) if urgent else (os.SCHED_OTHER, 0)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(self._thread(), policy, os.sched_param(priority))

    def cycles(self, seconds):
        """Cycles a packet over so long, without those in which the kernel let others have
        the core; None where that was too much of the time, or the thread has not counted."""
        os.kill(self._vswitchd(), signal.SIGCONT)
        try:
            self._urgent(True)
            time.sleep(SETTLE_S)
            self._appctl("dpif-netdev/pmd-stats-clear")
            before = self._waited()
            time.sleep(seconds)
            ran, waited = (b - a for a, b in zip(before, self._waited()))
            stats = self._appctl("dpif-netdev/pmd-stats-show")
        finally:
            self._urgent(False)
            self.stop()
        found = re.search(r"avg processing cycles per packet: ([\d.]+)", stats)
        stolen = waited / max(ran + waited, 1)
        return float(found[1]) * (1 - stolen) if found and stolen <= STOLEN_MOST else None

    def close(self):
        for daemon in reversed(self.daemons):
            daemon.kill()
            daemon.wait()
        self.daemons = []
        subprocess.run(["ip", "netns", "del", self.namespace], stderr=subprocess.DEVNULL,
                       check=False)
        if self.pages:
            self.pages.close()
            self.pages = None
        shutil.rmtree(self.directory, ignore_errors=True)
