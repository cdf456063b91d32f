# SPDX-License-Identifier: BSD-2-Clause
"""vnetctl: what it says about files, and how it talks to vnetpd in a network namespace."""

import json
import os
import shutil
import socket
import subprocess
import threading

import nskit
import pytest

VNETCTL = os.path.join(nskit.ROOT, "build/vnetctl")
EXAMPLES = os.path.join(nskit.ROOT, "examples")
SOCKETS = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

GOOD = nskit.config("a")
ROUTES = ["route add src any dst 02:00:00:00:01:%02x to edge b" % i for i in range(100)]


def call(*arguments, **options):
    return subprocess.run([VNETCTL, *arguments], capture_output=True, text=True, check=False,
                          timeout=options.pop("timeout", nskit.RUN_TIMEOUT_S), **options)


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


@pytest.fixture(name="daemon")
def fixture_daemon(world):
    return world.vnetpd("a", GOOD)


def ctl(daemon, *arguments, **options):
    return call("-t", str(nskit.ANSWER_TIMEOUT_S), "-n", daemon.socket, *arguments, **options)


# --- command line --------------------------------------------------------------

def test_help_and_version():
    for option in ("--help", "-h"):
        done = call(option)
        assert done.returncode == 0 and "usage: vnetctl" in done.stdout and not done.stderr
    done = call("--version")
    assert done.returncode == 0 and done.stdout.startswith("vnetctl ")


@pytest.mark.parametrize("arguments", [
    [], ["--nonsense"], ["check"], ["expand", "x"], ["batch"], ["diff"], ["apply", "a", "b"],
    ["-t", "x", "show", "node"], ["-t", "0", "show", "node"], ["-n", "n[1-", "show", "node"],
    ["-n", "n[2-1]", "show", "node"], ["-n", "", "show", "node"], ["watch", "link", "del", "b"],
    ["-n", "n[1-99999]", "show", "node"], ["check", "/nonexistent"],
])
def test_wrong_command_lines(arguments):
    done = call(*arguments)
    assert done.returncode == 2 and "vnetctl: " in done.stderr and not done.stdout


def test_nobody_answers(tmp_path):
    done = call("-n", f"{tmp_path}/none.sock", "show", "node")
    assert done.returncode == 2 and "none.sock: No such file" in done.stderr


def test_completion_follows_the_grammar():
    def words(*before):
        return call("--complete", *before).stdout.split()
    assert {"link", "route", "show", "batch", "check"} <= set(words())
    assert {"add", "del", "set", "show"} <= set(words("link"))
    assert "geneve" in words("link", "add", "b")
    assert {"remote", "port"} <= set(words("link", "add", "b", "udp"))
    assert words("link", "add", "b", "udp", "checksum") == ["on", "off"]
    assert {"link", "route"} <= set(words("show"))


def test_bash_completion():
    """The script as bash runs it."""
    def complete(*words):
        line = " ".join(f"'{word}'" for word in words)
        script = (f"source {nskit.ROOT}/tools/completion/vnetctl.bash; "
                  f"COMP_WORDS=({VNETCTL} {line}); COMP_CWORD={len(words)}; _vnetctl; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        return done.stdout.split()
    assert complete("li") == ["link"]
    assert complete("link", "add", "b", "g") == ["geneve"]
    assert complete("-n", "x", "-j", "link", "sh") == ["show"]
    assert sorted(complete("ledger", "o")) == ["off", "on"]
    assert complete("--ti") == ["--timeout"]
    assert complete("watch", "sho") == ["show"]
    assert complete("check", "/etc/host")[0].startswith("/etc/host")


@pytest.mark.parametrize("page", ["tools/man/vnetctl.1", "tools/man/vnetpd.8",
                                  "build/man/node.conf.5"])
def test_manual_pages(page):
    """Every option and statement is in them, and groff has no complaint where it is there."""
    with open(os.path.join(nskit.ROOT, page), encoding="utf-8") as f:
        text = f.read().replace("\\-", "-")
    if page.endswith("vnetctl.1"):
        for word in call("--help").stdout.split():
            assert not word.startswith("--") or word.rstrip(",") in text, word
    if page.endswith("node.conf.5"):
        for line in call("grammar").stdout.splitlines():
            assert line.startswith(" ") or line in text, line
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", page], cwd=nskit.ROOT,
                              capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr


# --- files ---------------------------------------------------------------------

def examples(suffix):
    return sorted(os.path.join(EXAMPLES, name) for name in os.listdir(EXAMPLES)
                  if name.endswith(suffix) and name != "bad.conf")


def test_examples_are_right():
    done = call("check", *examples(".conf"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_error_of_the_bad_example():
    done = call("check", os.path.join(EXAMPLES, "bad.conf"))
    assert done.returncode == 1
    for words in ('bad.conf:9:16: unknown word "adress" (did you mean "address"?)',
                  'bad.conf:11:14: uplink "0" is there already', 'bad.conf:26:37: there is no link',
                  'bad.conf:27:17: "none" is no source', 'bad.conf:32:12: there is no vm "g9"'):
        assert words in done.stderr
    assert done.stderr.endswith("vnetctl: 12 errors\n")


@pytest.mark.parametrize("line, words", [
    ("link add c udp remote 10.9.0.9 vni 3", 'a udp link has no "vni"'),
    ("link add c udp remote 255.255.255.255", "no single machine"),
    ("link add b udp remote 10.9.0.9", 'link "b" is there already'),
    ("link add c geneve remote 10.9.0.9 overlay red", 'no overlay "red"'),
    ("overlay set red learn on", 'no overlay "red"'),
    ("interface add tap1 mac 01:00:00:00:00:0a", "group address"),
    ("interface set tap9 state up", 'no interface "tap9"'),
    ("route add src any dst any to edge tap0", 'no link "tap0"'),
    ("vm start g1", 'no vm "g1"'),
    ("node a", 'node "a" has a section already, in line 2'),
    ("uplink set 0 address dhcp", 'no uplink "0"'),
    ("uplink add 4 address dhcp", "an uplink is a number: 0 to 3"),
    ("uplink add 1 address dhcp\nlink add a udp remote 10.0.0.2 uplink 2",
     "uplink 2 is not in use"),
    ("control listen from 10.0.0.0/8", "no uplink is in use"),
    ("core set first assert quiet", "a core is a number"),
    ("disk add g.d module m", "is not VM.NAME with a vm"),
    ("vm add g memory 2M kernel k\ndisk add g module m", "is not VM.NAME with a vm"),
    ("vm add g memory 2M kernel k\ndisk add g.d module m overlay 65K", "no multiple of 4K"),
    ("vm add g memory 2M kernel k\ndisk add g.d module m\ndisk add g.d module n",
     'disk "g.d" is there already'),
    ("disk del g.d", 'no disk "g.d"'),
    ("dispatcher add 9 core 1", "a dispatcher is a number: 0 to"),
    ("vm add g memory 3M kernel k", "no multiple of 2M"),
    ("vm add g memory 2M kernel k cpus 3 cores 1,2", "3 virtual CPUs need as many cores"),
    ("vm add g memory 2M kernel k cores 1,2,1", "core 1 is named twice"),
    ("vm add g memory 2M kernel k core 1 cores 1", "say the same thing twice"),
    ("vm add g memory 2M kernel k core 1\ndispatcher add 0 core 1", "core 1 runs a guest"),
    ("dispatcher add 0 core 1\nvm add g memory 2M kernel k cores 0,1", "core 1 is a dispatcher"),
])
def test_cross_checks(tmp_path, line, words):
    path = tmp_path / "node.conf"
    path.write_text(GOOD + f"  {line}\n")
    done = call("check", str(path))
    assert done.returncode == 1 and words in done.stderr
    assert f"node.conf:{6 + len(line.splitlines())}:" in done.stderr
    assert call("check", "-", input=GOOD).returncode == 0


@pytest.mark.parametrize("name", [os.path.basename(path) for path in examples(".conf")])
def test_examples_expand_to_themselves(tmp_path, name):
    """A node's flat form means the same as what it was made of."""
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        nodes = [line.split()[1] for line in f if line.startswith("node ")] or ["any"]
    for node in nodes:
        flat = tmp_path / f"{node}.conf"
        done = call("expand", os.path.join(EXAMPLES, name), node)
        assert done.returncode == 0, done.stderr
        flat.write_text(done.stdout)
        assert call("check", str(flat)).returncode == 0
        assert call("expand", str(flat), node).stdout == done.stdout


def test_dialect_in_files(tmp_path):
    path = tmp_path / "node.conf"
    path.write_text("caisson 1\nadd 10.0.0.2 9000\ninterface add t mac 02:00:00:00:00:0a\n"
                    "add any any edge 10.0.0.2 interface 02:00:00:00:00:0A\n"
                    "add any 02:00:00:00:00:0a interface t edge 10.0.0.2\n")
    assert call("check", str(path)).returncode == 0
    path.write_text("caisson 1\nadd any any edge 10.0.0.2 any\nadd 1 2\n"
                    "add any any interface 02:00:00:00:00:0b any\n")
    done = call("check", str(path))
    assert done.returncode == 1 and done.stderr.count("\n") == 4
    assert 'node.conf:2:18: there is no link "10.0.0.2"' in done.stderr
    assert "node.conf:3:1: a line of VNET/P?" in done.stderr


def cluster(nodes):
    lines = ["caisson 1", "overlay add hpc links mesh port 9000"]
    for i in range(1, nodes + 1):
        lines += [f"node n{i:03}", f"  uplink add 0 address 10.0.{i >> 8}.{i & 255}/16",
                  "  vm add g1 memory 256M kernel vmlinuz",
                  f"  interface add g1.eth0 mac 02:00:00:00:{i >> 8:02x}:{i & 255:02x} overlay hpc",
                  "  vm start g1"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("nodes", [64, 256])
def test_clusters_expand(tmp_path, nodes):
    path = tmp_path / "cluster.conf"
    path.write_text(cluster(nodes))
    assert call("check", str(path)).returncode == 0
    done = call("expand", str(path), "n007")
    assert done.returncode == 0 and done.stdout.count("link add hpc.n") == nodes - 1
    # What it prints means itself.
    flat = tmp_path / "flat.conf"
    flat.write_text(done.stdout)
    assert call("check", str(flat)).returncode == 0
    assert call("expand", str(flat), "n007").stdout == done.stdout
    done = call("expand", str(path), "nobody")
    assert done.returncode == 2 and f"none of its {nodes} node sections" in done.stderr


# --- a node --------------------------------------------------------------------

@SOCKETS
def test_statements(daemon):
    for words in (["link", "show"], ["show", "link"], ["li", "sh", "b"], ["link"], ["sh", "li"]):
        done = ctl(daemon, *words)
        assert done.returncode == 0 and "10.9.0.2" in done.stdout and not done.stderr
    assert json.loads(ctl(daemon, "-j", "show", "node").stdout)["node"] == "a"
    assert "balanced" in ctl(daemon, "-s").stdout
    assert ctl(daemon, "link", "set", "b", "state", "down").returncode == 0
    assert "link set b state down" in ctl(daemon, "show", "config").stdout
    done = ctl(daemon, "link", "ad", "b2", "udp", "remot", "10.9.0.2", "port", "9001")
    assert (done.returncode, done.stdout) == (0, "")
    environment = dict(os.environ, VNETCTL_NODE=daemon.socket)
    assert call("show", "node", env=environment).returncode == 0


@SOCKETS
@pytest.mark.parametrize("words, says", [
    (["link", "del", "b"], "delete"), (["link", "del", "nobody"], 'there is no link "nobody"'),
    (["nonsense"], "unknown word"), (["link", "add", "x", "udp"], "needs"),
    (["x" * 600], "too long"), (["route", "del", "99"], "there is no route 99"),
])
def test_refusals(daemon, words, says):
    before = ctl(daemon, "show", "config").stdout
    done = ctl(daemon, *words)
    assert done.returncode == 1 and says in done.stderr and not done.stdout
    assert ctl(daemon, "show", "config").stdout == before


@SOCKETS
def test_batch(daemon):
    done = ctl(daemon, "batch", "-", input="\n".join(ROUTES) + "\n# a comment\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(ctl(daemon, "-j", "show", "node").stdout)["routes"] == 102


@SOCKETS
@pytest.mark.parametrize("last, says", [
    ("rout add", "batch:101:1: unknown word"), ("route del 4711", "batch:101:11: there is no"),
    ("show node", "unknown word"), ("link del b", "batch:101:10:"),
    ("overlay add m links mesh", "file"), ("link add b udp remote 10.9.0.2", "batch:101:"),
    ("x" * (1 << 20), "at most 1024 bytes"), ("route del 1\nlink del b force\nbad", "batch:103:"),
    ("link del b force\nlink add c udp remote 10.9.0.2\nlink add c udp remote 10.9.0.3",
     "batch:103:"),
], ids=lambda text: text[:24])
def test_a_batch_that_fails_changes_nothing(daemon, last, says):
    before = ctl(daemon, "show", "config").stdout
    done = ctl(daemon, "batch", "-", input="\n".join(ROUTES + [last]) + "\n")
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert sorted(ctl(daemon, "show", "config").stdout.split("\n")) == sorted(before.split("\n"))
    assert "balanced" in ctl(daemon, "show", "stats").stdout


@SOCKETS
def test_dialect(world):
    """An overlay made by VNET/P's own lines."""
    for side in nskit.SIDES:
        other = nskit.UNDER[nskit.OTHER[side]]
        daemon = world.vnetpd(side, f"caisson 1\ninterface add tap0 mac {nskit.MACS[side]}\n")
        for words in (f"add {other} 9000 udp",
                      f"add any any edge {other} interface {nskit.MACS[side]}",
                      f"add any any interface {nskit.MACS[side]} edge {other}"):
            done = ctl(daemon, *words.split())
            assert (done.returncode, done.stderr) == (0, "")
    assert len(world.ping("a", nskit.OVER["b"], 3)) == 3
    assert "to interface tap0 from edge" in ctl(daemon, "show", "route").stdout
    for words in ("del 2", "del 1", f"del {nskit.UNDER['a']}"):
        assert ctl(daemon, *words.split()).returncode == 0
    assert "edge" not in ctl(daemon, "show", "config").stdout


@SOCKETS
def test_half_a_batch(daemon):
    """The connection ends before the batch does."""
    before = ctl(daemon, "show", "config").stdout
    client = nskit.Control(daemon.socket)
    client.socket.sendall(("= batch\n" + "\n".join(ROUTES) + "\n").encode())
    client.close()
    assert ctl(daemon, "show", "config").stdout == before


@SOCKETS
def test_many_short_lines_at_once(daemon):
    client = nskit.Control(daemon.socket)
    client.socket.sendall(b"\n" * 500)
    for _ in range(500):
        assert client.answer() == ("ok", "")
    client.close()


@SOCKETS
def test_diff_and_apply(world, daemon, tmp_path):
    same = tmp_path / "same.conf"
    same.write_text(GOOD.replace("src any dst any", "dst any src any") + "# more\n")
    assert ctl(daemon, "diff", str(same)).returncode == 0
    other = tmp_path / "other.conf"
    other.write_text(GOOD.replace("remote 10.9.0.2", "remote 10.9.0.2 port 9001")
                     + "  " + "\n  ".join(ROUTES) + "\n  link set b state down\n")
    done = ctl(daemon, "diff", str(other))
    assert done.returncode == 1 and "link del b\n" in done.stdout
    assert "interface" not in done.stdout.replace("interface tap0", "")
    done = ctl(daemon, "apply", str(other))
    assert (done.returncode, done.stderr) == (0, "")
    assert ctl(daemon, "diff", str(other)).returncode == 0
    assert " 9001 " in ctl(daemon, "show", "link").stdout
    assert ctl(daemon, "apply", str(same)).returncode == 0
    assert ctl(daemon, "diff", str(same)).stdout == ""
    assert not world.answers("a", nskit.OVER["b"])
    other.write_text(GOOD.replace("node a", "node z"))
    done = ctl(daemon, "diff", str(other))
    assert done.returncode == 2 and "node sections is named a" in done.stderr


@SOCKETS
def test_overlays_are_changed_where_they_stand(daemon, tmp_path):
    path = tmp_path / "node.conf"
    text = GOOD.replace("caisson 1", "caisson 1\noverlay add red")
    link = "  link add c geneve remote 10.9.0.3 overlay red\n"
    path.write_text(text + link)
    assert ctl(daemon, "apply", str(path)).returncode == 0
    path.write_text(text.replace("add red", "add red learn on age 60s")
                    .replace("node a", "overlay set default learn on\nnode a") + link)
    done = ctl(daemon, "diff", str(path))
    assert done.stdout == ("overlay set default learn on age 300s learn-limit 1024 "
                           "flood off answers off\n"
                           "overlay set red learn on age 60s learn-limit 1024 "
                           "flood off answers off\n")
    assert ctl(daemon, "apply", str(path)).returncode == 0
    assert ctl(daemon, "diff", str(path)).returncode == 0
    path.write_text(text.replace("add red", "add red vni 77") + link)
    done = ctl(daemon, "apply", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "link del c\noverlay del red" in done.stdout
    assert ctl(daemon, "diff", str(path)).returncode == 0
    path.write_text(GOOD)
    assert ctl(daemon, "apply", str(path)).returncode == 0
    assert "red" not in ctl(daemon, "show", "config").stdout


@SOCKETS
def test_config_fed_back(daemon, tmp_path):
    path = tmp_path / "node.conf"
    path.write_text(ctl(daemon, "show", "config").stdout)
    assert call("check", str(path)).returncode == 0
    done = ctl(daemon, "diff", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@SOCKETS
def test_watch(daemon):
    done = ctl(daemon, "-c", "2", "watch", "show", "route")
    assert done.returncode == 0 and done.stdout.count("src any dst any to edge b") == 2


@SOCKETS
def test_answers_are_folded(world):
    """Three nodes of which two answer alike, and one that is not there."""
    for name in ("01", "02", "03"):
        path = os.path.join(world.directory, f"{name}.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"caisson 1\nlink add b udp remote 10.9.0.2 port 90{name}\n"
                    + ("" if name == "02" else "route add src any dst any to edge b\n"))
        with open(f"{path}.log", "w", encoding="utf-8") as out:
            world.popen("a", [nskit.VNETPD, "--node", "a", "--socket",
                              f"{world.directory}/n{name}.sock", path], stdout=out, stderr=out)

        def is_up(log=f"{path}.log"):
            with open(log, encoding="utf-8") as f:
                return "is up" in f.read()
        nskit.wait_for(is_up, "vnetpd's start")
    done = call("-n", f"{world.directory}/n[01-03].sock", "link", "set", "x", "state", "up")
    assert done.returncode == 1
    assert f"{world.directory}/n[01-03].sock:" in done.stderr and done.stderr.count("no link") == 1
    done = call("-n", f"{world.directory}/n[01-03].sock", "show", "route")
    assert done.returncode == 0 and done.stdout.count("to edge b") == 1
    assert f"{world.directory}/n[01,03].sock:" in done.stdout
    done = call("-n", f"{world.directory}/n[01-04].sock", "show", "route")
    assert done.returncode == 2 and f"{world.directory}/n04.sock:" in done.stderr


@SOCKETS
def test_a_node_that_never_answers(tmp_path):
    path = f"{tmp_path}/deaf.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    done = call("-n", path, "-t", "1", "show", "node")
    assert done.returncode == 2 and "no answer in time" in done.stderr

    def garbage():
        client, _ = server.accept()
        client.recv(100)
        client.sendall(b"text\n= perhaps\n")
        client.close()
    server.accept()[0].close()
    thread = threading.Thread(target=garbage)
    thread.start()
    done = call("-n", path, "show", "node")
    thread.join()
    server.close()
    assert done.returncode == 2 and "makes no sense" in done.stderr
