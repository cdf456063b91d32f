# SPDX-License-Identifier: BSD-2-Clause
"""Boot disks: an ISO with GRUB, which starts one thing without a menu."""

import os
import shutil
import subprocess

from labkit.errors import ToolError

NAME = "boot.iso"
# What GRUB has to complain about goes to the serial line too.
HEAD = ["serial --unit=0 --speed=115200", "terminal_output console serial"]
# No search for a graphics mode, none of whose drivers is there.
TEXT = "set gfxpayload=text"
MODULES = "biosdisk iso9660 normal serial terminal"


def caisson(directory, image, arguments, modules, before=()):
    """The hypervisor with its modules, [(module name, file)]. GRUB obeys the commands of
    `before` first; they may be setpci's too."""
    # By number on the disk: a module's name may be any word.
    files = {"caisson.elf": image}
    files.update((f"module{number}", path) for number, (_, path) in enumerate(modules))
    lines = [f"module2 /boot/module{number} {name} bytes={os.path.getsize(path)}"
             for number, (name, path) in enumerate(modules)]
    return make(directory, files,
                [*before, f"multiboot2 /boot/caisson.elf {arguments}", *lines, TEXT],
                "multiboot2 setpci")


def multiboot(directory, image):
    """An image that boots by Multiboot 1, alone."""
    return make(directory, {"image.elf": image}, ["multiboot /boot/image.elf"], "multiboot")


def linux(directory, kernel, initrd, cmdline):
    """A kernel with its command line, and its initrd unless that is ''."""
    files = {"kernel": kernel}
    lines = [f"linux /boot/kernel {cmdline}"]
    if initrd:
        files["initrd"] = initrd
        lines.append("initrd /boot/initrd")
    return make(directory, files, lines, "linux")


def make(directory, files, lines, needed):
    """directory/boot.iso: `files` as {name in /boot: file}; GRUB's commands in `lines`,
    which need GRUB's modules `needed`. Gives its path."""
    tree = os.path.join(directory, "iso")
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "boot/grub"))
    for name, path in files.items():
        shutil.copy(path, os.path.join(tree, "boot", name))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="ascii") as f:
        f.writelines(line + "\n" for line in (*HEAD, *lines, "boot"))
    path = os.path.join(directory, NAME)
    command = ["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc",
               f"--install-modules={MODULES} {needed}", "--locales=", "--fonts=", "--themes=",
               "-o", path, tree]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        raise ToolError("there is no grub-mkrescue: run tools/setup") from None
    if done.returncode:
        raise ToolError(f"grub-mkrescue failed:\n{done.stdout.strip()}")
    shutil.rmtree(tree)
    return path
