# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's monitor (QMP): stops and continues a machine's processors and clocks."""

import json
import os
import socket

from labkit.errors import ToolError

TIMEOUT_S = 30


def command(path, name, *commands):
    """Gives the monitor at `path` (machine `name`) these commands, without arguments."""
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.settimeout(TIMEOUT_S)
            # By a descriptor: a socket's path may have 107 bytes only.
            monitor.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
            with monitor.makefile("rw", encoding="utf-8") as stream:
                stream.readline()  # the greeting
                for word in ("qmp_capabilities", *commands):
                    stream.write(json.dumps({"execute": word}) + "\n")
                    stream.flush()
                    _answer(stream, name, word)
    except OSError as error:
        raise ToolError(f"{name}: QEMU's monitor does not answer ({error})") from None
    finally:
        os.close(directory)


def _answer(stream, name, word):
    """Events may come before the answer."""
    for line in stream:
        answer = json.loads(line)
        if "error" in answer:
            raise ToolError(f"{name}: QEMU: {word}: {answer['error'].get('desc')}")
        if "return" in answer:
            return
    raise ToolError(f"{name}: QEMU's monitor was closed: the machine ended")
