"""A large piece of memory goes back to the machine when it is not needed any more."""

from __future__ import annotations

import subprocess
import sys

from config.lib import allocator

# Pieces of growing size, each with a small one behind it that stays: by glibc's own rule they would lie on the heap,
# and what they took would stay.
_TAKEN = """
from pathlib import Path
{first}
def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
before, kept = mib(), []
for size in range(1, 31):
    large = b"x" * (size * 2**20)
    del large
    kept.append(b"y" * 1000)
pieces = []
for _ in range(10):
    pieces.append(b"x" * (10 * 2**20))
    kept.append(b"y" * 1000)
del pieces
print(mib() - before)
"""


def taken(first: str) -> float:
    """MiB that a process of its own still holds."""
    code = _TAKEN.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_large_pieces_go_back() -> None:
    assert allocator.give_back_large() is (sys.platform == "linux")
    give_back = "from config.lib import allocator; allocator.give_back_large()"
    assert taken(give_back) < 5
    assert taken("") > 20, "else there is nothing to do any more"
