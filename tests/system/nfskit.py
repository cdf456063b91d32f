# SPDX-License-Identifier: BSD-2-Clause
"""An NFS server in a network namespace: NFS-Ganesha out of Debian's packages, unpacked
below build/ and not installed. It needs nothing of this machine's kernel."""

import os
import subprocess

from conftest import ROOT
from labkit import debs

PACKAGES = ["nfs-ganesha", "nfs-ganesha-vfs", "libntirpc4.3", "liburcu8", "libnfsidmap1",
            "libwbclient0", "libgssapi-krb5-2", "libkrb5-3", "libdbus-1-3", "libacl1",
            "libblkid1", "libuuid1", "libcap2"]
LIBRARIES = "usr/lib/x86_64-linux-gnu"
TREE = os.path.join(ROOT, "build/test/ganesha")
CONF = """\
NFS_CORE_PARAM {{ Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false;
                  Plugins_Dir = {tree}/{libraries}/ganesha; }}
NFSv4 {{ Graceless = true; RecoveryRoot = {state}; UseGetpwnam = true;
         Only_Numeric_Owners = true; }}
NFS_KRB5 {{ Active_krb5 = false; }}
EXPORT {{ Export_Id = 1; Path = {share}; Pseudo = /share; Access_Type = RW;
          Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP;
          FSAL {{ Name = VFS; }} }}
"""


def unpack():
    debs.unpacked(PACKAGES, TREE, os.path.join(ROOT, "build/guest/debs"), lambda text: None)


class Server:
    """Exports `share`, a directory, as /share. Use it with `with`."""

    def __init__(self, directory, netns, share):
        self.directory = str(directory)
        self.netns = netns
        self.share = str(share)
        self.process = None

    def __enter__(self):
        unpack()
        conf = os.path.join(self.directory, "ganesha.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(CONF.format(tree=TREE, libraries=LIBRARIES, state=self.directory,
                                share=self.share))
        places = f"{TREE}/usr/lib/ganesha:{TREE}/{LIBRARIES}"
        with open(os.path.join(self.directory, "ganesha.out"), "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.netns, "env", f"LD_LIBRARY_PATH={places}",
                 f"{TREE}/usr/bin/ganesha.nfsd", "-F", "-f", conf, "-N", "EVENT",
                 "-L", os.path.join(self.directory, "ganesha.log"),
                 "-p", os.path.join(self.directory, "ganesha.pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(os.path.join(self.directory, "ganesha.log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()
