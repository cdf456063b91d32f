# SPDX-License-Identifier: BSD-2-Clause
"""vnetpd as a daemon: its command line, its control socket, reloading, and what it says
when something is wrong."""

import os
import signal
import socket
import stat
import subprocess

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

GOOD = nskit.config("a")
NOBODY = 65534
LONG_LINE = "x" * (1 << 20)


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


def call(*arguments, **options):
    return subprocess.run([nskit.VNETPD, *arguments], capture_output=True, text=True, check=False,
                          timeout=nskit.RUN_TIMEOUT_S, **options)


# --- command line --------------------------------------------------------------

def test_help_and_version():
    for option in ("--help", "-h"):
        done = call(option)
        assert done.returncode == 0 and "usage: vnetpd" in done.stdout and not done.stderr
    done = call("--version")
    assert done.returncode == 0 and done.stdout.startswith("vnetpd ")


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["one", "two"], ["--check"]])
def test_wrong_command_lines(arguments):
    done = call(*arguments)
    assert done.returncode == 2 and "vnetpd --help" in done.stderr and not done.stdout


def test_check_names_every_error(tmp_path):
    path = tmp_path / "node.conf"
    path.write_text(GOOD + "  link add x udp remote 10.9.0.9 prot 1\n  rout add\n")
    done = call("--node", "a", "--check", str(path))
    assert done.returncode == 1
    assert 'unknown word "prot" (did you mean "port"?)' in done.stderr
    assert "node.conf:7:" in done.stderr and "node.conf:8:" in done.stderr
    assert "2 errors" in done.stderr
    path.write_text(GOOD)
    done = call("--node", "a", "--check", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = call("--node", "c", "--check", str(path))
    assert done.returncode == 1 and "none of its 1 node sections is named c" in done.stderr


@pytest.mark.parametrize("name, node", [("cluster", "login"), ("rack", "head"), ("nat", "laptop")])
def test_examples(name, node):
    path = os.path.join(nskit.ROOT, f"examples/{name}.conf")
    assert call("--node", node, "--check", path).returncode == 0


def test_no_such_file(world):
    done = world.run("a", [nskit.VNETPD, "--socket", f"{world.directory}/s", "/nonexistent"])
    assert done.returncode == 1 and "/nonexistent: No such file" in done.stderr


@pytest.mark.parametrize("line, words", [
    ("vm add g1 memory 64M kernel k", "vnetpd has no guests"),
    ("uplink add 0 address 10.0.0.1/24", "vnetpd has no uplink"),
    ("interface add a-name-too-long-for-linux mac 02:00:00:00:00:01", "at most 15 characters"),
    ("link add y udp remote 10.9.0.2", "is there"),
])
def test_statements_that_cannot_be_here(world, line, words):
    """It does not start, and says which line it is."""
    daemon = world.vnetpd("a", GOOD + f"  {line}\n", wait=False)
    assert daemon.process.wait(nskit.START_TIMEOUT_S) == 1
    assert words in daemon.log() and "a.conf:7:" in daemon.log()
    assert not os.path.exists(daemon.socket)
    assert "tap0" not in world.run("a", ["ip", "link"]).stdout


def test_without_root(world):
    path = os.path.join(world.directory, "a.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(GOOD)
    own = os.path.join(world.directory, "own")
    os.mkdir(own)
    os.chown(own, NOBODY, NOBODY)
    done = world.run("a", ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                           nskit.VNETPD, "--node", "a", "--socket", f"{own}/sock", path])
    assert done.returncode == 1
    assert "vnetpd starts as root" in done.stderr


def test_without_dev_net_tun(world):
    """An empty /dev/net over the real one, in a mount namespace of its own."""
    path = os.path.join(world.directory, "a.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(GOOD)
    done = world.run("a", ["unshare", "-m", "sh", "-c",
                           f"mount -t tmpfs none /dev/net && exec {nskit.VNETPD} --node a "
                           f"--socket {world.directory}/s {path}"])
    assert done.returncode == 1
    assert "there is no /dev/net/tun" in done.stderr


# --- life ----------------------------------------------------------------------

def test_sigterm_leaves_nothing(world):
    daemon = world.vnetpd("a", GOOD)
    assert "tap0" in world.run("a", ["ip", "link"]).stdout
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o600
    assert daemon.stop() == 0
    assert "tap0" not in world.run("a", ["ip", "link"]).stdout


def test_privileges_are_dropped(world):
    for options, kept in (((), "0000000000003400"), (("--lock",), "0000000000000000")):
        daemon = world.vnetpd("a", GOOD, *options)
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        assert str(NOBODY) in status["Uid"] and status["CapEff"] == status["CapPrm"] == kept
        assert status["NoNewPrivs"] == "1"
        assert daemon.stop() == 0


def test_second_one_on_the_same_socket(world):
    daemon = world.vnetpd("a", GOOD)
    done = world.run("a", [nskit.VNETPD, "--node", "a", "--socket", daemon.socket, daemon.config])
    assert done.returncode == 1 and "another vnetpd answers there" in done.stderr
    assert daemon.ask("show node")[0] == "ok"


# --- reloading -----------------------------------------------------------------

def reload(daemon):
    """True: the file is followed; False: it is not."""
    before = daemon.log().count("is followed now"), daemon.log().count("is not followed")
    daemon.signal(signal.SIGHUP)
    counts = nskit.wait_for(
        lambda: (lambda now: now if now != before else None)(
            (daemon.log().count("is followed now"), daemon.log().count("is not followed"))),
        "an end of the reload")
    return counts[0] > before[0]


def test_reload_changes_what_differs(world):
    daemons = {side: world.vnetpd(side, nskit.config(side)) for side in nskit.SIDES}
    assert world.ping("a", nskit.OVER["b"], 3)
    a = daemons["a"]
    before = a.stats()["interfaces"]["tap0"]["tx_frames"]
    a.write_config(nskit.config("a", extra="  interface add tap1 mac 02:00:00:00:00:1a\n"
                                           "  link add c vxlan remote 10.9.0.3 vni 5\n"))
    assert reload(a)
    assert "link add c vxlan" in a.ctl("show config")
    # What stayed the same was not touched: same counters, same address.
    assert a.stats()["interfaces"]["tap0"]["tx_frames"] >= before
    assert len(world.ping("a", nskit.OVER["b"], 3)) == 3
    a.write_config(nskit.config("a"))
    assert reload(a)
    assert "tap1" not in a.ctl("show config")
    assert "tap1" not in world.run("a", ["ip", "link"]).stdout
    assert len(world.ping("a", nskit.OVER["b"], 3)) == 3


@pytest.mark.parametrize("change", [
    lambda text: text + "  rout add\n",                                   # does not parse
    lambda text: text.replace("interface add tap0", "interface add tap2")
                     .replace("interface tap0", "interface tap2")
                     .replace("remote 10.9.0.2", "remote 10.9.0.3")
                 + "  vm start g1\n",                                     # fails at the end
    lambda text: text.replace("to interface tap0", "to interface tap9"),  # dangling name
])
def test_reload_whole_or_not_at_all(world, change):
    daemon = world.vnetpd("a", GOOD)
    before = sorted(daemon.ctl("show config").splitlines())
    daemon.write_config(change(GOOD))
    assert not reload(daemon)
    assert sorted(daemon.ctl("show config").splitlines()) == before
    assert "tap2" not in world.run("a", ["ip", "link"]).stdout
    assert daemon.stats()["sum"]["balanced"]


# --- control socket --------------------------------------------------------------

def test_what_is_shown_can_be_read_back(world, tmp_path):
    daemon = world.vnetpd("a", GOOD + "  link set b state down\n")
    shown = daemon.ctl("show config")
    path = tmp_path / "shown.conf"
    path.write_text(shown)
    assert call("--node", "a", "--check", str(path)).returncode == 0
    daemon.write_config(shown)
    assert reload(daemon)
    assert daemon.ctl("show config") == shown


def test_changes_by_the_socket(world):
    for side in nskit.SIDES:
        daemon = world.vnetpd(side, nskit.config(side))
    assert world.ping("b", nskit.OVER["a"], 1)
    daemon.ctl("link set a state down")
    assert not world.answers("b", nskit.OVER["a"])
    assert daemon.stats()["interfaces"]["tap0"]["drops"] or daemon.stats()["drops"]["port-down"]
    daemon.ctl("link set a state up")
    nskit.wait_for(lambda: world.answers("b", nskit.OVER["a"]), "an answer again")


@pytest.mark.parametrize("statement, words", [
    ("link del b", "2 routes name it"),
    ("link del nobody", 'there is no link "nobody"'),
    ("route del 99", "there is no route 99"),
    ("interface add tap1 mac 02:00:00:00:00:0a", "taken"),
    ("show nonsense", "unknown word"),
    ("interface add tap1", 'needs "mac"'),
])
def test_refused_statements_change_nothing(world, statement, words):
    daemon = world.vnetpd("a", GOOD)
    before = daemon.ctl("show config")
    status, _ = daemon.ask(statement)
    assert status.startswith("error ") and words in status, status
    assert daemon.ctl("show config") == before
    assert "tap1" not in world.run("a", ["ip", "link"]).stdout


def test_bad_clients(world):
    """A line of 1 MB, many clients, one that asks and never reads: others do not notice."""
    daemons = {side: world.vnetpd(side, nskit.config(side)) for side in nskit.SIDES}
    client = nskit.Control(daemons["a"].socket)
    with pytest.raises((BrokenPipeError, ConnectionResetError, AssertionError)):
        client.socket.sendall(LONG_LINE.encode())
        status, _ = client.answer()
        assert status is None or not status.startswith("error a line has at most")
    client.close()
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(daemons["a"].socket)
    deaf.setblocking(False)
    sent = 0
    try:
        while sent < 1 << 20:
            sent += deaf.send(b"show stats json\n" * 1000)
    except BlockingIOError:
        pass
    others = [nskit.Control(daemons["a"].socket) for _ in range(20)]
    assert len(world.ping("a", nskit.OVER["b"], 5)) == 5
    for other in others:
        other.close()
    deaf.close()
    nskit.wait_for(lambda: daemons["a"].ask("show node")[0] == "ok", "an answer")
    assert daemons["a"].stats()["sum"]["balanced"]


def test_device_deleted_behind_its_back(world):
    daemon = world.vnetpd("a", GOOD)
    world.ip("a", "link del tap0")
    nskit.wait_for(lambda: "is gone" in daemon.log(), "the log line")
    assert daemon.ask("show node")[0] == "ok"
    daemon.ctl("interface del tap0 force")
    daemon.ctl("interface add tap0 mac 02:00:00:00:00:0a")
    assert "tap0" in world.run("a", ["ip", "link"]).stdout
