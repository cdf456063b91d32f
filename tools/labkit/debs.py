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
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_OPTIONS = ["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1",
               "-o", "Acquire::Retries=5"]


@contextlib.contextmanager
def locked(directory):
    """One user of a cache at a time; others wait for what it makes."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def os_release():
    """What /etc/os-release says."""
    with open("/etc/os-release", encoding="utf-8") as f:
        pairs = (line.strip().partition("=") for line in f)
        return {name: value.strip("\"'") for name, _, value in pairs}


def unpacked(names, tree, cache, say=print, backports=False):
    """`tree`, with these packages unpacked there: the first time they are downloaded into
    `cache`, and what was left in the middle is done again."""
    done = os.path.join(tree, "complete")
    with locked(cache):
        if not os.path.exists(done):
            packages = Packages(cache, say, backports)
            for name in names:
                packages.unpack(packages.fetch(name), tree)
            with open(done, "w", encoding="ascii"):
                pass
    return tree


class Packages:
    """A cache of .deb files in `directory`, of the machine's own Debian, or of its release's
    backports."""

    def __init__(self, directory, say=print, backports=False):
        self.directory = os.path.abspath(directory)
        self.backports = backports
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
        if self.backports and not self.private_lists:
            self._update_private_lists()
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
        return APT_OPTIONS + self._sources() + [
            "-o", f"Dir::State::Lists={self.directory}/lists",
            "-o", f"Dir::Cache={self.directory}/cache"]

    def _sources(self):
        """Where from, if not as the machine has it."""
        if not self.backports:
            return []
        path = os.path.join(self.directory, "sources.list")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as f:
                f.write(self._backports_line())
        return ["-o", f"Dir::Etc::SourceList={path}", "-o", "Dir::Etc::SourceParts=/dev/null"]

    def _backports_line(self):
        """Beside the release itself, wherever the machine has that from."""
        release = os_release().get("VERSION_CODENAME", "")
        done = self._apt(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
                          "Identifier: Packages", "Component: main"])
        for line in done.stdout.splitlines():
            suite, _, address = line.partition(" ")
            if release and suite == release:
                keys = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
                return f"deb {keys}{address} {release}-backports main\n"
        raise ToolError(f"no source of Debian {release} among this machine's: there is nothing "
                        "to have backports from")

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
