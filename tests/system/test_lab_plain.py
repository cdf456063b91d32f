# SPDX-License-Identifier: BSD-2-Clause
"""Two plain nodes on a wire: the guest images, the wires and the shells, for real.

    p1 10.2.0.1 ===== 10.2.0.2 p2
"""

import concurrent.futures
import os
import subprocess
import sys
import time

import examplekit
import pexpect
import pingkit
import pytest
from conftest import ROOT, TOOLS
from labkit import state as states


@pytest.fixture(scope="module")
def lab(bring_up):
    return bring_up("examples/plain.lab")


def test_as_every_example(lab):
    examplekit.check(lab)


def test_ping_both_ways(lab):
    for node, peer in (("p1", "10.2.0.2"), ("p2", "10.2.0.1")):
        pingkit.none_lost(lab, node, peer, 5)


def test_the_capture_holds_the_ping(lab):
    numbers = pingkit.none_lost(lab, "p1", "10.2.0.2", 3, "-p cafe")
    marked = {(frame["ICMP"].type, frame["ICMP"].seq)
              for frame in lab.capture("p1-p2", b"\xca\xfe" * 4) if "ICMP" in frame}
    assert marked >= {(kind, number) for kind in (0, 8) for number in numbers}


@pytest.mark.parametrize("option", ["", "-r"])
def test_tcp_each_way(lab, option):
    status, output = lab.sh("p1", f"nuttcp {option} -T 2 10.2.0.2")
    assert status == 0 and "Mbps" in output


def test_exit_status_and_output_are_the_commands(lab):
    assert lab.sh("p2", "echo it works; exit 42") == (42, "it works\n")


def test_clock_and_name(lab):
    assert lab.sh("p1", "hostname; cat /sys/devices/system/clocksource/clocksource0/"
                  "current_clocksource") == (0, "p1\ntsc\n")


def test_users_of_one_serial_line_queue_up(lab):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda n: lab.sh("p1", f"echo {n}"), range(4)))
    assert answers == [(0, f"{n}\n") for n in range(4)]


def test_a_command_without_end_is_interrupted(lab):
    # On a busy host its shell may not have come to the first word by then.
    for timeout in (2, 10, 60):
        status, output = lab.sh("p1", "echo begun; sleep 1000", timeout=timeout)
        assert status == 124
        if output.startswith("begun\n"):
            break
    assert output.startswith("begun\n")
    assert lab.sh("p1", "echo again") == (0, "again\n")


def test_console_is_a_terminal(lab):
    console = pexpect.spawn(os.path.join(TOOLS, "lab"),
                            ["console", "--dir", lab.directory, "p1"], timeout=120)
    console.expect("leaves\\]")
    console.send("echo con''sole; tty\r")
    console.expect("\nconsole\r\n/dev/ttyS0")
    console.send("\x1d")
    console.expect(pexpect.EOF)
    console.close()
    assert console.exitstatus == 0


def test_status_and_second_up(lab):
    done = lab.tool("status")
    assert done.returncode == 0 and done.stdout.count("running") == 2
    done = lab.tool("up", os.path.join(ROOT, "examples/plain.lab"))
    assert done.returncode == 2 and "up already" in done.stderr
    assert lab.sh("p1", "true")[0] == 0


def write_lab(tmp_path, cmdline):
    path = tmp_path / "bad.lab"
    path.write_text("machine p1 plain yes memory 256M cores 1 kernel vmlinuz-amd64 "
                    f'initrd initrd-amd64.img cmdline "{cmdline}"\n', encoding="ascii")
    return path


def pids_of(directory):
    """Processes of a lab, found by what stands on their command lines."""
    tag = f"lab:{os.path.basename(directory)}/"
    return [pid for pid in os.listdir("/proc") if pid.isdigit()
            and any(word.startswith(tag) for word in states.process_command(pid))]


def test_a_node_that_dies_fails_the_command_and_nothing_stays(guest_images, tmp_path):
    directory = str(tmp_path / "dying")
    path = write_lab(tmp_path, "console=ttyS0 panic=-1 init=/nowhere rdinit=/nowhere")
    done = subprocess.run([os.path.join(TOOLS, "lab"), "up", "--dir", directory, str(path)],
                          capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1
    assert "p1: ended" in done.stderr and "Kernel panic" in done.stderr
    assert not pids_of(directory)


@pytest.mark.parametrize("how", ["timeout", "SIGINT"])
def test_up_that_is_cut_short_leaves_no_process(guest_images, tmp_path, how):
    directory = str(tmp_path / f"short{how}")
    path = write_lab(tmp_path, "console=ttyS0")
    limit = "1" if how == "timeout" else "100"
    process = subprocess.Popen([sys.executable, os.path.join(TOOLS, "lab"), "up", "--dir",
                                directory, "--timeout", limit, str(path)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if how == "SIGINT":
        deadline = time.monotonic() + 120
        while not pids_of(directory) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(2)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == (1 if how == "timeout" else 130)
    assert ("did not come up" if how == "timeout" else "interrupted") in errors
    assert not pids_of(directory)
