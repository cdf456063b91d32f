# SPDX-License-Identifier: BSD-2-Clause
"""A guest with its root on a disk mounts a share of a Linux machine, over vnetpd and the
overlay: nfs.lab."""

import hashlib
import json
import os
import subprocess
import time

import nfskit
import nskit
import pytest
from conftest import TOOLS
from labkit import host

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))
TRIES = 40


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "amd64", "--hpc"], check=True)
    return bring_up("tests/system/nfs.lab", "--no-guests")


@pytest.fixture(scope="module")
def share(lab, tmp_path_factory):
    """The shared directory, once it is mounted: the server starts while the guest boots."""
    directory = tmp_path_factory.mktemp("share")
    (directory / "from-host").write_text("of the host\n")
    netns = host.name_of(lab.directory, "login")
    with nfskit.Server(tmp_path_factory.mktemp("ganesha"), netns, directory) as server:
        for _ in range(TRIES):
            status, said = lab.sh("alpha/n1", "cat /proc/mounts", timeout=10)
            if status == 0:
                break
            time.sleep(1)
        assert "\n10.1.0.100:/share /mnt nfs4 rw" in said, \
            said + server.log() + lab.ctl("alpha", "console log n1")
        yield directory


def test_files_go_both_ways(lab, share):
    status, said = lab.sh("alpha/n1", "cat /mnt/from-host && head -c 3000000 /dev/urandom "
                                      ">/mnt/data && sync && sha256sum </mnt/data")
    assert status == 0, said
    first, digest = said.splitlines()
    assert first == "of the host"
    assert hashlib.sha256((share / "data").read_bytes()).hexdigest() == digest.split()[0]


def test_it_went_over_the_overlay(lab, share):
    stats = json.loads(lab.ctl("alpha", "show stats json"))
    assert share and stats["sum"]["balanced"]
    assert sum(link["tx_bytes"] for link in stats["links"].values()) > 3000000
