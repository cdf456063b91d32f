# SPDX-License-Identifier: BSD-2-Clause
"""What tools/lab, tools/mkguest and tools/demo are made of. Standard library only."""
