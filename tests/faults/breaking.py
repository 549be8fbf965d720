"""`python -m tests.faults.breaking`: a script that has everything and breaks; with the word `waits`, it never ends."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from collections.abc import Iterator

from tests.faults import __main__ as command
from tests.faults import disk, network, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, Script, exactly

WAITS = "waits" in sys.argv[1:]


def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with contextlib.ExitStack() as stack:
        if disk.can_mount():
            stack.enter_context(disk.of_database(ground, spare_mib=64))
        inside = stack.enter_context(network.made()).inside if network.can_be_made() else ()
        ground.start("worker", "agents", revived=True)
        ground.start("beat", inside=inside)
        print("has", ground.place.root, *inside[-1:], flush=True)
        yield exactly("processes", 3, 3)
        if WAITS:
            threading.Event().wait()
        raise ValueError("as meant")


if __name__ == "__main__":
    script.registry.register("breaks", Script("breaks", "It breaks.", prove, small=1, full=1))
    sys.argv[1:] = ["--broker", "redis", "--size", "small", "breaks"]
    sys.exit(command.main())
