"""How the C library's allocator treats large pieces of memory: each by itself, given back to the machine at once.

By its own rule glibc keeps what it once gave for a large piece (a body of ten megabytes) for later ones of that size: a
process would hold for ever what a single request took.
"""

from __future__ import annotations

import ctypes
import sys

LARGE = 128 * 1024  # bytes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def give_back_large() -> bool:
    """For this process and those that it forks. False where the C library is another one, which has no such rule."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    taken = [library.mallopt(option, LARGE) for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD)]
    return taken == [1, 1]
