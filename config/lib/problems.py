"""What is wrong with a piece of configuration, where, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` leads to the fault inside what was checked (`rules[0].operator`); "" is the whole of it."""

    path: str
    message: str
    suggestion: str | None = None

    def below(self, prefix: str) -> str:
        """The path from further out: `conditions` and `[0].operator` make `conditions[0].operator`."""
        dot = "." if prefix and self.path and not self.path.startswith("[") else ""
        return f"{prefix}{dot}{self.path}"

    def as_dict(self) -> dict[str, str | None]:
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        hint = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{where}{self.message}{hint}"


def path_of(parts: Iterable[str | int]) -> str:
    """How the way to a fault is written, everywhere: `rules[0].operator`. Paths that people write themselves, into the
    data of an event, have dots alone (`items.0.name`).
    """
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return told.removeprefix(".")
