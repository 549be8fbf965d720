"""`python -m tests.faults.nursery`: a process that has loaded Django once, and forks programs on request.

Reads one JSON object a line, `{"name", "command", "log"}`, and answers with a pid a line. At the end of its input it
goes, and its children with it. Programs get the settings that this process was started with.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from config.up import forked
from config.up.child import Program
from config.up.place import REPOSITORY


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: who has ended is gone
    forked.load()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        program = Program(
            name=asked["name"],
            command=asked["command"],
            log=Path(asked["log"]),
            folder=REPOSITORY,
            environment=dict(os.environ),
        )
        print(forked.start(program, inherit=()).pid, flush=True)
    os._exit(0)  # not waiting for children, who are told by the kernel


if __name__ == "__main__":
    main()
