"""A process whose wall clock can be set, by libfaketime of Debian (`apt-get install libfaketime`)."""

from __future__ import annotations

from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def library() -> str:
    """Its path; empty where it is not installed."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return str(found[0]) if found else ""


class FakeClock:
    """The wall clock of the processes that are started with its `environment`; the monotonic clock stays true."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until a change is seen
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # as older versions call it
        }

    def set(self, seconds: int) -> None:
        """How far it is ahead of the true time."""
        self._file.write_text(f"{seconds:+d}\n")
