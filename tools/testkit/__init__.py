# SPDX-License-Identifier: BSD-2-Clause
"""What tools/run-tests is made of. Standard library only."""
