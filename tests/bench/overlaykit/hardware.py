# SPDX-License-Identifier: BSD-2-Clause
"""The same measurements on machines of one's own: the guests' image with a script in it, made
from the measures, a cluster file, a tree to boot them from; and what the script printed,
read again.

There the ways cannot take turns as in the lab: each way is a boot. So a round is the n-th
of a log, and the report says that."""

import ipaddress
import os
import re
import subprocess

from labkit import cpio
from labkit.errors import ToolError, usage_error
from overlaykit import measures, ways
from overlaykit.rounds import CLOCK, about

SCRIPT = "usr/bin/overlay-run"
IMAGE = "initrd-overlay.img"
KERNEL = "vmlinuz-amd64"
MARK = "== overlay-run"
ABOUT = f"uname -r; cat {CLOCK}; nproc"
CPIO_ALIGN = 512
MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\Z")
NODES = ("alpha", "beta")
LINE = re.compile(rf"^{MARK} (\d+) (\S+)\s*$", re.MULTILINE)

NEAR, FAR = "10.1.0.1", "10.1.0.2"

HEAD = f"""\
#!/usr/bin/dash
# Measures against the other end, and prints what tests/bench/overlay --log reads.
case ${{1:-7}} in *[!0-9]*|0) echo "usage: overlay-run [ROUNDS]" >&2; exit 2 ;; esac
rounds=${{1:-7}} round=0
mkdir -p /root/.ssh
echo "{FAR} $(cat /etc/dropbear/host.pub)" >/root/.ssh/known_hosts
dbclient root@{FAR} '{measures.SERVERS}' </dev/null || exit 1
# A NIC may lose its link over another MTU for some seconds.
mtu() {{
    [ "$(cat /sys/class/net/eth0/mtu)" = "$1" ] || ip link set eth0 mtu "$1" 2>/dev/null ||
        ip link set eth0 mtu {ways.PLAIN_MTU_MOST}
    tries=60
    until ping -q -c 1 -W 1 {FAR} >/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || exit 1
    done
}}
echo "{MARK} 0 about"
{ABOUT}
while [ $round -lt "$rounds" ]; do
"""
STEP = """\
mtu {mtu}
echo "{mark} $round {key}"
{command}
"""
TAIL = f"""\
echo "{MARK} $round end"
round=$((round + 1))
done
"""

# The guests' names and addresses are those of the lab; MACs and uplinks are the user's.
NODE = """\
node {name} mac {mac}
  uplink add 0 address {address} mtu 9000
  control listen from {network}
  link add peer udp remote {remote} port 9000 fragment on
  vm add g1 memory 1G cpus 1 kernel {kernel} initrd {image} \
cmdline "console=ttyS0 mitigations=off clocksource=tsc panic=1 caisson.name={name}-g1 \
caisson.ip=10.1.0.{side}/24"
  interface add g1.eth0 mac 02:00:00:00:01:0{side} mtu {mtu}
  route add src any dst any to edge peer from interface g1.eth0
  route add src any dst any to interface g1.eth0 from edge peer
  vm start g1
"""


class Ends:
    """Stands for a way when the script is made."""

    peer = FAR


def script(lengths, chosen):
    steps = [STEP.format(mark=MARK, key=one.key, mtu=one.mtu,
                         command=one.command(lengths, Ends)) for one in chosen]
    return "".join([HEAD, *steps, TAIL])


def image(path, base, lengths, chosen):
    """The guests' image, and behind it an archive with the script: Linux unpacks both."""
    more = cpio.Archive()
    more.file(SCRIPT, script(lengths, chosen).encode(), 0o755)
    with open(base, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(data + b"\0" * (-len(data) % CPIO_ALIGN) + more.to_bytes())


def parse_nodes(texts):
    """Two of MAC,ADDRESS/LEN."""
    found = []
    for text in texts:
        mac, _, rest = text.partition(",")
        try:
            address = ipaddress.IPv4Interface(rest)
        except ValueError:
            address = None
        if not address or not MAC.match(mac):
            raise usage_error(f'"{text}" is no MAC,ADDRESS/LEN, as in 52:54:00:00:00:01,'
                              "192.168.7.1/24")
        found.append((mac.lower(), address))
    if len(found) != len(NODES):
        raise usage_error("two nodes are needed, each as MAC,ADDRESS/LEN")
    return found


def cluster(nodes):
    sections = [NODE.format(name=NODES[at], mac=mac, address=address, network=address.network,
                            remote=nodes[1 - at][1].ip, kernel=KERNEL, image=IMAGE, side=at + 1,
                            mtu=ways.GUEST_MTU_MOST)
                for at, (mac, address) in enumerate(nodes)]
    return "\n".join(["caisson 1", *sections])


def prepare(root, directory, nodes, lengths, chosen):
    """Everything into `directory`; gives how to go on, as text."""
    guests = os.path.join(root, "build/guest")
    os.makedirs(directory, exist_ok=True)
    image(os.path.join(directory, IMAGE), os.path.join(guests, "initrd-bench.img"), lengths,
          chosen)
    conf = os.path.join(directory, "cluster.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(cluster(nodes))
    check(root, conf)
    tree = netboot(root, directory, conf, [os.path.join(guests, KERNEL),
                                           os.path.join(directory, IMAGE)])
    return HOWTO.format(directory=os.path.relpath(directory), tree=tree, image=IMAGE,
                        kernel=os.path.relpath(os.path.join(guests, KERNEL)),
                        first=nodes[0][1].ip, near=NEAR, far=FAR, mtu=ways.PLAIN_MTU_MOST)


def check(root, conf):
    done = subprocess.run([os.path.join(root, "build/vnetctl"), "check", conf],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{conf}: {done.stdout}{done.stderr}")


def netboot(root, directory, conf, modules):
    """The tree to boot from, and what to say of it."""
    tool = os.path.join(root, "tools/mknetboot")
    if not os.path.exists(tool):
        return ("There is no tools/mknetboot in this tree: let GRUB load build/caisson.elf with\n"
                "   cluster.conf (as node.conf), the kernel and the image (README, \"On a machine "
                "of your own\").")
    tree = os.path.join(directory, "netboot")
    done = subprocess.run([tool, "--conf", conf, tree, *modules], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise ToolError(f"mknetboot: {done.stdout}{done.stderr}".strip())
    return f"Serve {os.path.relpath(tree)} by TFTP or HTTP (its examples/ have set-ups)."


HOWTO = """\
In {directory}: cluster.conf, and {image}, the guests' image with the measurements in it.

1. {tree}
   Both machines boot Caisson, and a guest starts on each.
2. Measure, from a machine of their network:
       build/vnetctl -n {first} console g1     # alpha's guest; there:
       overlay-run
   Keep what it prints: script -c 'build/vnetctl ...' guest.log. For a dispatcher on core N say
   `dispatcher add 0 core N` and `interface set g1.eth0 mode vmm` on both nodes: vmm.log.
3. The native side: boot {kernel} with {image} on both machines themselves, with
   "caisson.ip={near}/24 caisson.mtu={mtu} caisson.name=p1" and "... {far}/24 ... p2" on the
   kernel's command line; overlay-run on the first one: native.log.
4. tests/bench/overlay --log native=native.log guest=guest.log vmm=vmm.log
   makes a table of it, and build/bench/overlay-hardware.json, .csv and .html.
"""


def read_log(path, way, chosen):
    """(rows, failures, what the machine is) of what overlay-run printed."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read().replace("\r", "")
    except OSError as error:
        raise usage_error(f"{path}: {error.strerror}") from None
    known = {one.key: one for one in chosen}
    marks = list(LINE.finditer(text))
    if not marks:
        raise usage_error(f"{path}: there is no line of overlay-run in it")
    rows, failures, machine = [], [], None
    for mark, behind in zip(marks, [*marks[1:], None]):
        number, one = int(mark[1]), known.get(mark[2])
        said = text[mark.end():behind.start() if behind else len(text)]
        if mark[2] == "about":
            machine = about(said)
        if not one:
            continue
        row = {"round": number, "way": way, "measure": one.key, "unit": one.unit, "mtu": one.mtu,
               "value": None, "stolen": 0.0}
        try:
            result = one.read(said)
            row["value"] = result.value
            row.update({name: list(got) if name == "samples" else got for name, got in
                        (("samples", result.samples), ("detail", result.detail)) if got})
        except ToolError as error:
            failures.append(f"{path}: round {number + 1}, {one.title}: {error}")
        rows.append(row)
    return rows, failures, machine
