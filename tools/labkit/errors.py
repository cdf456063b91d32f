# SPDX-License-Identifier: BSD-2-Clause
"""The one exception the tools turn into a message and an exit status."""


class ToolError(Exception):
    """Something the user can read and act on; status becomes the exit status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def usage_error(message):
    """A mistake in the command line or in a file: exit status 2."""
    return ToolError(message, status=2)
