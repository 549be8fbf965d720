"""What processes have said in their logs, which are plain here: `... message  field=value ...`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def total(logs: Iterable[Path], message: str, field: str) -> int:
    """The sum of a field's values in all lines of this message."""
    value = re.compile(rf"  {re.escape(field)}=(\d+)")
    found = 0
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            if message in line and (said := value.search(line)):
                found += int(said[1])
    return found
