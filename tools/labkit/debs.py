# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages as files: downloaded and unpacked below a directory of ours,
never installed. Needs no root; apt checks what it downloads against the
signed lists."""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess

from labkit.errors import ToolError

# Downloads below build/ cannot be read by apt's sandbox user anyway.
APT_OPTIONS = ["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
               "-o", "Acquire::Retries=5"]


@contextlib.contextmanager
def locked(directory):
    """One user of a cache at a time; others wait for what it makes."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpacked(names, tree, cache, say=print):
    """`tree`, with these packages unpacked there: the first time they are downloaded into
    `cache`, and what was left in the middle is done again."""
    done = os.path.join(tree, "complete")
    with locked(cache):
        if not os.path.exists(done):
            packages = Packages(cache, say)
            for name in names:
                packages.unpack(packages.fetch(name), tree)
            with open(done, "w", encoding="ascii"):
                pass
    return tree


class Packages:
    """A cache of .deb files in `directory`."""

    def __init__(self, directory, say=print):
        self.directory = os.path.abspath(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.say = say
        self.private_lists = False
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise ToolError("guest images are made of Debian packages, and there is no apt-get "
                            "or dpkg-deb here: make them on a Debian machine and copy build/guest")

    def fetch(self, name, update=False):
        """The path of the package's .deb, downloaded unless one is there."""
        found = glob.glob(os.path.join(self.directory, f"{name}_*.deb"))
        if found and not update:
            return max(found, key=os.path.getmtime)
        for path in found:
            os.unlink(path)
        self.say(f"download {name}")
        error = self._download(name)
        if error and not self.private_lists:
            self._update_private_lists()
            error = self._download(name)
        found = glob.glob(os.path.join(self.directory, f"{name}_*.deb"))
        if error or not found:
            raise ToolError(f"downloading the package {name} failed:\n{error or 'no file came'}\n"
                            "Is the network up, and does /etc/apt/sources.list name a mirror?")
        return found[0]

    def dependency(self, name, prefix):
        """The first dependency of `name` that begins with `prefix`."""
        for _ in range(2):
            done = self._apt(["apt-cache", *self._options(), "depends", name])
            for line in done.stdout.splitlines():
                words = line.split()
                if words[:1] == ["Depends:"] and words[1].startswith(prefix):
                    return words[1]
            if self.private_lists:
                break
            self._update_private_lists()
        raise ToolError(f"the package lists know no {name} that depends on {prefix}*")

    def unpack(self, path, target):
        """Adds what the .deb holds to the tree at `target`."""
        os.makedirs(target, exist_ok=True)
        done = self._apt(["dpkg-deb", "-x", path, target])
        if done.returncode:
            os.unlink(path)  # damaged: the next run downloads it again
            raise ToolError(f"unpacking {os.path.basename(path)} failed:\n{done.stderr.strip()}")

    def _options(self):
        if not self.private_lists:
            return APT_OPTIONS
        return APT_OPTIONS + ["-o", f"Dir::State::Lists={self.directory}/lists",
                              "-o", f"Dir::Cache={self.directory}/cache"]

    def _download(self, name):
        done = self._apt(["apt-get", *self._options(), "download", "-qq", name])
        return done.stderr.strip() or "apt-get failed" if done.returncode else ""

    def _update_private_lists(self):
        """The system's lists lack the package, or name one the mirror has
        replaced: fetch lists of our own, which also works without root."""
        self.say("fetch package lists")
        self.private_lists = True
        for part in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.directory, part), exist_ok=True)
        done = self._apt(["apt-get", *self._options(), "update", "-qq"])
        if done.returncode:
            raise ToolError(f"apt-get update failed:\n{done.stderr.strip()}")

    def _apt(self, command):
        return subprocess.run(command, cwd=self.directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace", check=False,
                              env={**os.environ, "LC_ALL": "C"})
