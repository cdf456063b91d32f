# SPDX-License-Identifier: BSD-2-Clause
"""Machines of Bochs in a lab: what their keeper does for them, with the test in Bochs'
place; and one on a wire, for real, whether or not it can run guests.

    alpha 10.0.0.1 (Bochs) ======= 10.0.0.2 p (QEMU)
"""

import contextlib
import json
import os
import pty
import selectors
import signal
import socket
import subprocess
import sys
import time
import tty

import pingkit
import pytest
from labkit import bochs, keeper, pcap
from labkit import serial as serials

LAB = """\
machine alpha backend vmx cores 1 memory 256M
machine p plain yes cores 1 memory 256M kernel vmlinuz-amd64 initrd initrd-amd64.img \
cmdline "console=ttyS0 quiet mitigations=off panic=1 caisson.ip=10.0.0.2/24"
wire w alpha p
caisson 1
node alpha mac 52:54:00:00:00:01
  uplink add 0 address 10.0.0.1/24
  link add far udp remote 10.0.0.2 port 9000
"""
FRAME = bytes(range(60))
IDLE_S = 10


# --- the keeper's parts, without Bochs ----------------------------------------

@pytest.fixture(name="loop")
def new_loop(tmp_path, monkeypatch):
    """A selector in a directory of its own, and turns of it."""
    monkeypatch.chdir(tmp_path)
    with selectors.DefaultSelector() as selector:
        yield selector


def turn(loop, seconds=0.2):
    """Handles what there is until nothing comes for a while."""
    ready = True
    while ready:
        ready = loop.select(seconds)
        for key, events in ready:
            key.data(events)


def datagrams(path=None):
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if path:
        ours.bind(path)
    ours.setblocking(False)
    return ours


def ask_for_port(loop, name=b"\0" + b"machine".ljust(107, b"\0"), magic=keeper.VDE_MAGIC):
    """Does what Bochs does at its start: (its data socket, where its frames go)."""
    ours = datagrams(name)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.connect(keeper.VDE_SOCKET)
    request = keeper.VDE_REQUEST.pack(magic, keeper.VDE_VERSION, 0, socket.AF_UNIX, name)
    control.sendall(request.ljust(124, b"\0"))
    turn(loop)
    answer = control.recv(256)
    control.close()
    if not answer:
        return ours, None
    assert len(answer) == 110
    return ours, keeper.SOCKET_ADDRESS.unpack(answer)[1].rstrip(b"\0")


def test_frames_both_ways_and_the_capture(loop):
    wire = keeper.Wire(loop, ["own", "other"], "w.pcap", 50)
    far = datagrams("other")
    machine, port = ask_for_port(loop)
    machine.sendto(FRAME, port)
    turn(loop)
    assert far.recv(2000) == FRAME
    far.sendto(FRAME[::-1], "own")
    turn(loop)
    assert machine.recv(2000) == FRAME[::-1]
    with open("w.pcap", "rb") as f:
        data, count = pcap.whole(f.read())
    assert count == 2
    kept = [data[start + pcap.RECORD.size:end] for start, end in pcap.records(data)]
    assert kept == [FRAME[:50], FRAME[::-1][:50]]
    wire.write_counts()
    with open(keeper.COUNTS, encoding="ascii") as f:
        assert json.load(f) == {"to the wire": 1, "to the machine": 1}


def test_what_waits_is_in_order_and_what_is_lost_is_counted(loop):
    wire = keeper.Wire(loop, ["own", "other"], None, 0)
    far = datagrams("other")
    machine, port = ask_for_port(loop)
    count = 2 * keeper.QUEUE_FRAMES
    for number in range(count):
        machine.setblocking(True)  # Bochs waits as well: for the keeper, not for the far end
        while True:
            try:
                machine.sendto(number.to_bytes(4, "big"), socket.MSG_DONTWAIT, port)
                break
            except BlockingIOError:
                turn(loop, 0)
    turn(loop)
    arrived = []
    while True:
        try:
            arrived.append(int.from_bytes(far.recv(2000), "big"))
        except BlockingIOError:
            before = len(arrived)
            turn(loop, 0.05)
            if wire.counts["to the wire"] == before:
                break
    lost = wire.counts[keeper.LOST + "to the wire"]
    assert lost and len(arrived) + lost == count
    assert len(arrived) >= keeper.QUEUE_FRAMES and arrived == list(range(len(arrived)))


def test_what_the_nic_drops_is_counted_by_its_log(loop):
    wire = keeper.Wire(loop, None, None, 0)
    wire.write_counts()
    assert keeper.NOT_READY not in wire.counts
    line = b"00012345678e[E1000A] " + bochs.NIC_DROPPED + b"\n"
    with open(bochs.LOG, "wb", buffering=0) as log:
        log.write(line + b"00012345679i[CMOS  ] something else\n" + line + line[:30])
        wire.write_counts()
        assert wire.counts[keeper.NOT_READY] == 2
        log.write(line[30:])
        wire.write_counts()
    with open(keeper.COUNTS, encoding="ascii") as f:
        assert json.load(f) == {keeper.NOT_READY: 3}


# As eth_vde of Bochs 2.7 does it: room for an address by a variable that nobody set.
RECEIVE = """
import ctypes, sys
libc = ctypes.CDLL(None)
frame, address = ctypes.create_string_buffer(2000), ctypes.create_string_buffer(128)
for room in (-5, 110, 0x7fff1234):
    print(libc.recvfrom(int(sys.argv[1]), frame, 2000, 0, address,
                        ctypes.byref(ctypes.c_int(room))), end=" ")
"""


def test_no_frame_is_taken_and_refused(loop, hypervisor):
    ours = datagrams("ours")
    for _ in range(3):
        datagrams().sendto(FRAME, "ours")
    read = subprocess.run([sys.executable, "-c", RECEIVE, str(ours.fileno())], text=True,
                          stdout=subprocess.PIPE, check=True, pass_fds=[ours.fileno()],
                          env={**os.environ, "LD_PRELOAD": os.path.abspath(bochs.PACE)})
    assert read.stdout.split() == 3 * [str(len(FRAME))]


def test_a_loose_end_is_no_error(loop):
    wire = keeper.Wire(loop, ["own", "other"], None, 0)
    machine, port = ask_for_port(loop)
    machine.sendto(FRAME, port)
    turn(loop)
    far = datagrams("other")
    machine.sendto(FRAME, port)
    turn(loop)
    assert far.recv(2000) == FRAME
    assert wire.counts == {"unheard by the wire": 1, "to the wire": 1}


@pytest.mark.parametrize("request_", [b"", b"x", bytes(124), b"\xff" * 200])
def test_what_is_no_request_gets_no_port(request_):
    with pytest.raises(ValueError):
        keeper.parse_request(request_)


def read(loop, terminal, count):
    """So many bytes at its other end: a terminal passes them on in its own time."""
    data = b""
    while len(data) < count:
        turn(loop, 0.05)
        with contextlib.suppress(BlockingIOError):
            data += os.read(terminal, 65536)
    return data


def test_the_serial_line_has_one_user_at_a_time_and_a_log(loop):
    line, machine = pty.openpty()
    tty.setraw(machine)
    os.set_blocking(line, False)
    os.set_blocking(machine, False)
    keeper.Serial(loop, line, "serial.sock", "serial.log")
    os.write(machine, b"before anybody came\n")
    while os.path.getsize("serial.log") < 20:
        turn(loop, 0.05)
    with serials.Port(os.path.abspath("serial.sock"), "m") as first:
        os.write(machine, b"hello\n")
        second = serials.Port(os.path.abspath("serial.sock"), "m")
        while first.received != b"hello\n":
            turn(loop, 0.05)
            first.receive_more()
            assert b"hello\n".startswith(first.received)
        second.send(b"waits")
        first.send(b"typed" * 4000)  # more than a terminal takes at once
        assert read(loop, machine, 20000) == b"typed" * 4000
    assert read(loop, machine, 5) == b"waits"
    second.socket.close()
    with open("serial.log", "rb") as f:
        assert f.read() == b"before anybody came\nhello\n"


def test_a_log_ends_before_the_registers(tmp_path):
    log = tmp_path / "bochs.log"
    log.write_text("00000000000i[SIM   ] one\n01105716000p[e1000A] >>PANIC<< two\n"
                   "01105716000i[CPU0  ] | RAX=0000000000000000\n")
    assert bochs.log_tail(log).splitlines()[-1].endswith("two")
    assert bochs.log_tail(tmp_path / "none") == ""


# --- a machine, for real -----------------------------------------------------------

@pytest.fixture(scope="module", name="lab")
def running_lab(tmp_path_factory, bring_up, hypervisor):
    path = tmp_path_factory.mktemp("bochs") / "bochs-wire.lab"
    path.write_text(LAB)
    return bring_up(str(path), "--no-guests")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def emulator(lab):
    """Bochs' process: the keeper's child."""
    with open(os.path.join(lab.directory, "state.json"), encoding="utf-8") as f:
        keeper_pid = json.load(f)["machines"]["alpha"]["pid"]
    return keeper_pid, children(keeper_pid)[0]


def test_it_answers_on_its_wire_and_its_serial_line(lab):
    assert lab.ctl("alpha", "show node").startswith("alpha: ")
    pingkit.none_lost(lab, "p", "10.0.0.1", 300, interval=0.01)
    pingkit.none_lost(lab, "p", "10.0.0.1", options="-s 1400")
    # The driver had the MAC address from the EEPROM: the receive address reads 0.
    assert "e1000 52:54:00:00:00:01" in lab.ctl("alpha", "show uplink")
    marked = [frame for frame in lab.capture("w") if "ICMP" in frame]
    assert len(marked) >= 640
    assert {frame.src for frame in marked} >= {"52:54:00:00:00:01"}


def test_its_clock_is_the_hosts_when_it_is_idle(lab):
    """An idle processor of Bochs skips to its next event: unwired, hours pass in seconds."""
    def now():
        return json.loads(lab.ctl("alpha", "show node json"))["up_ns"] / 1e9, time.monotonic()

    node_begin, begin = now()
    time.sleep(IDLE_S)
    node_end, end = now()
    assert node_end - node_begin <= 2 * (end - begin)


def test_no_port_is_open(lab):
    inodes = set()
    for pid in emulator(lab):
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    assert inodes  # of the keeper, at least
    for table in ("tcp", "tcp6", "udp", "udp6", "raw"):
        if os.path.exists(f"/proc/net/{table}"):
            with open(f"/proc/net/{table}", encoding="ascii") as f:
                assert not inodes & {line.split()[9] for line in f.readlines()[1:]}


def test_its_end_is_seen_and_nothing_stays(lab):
    keeper_pid, pid = emulator(lab)
    os.kill(keeper_pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")
    status = lab.tool("status")
    assert status.returncode == 1 and "ended" in status.stdout
    refused = lab.tool("ctl", "alpha", "show node")
    assert refused.returncode == 1 and "not running any more" in refused.stderr


def test_a_start_that_fails_says_why(tmp_path, hypervisor):
    path = tmp_path / "no-model.lab"
    path.write_text("machine a backend vmx model no_such_cpu memory 64M\n")
    done = subprocess.run([os.path.join(os.path.dirname(bochs.__file__), "../lab"), "--dir",
                           str(tmp_path / "state"), "up", str(path)], capture_output=True,
                          text=True, check=False, timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "exit status of Bochs: 1" in done.stderr
    assert "wrong value for parameter 'model'" in done.stderr
