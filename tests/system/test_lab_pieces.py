# SPDX-License-Identifier: BSD-2-Clause
"""Small parts of the tools: archives, captures, process state, set-up."""

import os
import stat
import struct
import subprocess
import time

import pytest
from conftest import TOOLS
from labkit import cpio, pcap
from labkit import state as states
from labkit.errors import ToolError


def test_cpio_reads_back(tmp_path):
    archive = cpio.Archive(mtime=12345)
    archive.file("init", b"#!/bin/sh\n", 0o755)
    archive.file("etc/deep/file", b"x" * 5)
    archive.symlink("bin/sh", "/bin/busybox")
    archive.char_device("dev/console", 5, 1)
    listing = subprocess.run(["cpio", "-tv", "--quiet", "--numeric-uid-gid"],
                             input=archive.to_bytes(), capture_output=True, check=True)
    text = listing.stdout.decode()
    assert "-rwxr-xr-x" in text and "sh -> /bin/busybox" in text
    assert "5,   1" in text and "dev/console" in text
    subprocess.run(["cpio", "-idm", "--quiet", "init", "etc/deep/file"], cwd=tmp_path,
                   input=archive.to_bytes(), check=True)
    assert (tmp_path / "etc/deep/file").read_bytes() == b"x" * 5
    assert stat.S_IMODE((tmp_path / "init").stat().st_mode) == 0o755
    assert int((tmp_path / "init").stat().st_mtime) == 12345


def test_cpio_is_reproducible_and_keeps_the_last_entry():
    first, second = cpio.Archive(), cpio.Archive()
    first.file("a", b"1")
    first.file("b", b"2")
    second.symlink("b", "nowhere")
    second.file("b", b"2")
    second.file("a", b"1")
    assert first.to_bytes() == second.to_bytes()


def capture(*frames):
    data = pcap.HEADER.pack(pcap.MAGIC, 2, 4, 0, 0, 65536, 1)
    for frame in frames:
        data += pcap.RECORD.pack(0, 0, len(frame), len(frame)) + frame
    return data


def test_pcap_is_cut_at_the_last_whole_record():
    full = capture(b"a" * 60, b"b" * 70)
    assert pcap.whole(full) == (full, 2)
    one = capture(b"a" * 60)
    for cut in range(len(one), len(full)):
        assert pcap.whole(full[:cut]) == (one, 1)
    assert pcap.whole(capture()) == (capture(), 0)


@pytest.mark.parametrize("data", [b"", b"short", struct.pack("<I", 1) * 6])
def test_what_is_no_pcap_is_refused(data):
    with pytest.raises(ToolError):
        pcap.whole(data)


@pytest.fixture
def state(tmp_path):
    state = states.State(tmp_path)
    state.machines["a"] = {"plain": True, "guests": {}}
    (tmp_path / "a").mkdir()
    return state


def start_sleep(state, tag="lab:x/a"):
    process = subprocess.Popen(["/usr/bin/python3", "-c", "import time; time.sleep(600)", tag])
    state.note_process(state.machines["a"], process.pid, tag)
    return process


def test_stop_ends_what_was_started(state):
    process = start_sleep(state)
    assert state.alive("a")
    assert state.stop() == ["a"]
    assert process.wait(60) != 0 and not state.exists()


@pytest.mark.parametrize("change", [{"start": 1}, {"tag": "lab:other/a"}])
def test_a_process_that_is_not_ours_is_left_alone(state, change):
    process = start_sleep(state)
    state.machines["a"].update(change)
    assert not state.alive("a")
    assert state.stop() == []
    assert process.poll() is None
    process.kill()
    process.wait()


def test_the_serial_line_has_one_user_at_a_time(state):
    with state.locked("a", 1, "test"):
        begin = time.monotonic()
        with pytest.raises(ToolError, match="somebody else"):
            with state.locked("a", 0.2, "test"):
                pass
        assert time.monotonic() - begin >= 0.2
    with state.locked("a", 0.2, "test"):
        pass


def test_tail_gives_the_last_lines(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"line %d\r\n" % number for number in range(100)))
    assert states.tail(log, 2) == "line 98\nline 99"
    assert states.tail(tmp_path / "none") == ""


def run_setup(tmp_path, *arguments, commands=()):
    """tools/setup on a machine that has only these commands."""
    for command in ("sh", "env", "find", "head", "cat"):
        os.symlink(f"/bin/{command}" if os.path.exists(f"/bin/{command}") else
                   f"/usr/bin/{command}", tmp_path / command)
    for name, script in dict(commands).items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    # The script appends the sbin directories; none of what it looks for is there.
    return subprocess.run(["/bin/sh", os.path.join(TOOLS, "setup"), *arguments],
                          env={"PATH": str(tmp_path)}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)


def test_setup_without_root_and_sudo_says_what_to_run(tmp_path):
    done = run_setup(tmp_path, commands={"id": "echo 1000", "apt-get": "exit 9"})
    assert done.returncode == 2
    assert "neither root nor sudo" in done.stderr
    assert "apt-get install" in done.stderr and "nasm" in done.stderr


def test_setup_on_another_system_names_the_packages(tmp_path):
    done = run_setup(tmp_path, commands={"id": "echo 0"})
    assert done.returncode == 2
    assert "no Debian" in done.stderr and "qemu-system-x86" in done.stderr


def test_setup_as_root_without_a_terminal_installs_without_asking(tmp_path):
    log = tmp_path / "log"
    done = run_setup(tmp_path, commands={
        "id": "echo 0", "apt-get": f'echo "$@" >>{log}'})
    # The pretended apt-get installs nothing, and setup notices.
    assert done.returncode == 1 and "still missing" in done.stderr
    assert "install -y --no-install-recommends" in log.read_text()


def test_setup_check_installs_nothing(tmp_path):
    log = tmp_path / "log"
    done = run_setup(tmp_path, "--check", commands={
        "id": "echo 0", "apt-get": f'echo "$@" >>{log}'})
    assert done.returncode == 1 and "missing:" in done.stdout
    assert not log.exists()


@pytest.mark.parametrize("tool", ["setup", "mkguest", "lab", "demo"])
def test_every_tool_explains_itself(tool):
    path = os.path.join(TOOLS, tool)
    assert "usage:" in subprocess.run([path, "--help"], capture_output=True, text=True,
                                      check=True).stdout
    assert subprocess.run([path, "--nonsense"], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("arguments", [["sh", "p1", "true"], ["down"], ["status"],
                                       ["wire", "w", "x"], ["ctl", "alpha", "show node"]])
def test_lab_without_a_lab_says_so(tmp_path, arguments):
    done = subprocess.run([os.path.join(TOOLS, "lab"), "--dir", str(tmp_path), *arguments],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no lab is up" in done.stderr
