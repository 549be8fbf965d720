"""The folder that one installation lives in, `var/` unless `VAR_DIR` says otherwise.

```text
var/keys.env        SECRET_KEY, FIELD_KEY, DEMO_PASSWORD: made once, mode 0600. Losing FIELD_KEY loses stored secrets.
var/run.env         addresses and keys of the running system, read by the settings where DATABASE_URL is unset
var/lock            held by the supervisor: one per folder
var/children.lock   held by every child, so that a start can wait until the last start's children are gone
var/postgres/       the database          var/log/   one file per process          var/mail/   mail of the demo
```
Sockets do not live here: their paths may have 107 bytes at most, and `var/` may lie deep.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_SOCKET_PATH_BYTES = (
    100  # sun_path holds 108 on Linux and 104 on macOS, with the file's name still to come
)


class CannotStart(Exception):
    """One clear line for the person at the terminal: what is wrong and what to do."""


@dataclass(frozen=True)
class Place:
    """`root` is absolute; nothing is created before it is asked for."""

    root: Path

    @classmethod
    def from_environment(cls) -> Place:
        return cls(Path(os.environ.get("VAR_DIR") or REPOSITORY / "var").absolute())

    def prepare(self) -> None:
        """Create the folders, readable by their owner alone."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.logs, self.root / "static"):  # WhiteNoise warns of a missing one
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise CannotStart(
                f"Cannot write to {self.root} ({error.strerror}). Set VAR_DIR."
            ) from error

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def run_env(self) -> Path:
        return self.root / "run.env"

    @property
    def keys_env(self) -> Path:
        return self.root / "keys.env"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def trim_logs(self, *, above: int = 10_000_000) -> None:
        """Keep one older part of each log that has grown `above` so many bytes; its writers append, and go on."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > above:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)

    def keys(self) -> dict[str, str]:
        """The generated keys of this installation; missing ones are made and kept."""
        known = read_env(self.keys_env)
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "FIELD_KEY": base64.urlsafe_b64encode(
                secrets.token_bytes(32)
            ).decode(),  # the form of Fernet.generate_key()
            "DEMO_PASSWORD": "-".join(secrets.token_hex(2) for _ in range(4)),
        }
        keys = made | known
        if keys != known:
            write_env(self.keys_env, keys)
        return keys

    def take(self, sentence: str) -> int:
        """Lock this folder for as long as the returned descriptor is open; `sentence` is what a second start is told.

        Raises CannotStart with the sentence of whoever holds the lock.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held_by = os.pread(descriptor, 500, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise CannotStart(held_by or f"Another process holds {self.root / 'lock'}.") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, sentence.encode(), 0)
        return descriptor

    def take_children(self, *, seconds: float) -> int:
        """The descriptor that every child inherits. Waits for children of an earlier start that are still ending.

        A lock that a process inherits is free when the last of its holders is gone: no pid is guessed. Raises
        CannotStart when they are still there after `seconds`.
        """
        path = self.root / "children.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(descriptor)
                    raise CannotStart(
                        f"Processes of the last start are still running (`fuser {path}` names them): end them first."
                    ) from None
                time.sleep(0.1)
            else:
                return descriptor

    def sockets(self, name: str) -> Path:
        """A short folder for one server's socket, the same at every start, that only we can enter.

        Raises CannotStart where somebody else made a folder of that name first.
        """
        path = self._socket_folder(name)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode):
                raise CannotStart(
                    f"{path} should be a folder for sockets and is not: remove it."
                ) from None
            if found.st_uid != os.geteuid() and os.geteuid() != 0:
                raise CannotStart(
                    f"{path} belongs to another user: set TMPDIR to a folder of your own."
                ) from None
            path.chmod(0o700)
        return path

    def remove_sockets(self) -> None:
        for name in ("pg", "vk"):
            shutil.rmtree(self._socket_folder(name), ignore_errors=True)

    def _socket_folder(self, name: str) -> Path:
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
        folder = f"tf-{os.geteuid()}-{digest}-{name}"
        parent = tempfile.gettempdir()
        if len(os.fsencode(f"{parent}/{folder}/.s.PGSQL.5432")) > _SOCKET_PATH_BYTES:
            parent = "/tmp"  # noqa: S108 - the folder is private and its owner is checked
        return Path(parent) / folder


def read_env(path: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a file; nothing where there is none."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Replace a file of KEY=VALUE lines at once, readable by its owner alone from its first byte on."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{key}={value}\n" for key, value in values.items())
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
