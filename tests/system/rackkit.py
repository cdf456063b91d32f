# SPDX-License-Identifier: BSD-2-Clause
"""A rack in a network namespace (as root): machines of QEMU on a bridge, that boot over the
network from a tree of `make netboot`, and the servers that they need: dnsmasq (Debian's
package, unpacked below build/) with the set-up that the tree brings along, a web server, and
what the head node of examples/rack.conf has, an NFS share and vnetpd."""

import contextlib
import os
import subprocess
import sys

import nfskit
from conftest import ROOT
from labkit import debs, host, serial
from labkit import machine as machines
from screenkit import QmpMachine
from waitkit import wait_for

SERVER = "10.0.0.254"
PACKAGES = ("dnsmasq-base", "libnetfilter-conntrack3", "libnfnetlink0", "libnftables1",
            "libnftnl11", "libmnl0", "libjansson4", "libxtables12", "libidn2-0",
            "libunistring2", "libnettle8", "libhogweed6", "libgmp10", "libdbus-1-3",
            "libsystemd0")
DNSMASQ = os.path.join(ROOT, "build/test/dnsmasq")


def unpack():
    debs.unpacked(PACKAGES, DNSMASQ, os.path.join(ROOT, "build/debs"))
    nfskit.unpack()


class Machine(QmpMachine):
    """One that boots over the network."""

    def __init__(self, rack, name, mac, memory, uefi=False):
        self.name = name
        directory = os.path.join(rack.directory, name)
        os.makedirs(directory)
        rack.ip("tuntap", "add", "dev", name, "mode", "tap")
        rack.ip("link", "set", name, "master", "eth0", "up")
        super().__init__(directory, [
            "-accel", "tcg,thread=multi", "-cpu", machines.CPU["svm"], "-machine", "pc",
            "-vga", "std", "-smp", "2" if uefi else "1", "-m", str(memory),
            "-netdev", f"tap,id=net0,ifname={name},script=no,downscript=no",
            "-device", f"e1000,netdev=net0,mac={mac}", "-boot", "n"], uefi,
                         rack.inside())

    def port(self):
        return serial.Port(self.path("serial.sock"), self.name)

    def ask(self, command):
        with self.port() as port:
            return serial.Node(port, self.name).command(command, 120)

    def sh(self, guest, command, timeout=300):
        """What the guest's shell prints; it has to succeed."""
        with self.port() as port:
            node = serial.Node(port, self.name)
            node.sync()
            node.attach(guest)
            try:
                output, status = serial.Shell(port, guest).run(command, timeout)
            finally:
                node.detach()
        assert status == 0, f"{guest}: {command}: {output}"
        return output


class Rack:
    """The namespace with the bridge and its servers. Use it with `with`: then it ends, with
    all machines."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.tree = os.path.join(self.directory, "tftp")
        self.share = os.path.join(self.directory, "share")
        self.netns = f"rack{os.getpid()}"
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            host.create(self.netns)
            self.stack.callback(host.delete, self.netns)
            host.set_up("rack", self.netns, f"""
                ip link set lo up
                ip link add eth0 type bridge
                ip address add {SERVER}/24 dev eth0
                ip link set eth0 up""")
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def ip(self, *words):
        subprocess.run(["ip", "-n", self.netns, *words], check=True)

    def inside(self, *command):
        return host.command(self.netns, list(command))

    def _start(self, *command, **more):
        log = self.stack.enter_context(open(os.path.join(self.directory, "servers.log"), "ab"))
        self._ends(subprocess.Popen(self.inside(*command), stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log, **more))

    def _ends(self, process):
        self.stack.callback(process.wait, 120)
        self.stack.callback(process.terminate)

    def make(self, conf, modules):
        subprocess.run(["make", "-s", "-C", ROOT, "netboot", f"DIR={self.tree}", f"CONF={conf}",
                        f"MODULES={' '.join(modules)}"], check=True)

    def serve(self, *more):
        """The tree, by TFTP and by HTTP; `more` are lines for dnsmasq."""
        conf = os.path.join(self.directory, "dnsmasq.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("\n".join([f"conf-file={self.tree}/examples/dnsmasq.conf", *more, ""]))
        libraries = ":".join(f"{DNSMASQ}/{path}/x86_64-linux-gnu" for path in ("usr/lib", "lib"))
        self._start(f"{DNSMASQ}/usr/sbin/dnsmasq", "--keep-in-foreground", "--user=root",
                    "--pid-file=", f"--dhcp-leasefile={self.directory}/leases",
                    f"--conf-file={conf}", env={**os.environ, "LD_LIBRARY_PATH": libraries})
        self._start(sys.executable, "-m", "http.server", "80", "--bind", SERVER, "--directory",
                    self.tree)
        self._listening("tcp", 80)
        self._listening("udp", 67)

    def _listening(self, protocol, port):
        """Waits for a server there."""
        def there():
            done = subprocess.run(self.inside("sh", "-c", f"cat /proc/net/{protocol}*"),
                                  check=True, capture_output=True, text=True)
            return f":{port:04X} " in done.stdout
        wait_for(there, f"a server at {protocol} port {port}")

    def head(self, conf, address):
        """vnetpd with the file's section `head`, and an NFS server behind its interface."""
        directory = os.path.join(self.directory, "head")
        os.makedirs(directory)
        os.makedirs(self.share)
        self._ends(host.start_vnetpd(os.path.join(ROOT, "build/vnetpd"), directory, self.netns,
                                     "head", conf))
        control = os.path.join(directory, host.CONTROL_SOCKET)
        wait_for(lambda: host.answers(control, 1), "vnetpd answers")
        self.ip("address", "add", f"{address}/24", "dev", "hpc0")
        self.stack.enter_context(nfskit.Server(directory, self.netns, self.share))
        self._listening("tcp", 2049)

    def url_of_files(self, mac, base):
        """The machine with this MAC loads the large files from there, as URL= has all do."""
        path = os.path.join(self.tree, "nodes", mac.replace(":", "-"), "boot.cfg")
        with open(path, encoding="ascii") as f:
            script = f.read()
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(f"{script}set base={base}\n")
        os.replace(path + ".new", path)

    def boot(self, *arguments, **more):
        """A Machine; it ends with the rack."""
        return self.stack.enter_context(Machine(self, *arguments, **more))
