"""A disk of its own for the database of a ground, so small that it can be filled. Needs root, for a mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults.ground import Ground

_WAL = {"max_wal_size": "64MB", "min_wal_size": "32MB", "wal_recycle": "off"}
_PIECE = 256 * 1024


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    folder = tempfile.mkdtemp(prefix="tf-mount-")
    try:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True
        ).returncode:
            return False
        subprocess.run(["umount", folder], check=True)
        return True
    finally:
        Path(folder).rmdir()


class SmallDisk:
    """`fill` leaves nothing free, `free` gives it back."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler:
            piece = b"x" * _PIECE
            while piece:
                try:
                    filler.write(piece)
                except OSError:
                    piece = piece[: len(piece) // 2]

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def of_database(ground: Ground, *, spare_mib: int) -> Iterator[SmallDisk]:
    """Moves the database to a small disk, and back in the end. Nothing else of the ground may run at both moments."""
    data = ground.place.root / "postgres"
    kept = data.with_name("postgres.kept")
    ground.stop_database()
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) // 2**20
    data.rename(kept)
    data.mkdir(mode=0o700)
    _run("mount", "-t", "tmpfs", "-o", f"size={size + spare_mib}m", "tmpfs", str(data))
    try:
        _run("cp", "-a", f"{kept}/.", str(data))
        ground.start_database(**_WAL)
        yield SmallDisk(data)
    finally:
        ground.stop_database()
        _run("umount", str(data))
        data.rmdir()
        kept.rename(data)
        ground.start_database()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
