# SPDX-License-Identifier: BSD-2-Clause
"""A directory for a TFTP or HTTP server, from which machines boot Caisson over the network.

    boot/caisson.0, caisson.efi   GRUB's core images for BIOS and UEFI, all in one file
    boot/caisson.cfg              what both go on with (boot/netboot.cfg)
    caisson/                      caisson.elf, node.conf, kernels, initrds
    nodes/52-54-00-00-00-01/      what this MAC boots: boot.cfg for GRUB, boot.ipxe for iPXE,
                                  node.conf if it has one of its own
    nodes/default/                the same for all others
    examples/                     set-ups of servers"""

import dataclasses
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile

from labkit import words
from labkit.errors import ToolError, usage_error

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GRUB_LIB = "/usr/lib/grub"
# Image: GRUB's platform, its image format, and the modules that drive its network.
CORES = {"caisson.0": ("i386-pc", "i386-pc-pxe", ["pxe", "serial"]),
         "caisson.efi": ("x86_64-efi", "x86_64-efi", ["efinet", "efi_gop", "serial"])}
# All that the scripts use is inside, so that no module has to be fetched.
GRUB_MODULES = ["normal", "configfile", "echo", "test", "true", "sleep", "reboot", "terminal",
                "regexp", "net", "tftp", "http", "memdisk", "tar", "multiboot2"]
EARLY_CONFIG = "boot/grub/grub.cfg"  # on the memory disk; grub-mkimage allows no other place

# What stands behind these keys is a boot module's name.
MODULE_KEYS = ("kernel", "initrd", "module", "file")
# Names go into scripts of GRUB and of iPXE, and into URLs.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
SAFE_WORDS = re.compile(r"[A-Za-z0-9._+=:,/ -]*\Z")
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\Z")
MAC_DIRECTORY = re.compile(r"[0-9a-f]{2}(-[0-9a-f]{2}){5}\Z")
DEFAULT = "default"
CONF = "node.conf"
OURS = "made by tools/mknetboot: the next run writes it anew"


@dataclasses.dataclass
class Section:
    """A `node` section; the one without a name has the lines that are everybody's."""

    name: str = ""
    mac: str = ""
    modules: dict = dataclasses.field(default_factory=dict)  # name: where it is first named


def read_conf(path):
    """The sections of a node.conf, the lines before the first one first. What is wrong with
    other words is the business of `vnetctl check`."""
    found = [Section()]
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(f"{path}: {getattr(error, 'strerror', 'no text file (UTF-8)')}") from None
    for number, line in enumerate(lines, 1):
        try:
            parts = words.split(line)
        except words.WordError as error:
            raise usage_error(f"{path}:{number}:{error.column}: {error}") from None
        if parts[:1] == ["node"] and len(parts) > 1:
            if not SAFE_NAME.match(parts[1]):
                raise usage_error(f'{path}:{number}:{parts[1].column}: "{parts[1]}" is no name')
            found.append(Section(str(parts[1])))
            if parts[2:3] == ["mac"] and len(parts) > 3:
                if not MAC.match(parts[3]):
                    raise usage_error(f'{path}:{number}:{parts[3].column}: "{parts[3]}" is no '
                                      "MAC address")
                found[-1].mac = parts[3].lower()
        for key, value in zip(parts[2:], parts[3:]):
            if key in MODULE_KEYS:
                found[-1].modules.setdefault(str(value), f"{path}:{number}:{value.column}")
    return found


def directory_of(mac):
    return mac.replace(":", "-")


@dataclasses.dataclass
class Boot:
    """What one machine boots: the words behind node=, its node.conf in the tree, modules.
    The hypervisor is told the sizes, and so finds out what is something else than the file."""

    name: str
    conf: str
    conf_bytes: int
    modules: dict  # name: bytes
    more_words: str = ""

    def grub(self):
        conf = f"{self.conf}:{self.conf_bytes}" if self.conf else ""
        modules = " ".join(f"{name}:{size}" for name, size in self.modules.items())
        return (f"# {OURS}\nset node={self.name}\nset conf={conf}\n"
                f"set modules=\"{modules}\"\nset more=\"{self.more_words}\"\n")

    def ipxe(self):
        node = f"node={self.name} " if self.name else ""
        handed = f"{node}mac=${{netX/mac}} ip=${{netX/ip}} {self.more_words}".rstrip()
        lines = [f"kernel ../../caisson/caisson.elf {handed} || exit"]
        if self.conf:
            lines.append(f"module ../..{self.conf} {CONF} bytes={self.conf_bytes} || exit")
        lines += [f"module ../../caisson/{name} {name} bytes={size} || exit"
                  for name, size in self.modules.items()]
        return "\n".join([f"#!ipxe\n# {OURS}", *lines, "boot"]) + "\n"


class Tree:
    """What goes into `directory`. `conf` is a node.conf for all machines (with sections), or a
    directory with MAC/node.conf and default/node.conf, or ''; `modules` are files."""

    def __init__(self, directory, image, conf, modules, url="", more_words=""):
        self.directory = os.path.abspath(directory)
        self.image = image
        self.conf = conf
        self.base = grub_base(url)
        self.more_words = more_words
        if not SAFE_WORDS.match(more_words):
            raise usage_error(f"\"{more_words}\" cannot stand in scripts of GRUB and iPXE")
        self.modules = {}
        for path in modules:
            name = os.path.basename(path)
            if not SAFE_NAME.match(name):
                raise usage_error(f'"{name}" cannot be loaded by GRUB and iPXE: letters, digits, '
                                  '".", "_", "+" and "-" alone, please')
            if self.modules.setdefault(name, path) != path:
                raise usage_error(f'two modules have the name "{name}"')
            if not os.path.isfile(path):
                raise usage_error(f"there is no file {path}")
        if not os.path.isfile(image):
            raise ToolError(f"there is no hypervisor image {os.path.relpath(image)}: run make")
        self.boots = self._boots_of_directory() if os.path.isdir(conf) else self._boots_of_file()

    def _needed(self, *sections):
        """The modules that these sections name, each of which has to be there, with its size."""
        sizes = {}
        for section in sections:
            for name, where in section.modules.items():
                if name not in self.modules:
                    raise usage_error(f'{where}: there is no module "{name}"; there are: '
                                      f"{', '.join(self.modules) or 'none'}")
                sizes[name] = os.path.getsize(self.modules[name])
        return sizes

    def _boots_of_file(self):
        if not self.conf:
            return {DEFAULT: Boot("", "", 0, {name: os.path.getsize(path)
                                              for name, path in self.modules.items()})}
        everybody, *sections = read_conf(self.conf)
        conf = (f"/caisson/{CONF}", os.path.getsize(self.conf))
        boots = {DEFAULT: Boot("", *conf, self._needed(everybody))}
        for section in sections:
            if section.mac:
                key = directory_of(section.mac)
                if key in boots:
                    raise usage_error(f'{self.conf}: the nodes "{boots[key].name}" and '
                                      f'"{section.name}" have the same MAC address')
                boots[key] = Boot(section.name, *conf, self._needed(everybody, section))
        return boots

    def _boots_of_directory(self):
        boots = {DEFAULT: Boot("", "", 0, {})}
        for name in sorted(os.listdir(self.conf)):
            path = os.path.join(self.conf, name, CONF)
            if not os.path.isfile(path):
                continue
            if name != DEFAULT and not MAC_DIRECTORY.match(name):
                raise usage_error(f'{self.conf}: "{name}" is neither {DEFAULT} nor a MAC address '
                                  "as 52-54-00-00-00-01")
            sections = read_conf(path)
            names = [section.name for section in sections[1:]]
            boots[name] = Boot(names[0] if len(names) == 1 and name != DEFAULT else "",
                               f"/nodes/{name}/{CONF}", os.path.getsize(path),
                               self._needed(*sections))
        return boots

    def make(self):
        """Writes it all; files are replaced one by one, so that a server may go on."""
        for name in ("boot", "caisson", "nodes", "examples"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        self._forget_nodes()
        self._put_copy(self.image, "caisson/caisson.elf")
        for name, path in self.modules.items():
            self._put_copy(path, f"caisson/{name}")
        if self.conf and not os.path.isdir(self.conf):
            self._put_copy(self.conf, f"caisson/{CONF}")
        for key, boot in self.boots.items():
            boot.more_words = self.more_words
            os.makedirs(os.path.join(self.directory, "nodes", key), exist_ok=True)
            if boot.conf.startswith("/nodes/"):
                self._put_copy(os.path.join(self.conf, key, CONF), boot.conf[1:])
            self._put(f"nodes/{key}/boot.cfg", boot.grub().encode())
            self._put(f"nodes/{key}/boot.ipxe", boot.ipxe().encode())
        self._put("boot/caisson.cfg", self._filled("boot/netboot.cfg"))
        examples = os.path.join(ROOT, "examples/netboot")
        for name in sorted(os.listdir(examples)):
            # iPXE's script is loaded by nodes, from the tree's top.
            target = name if name == "caisson.ipxe" else f"examples/{name}"
            self._put(target, self._filled(os.path.join(examples, name)))
        for name, core in CORES.items():
            self._put(f"boot/{name}", core_image(*core))

    def _forget_nodes(self):
        """Takes away what an earlier run made for machines that are no more."""
        for key in os.listdir(os.path.join(self.directory, "nodes")):
            path = os.path.join(self.directory, "nodes", key)
            script = os.path.join(path, "boot.cfg")
            if key in self.boots or not os.path.isfile(script):
                continue
            with open(script, encoding="utf-8", errors="replace") as f:
                if OURS in f.readline():
                    shutil.rmtree(path)

    def _filled(self, path):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            return f.read().replace("@BASE@", self.base).replace("@DIR@", self.directory).encode()

    def _put(self, name, data):
        path = os.path.join(self.directory, name)
        with open(path + ".new", "wb") as f:
            f.write(data)
        os.chmod(path + ".new", 0o644)
        os.replace(path + ".new", path)

    def _put_copy(self, source, name):
        path = os.path.join(self.directory, name)
        shutil.copyfile(source, path + ".new")
        os.chmod(path + ".new", 0o644)
        os.replace(path + ".new", path)


def grub_base(url):
    """GRUB's name for where the tree is: the TFTP server that it came from, or a URL."""
    if not url:
        return "(tftp)"
    match = re.match(r"(http|tftp)://([0-9A-Za-z.-]+)(/[A-Za-z0-9._/+-]*)?\Z", url)
    if not match:
        raise usage_error(f'"{url}" is no URL that GRUB can use: http://SERVER/PATH or '
                          "tftp://SERVER/PATH, without a port")
    return f"({match[1]},{match[2]}){(match[3] or '').rstrip('/')}"


def core_image(platform, image_format, network):
    """GRUB with all it needs and its first script, as one file."""
    library = os.path.join(GRUB_LIB, platform)
    if not os.path.isdir(library):
        raise ToolError(f"there is no {library}: run tools/setup")
    disk = io.BytesIO()
    with tarfile.open(fileobj=disk, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        with open(os.path.join(ROOT, "boot/netboot-core.cfg"), "rb") as f:
            script = f.read()
        entry = tarfile.TarInfo(EARLY_CONFIG)
        entry.size = len(script)
        archive.addfile(entry, io.BytesIO(script))
    # grub-mkimage wants a seekable memory disk and writes where it is told.
    with tempfile.TemporaryDirectory() as directory:
        disk_path, core_path = (os.path.join(directory, name) for name in ("disk.tar", "core"))
        with open(disk_path, "wb") as f:
            f.write(disk.getvalue())
        command = ["grub-mkimage", "-d", library, "-O", image_format,
                   "-m", disk_path, "-o", core_path, *GRUB_MODULES, *network]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
        except FileNotFoundError:
            raise ToolError("there is no grub-mkimage: run tools/setup") from None
        if done.returncode:
            raise ToolError(f"grub-mkimage for {platform} failed:\n{done.stdout.strip()}")
        with open(core_path, "rb") as f:
            return f.read()
