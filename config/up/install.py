"""Make `.venv` hold what a requirements file pins, with hashes. Run by the Makefile before anything is installed:

    python -I config/up/install.py requirements.txt
    python -I config/up/install.py uv                # prints where uv is

Standard library only. A copy of the installed file stays in `.venv`; while the two are equal, nothing is done. uv
installs in a second or two what takes pip forty, so it is used when it is there or can be had, and pip when not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VENV = REPOSITORY / ".venv"
BOOT = REPOSITORY / ".boot"
PYTHON = VENV / "bin" / "python"
RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"


def main(name: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever calls this may be older
        raise SystemExit(
            f"Triggerfish needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}."
        )
    wanted = [RUNTIME] if name == RUNTIME else [RUNTIME, DEVELOPMENT]
    if all(_is_installed(one) for one in wanted):
        return
    print(f"Installing {name} into .venv ...", flush=True)
    if not (_install_with_uv(name) or _install_with_pip(name)):
        raise SystemExit(
            f"Could not install {name}: see above. Is there a network, and room on the disk?"
        )
    for one in wanted:  # the development set contains the runtime set: both are compiled together
        shutil.copy(REPOSITORY / one, _stamp(one))
    if name == RUNTIME:
        _stamp(DEVELOPMENT).unlink(missing_ok=True)


def find_uv() -> str | None:
    """The machine's, or one in `.boot`, which is fetched where it is missing. None where that fails."""
    own = BOOT / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.exists() else None)
    if found:
        return found
    for python in (
        sys.executable,
        str(PYTHON),
    ):  # Debian's python3 may lack pip; a venv of ours may have it
        if (
            _run(
                python, "-m", "pip", "install", "--quiet", "--target", str(BOOT), "uv<1", quiet=True
            )
            and own.exists()
        ):
            return str(own)
    return None


def _install_with_uv(name: str) -> bool:
    uv = find_uv()
    if uv is None:
        return False
    if not _venv_works() and not _run(
        uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)
    ):
        return False
    return _run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        str(PYTHON),
        "--require-hashes",
        "-r",
        str(REPOSITORY / name),
        quiet=True,
    )


def _install_with_pip(name: str) -> bool:
    if not _run(str(PYTHON), "-m", "pip", "--version", quiet=True) and not _run(
        sys.executable, "-m", "venv", "--clear", str(VENV)
    ):
        raise SystemExit(
            "This Python can make no virtual environment: install its venv module (`apt-get install python3-venv`)."
        )
    print("... with pip, which takes a minute.", flush=True)
    pip = (str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    return _run(*pip, "--require-hashes", "-r", str(REPOSITORY / name))


def _venv_works() -> bool:
    """False for none, or one whose interpreter is gone or too old."""
    return _run(str(PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))", quiet=True)


def _is_installed(name: str) -> bool:
    stamp = _stamp(name)
    return (
        _venv_works() and stamp.exists() and stamp.read_bytes() == (REPOSITORY / name).read_bytes()
    )


def _stamp(name: str) -> Path:
    return VENV / f"installed-{name}"


def _run(*command: str, quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, check=False, stdout=output, stderr=output).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    if sys.argv[1] == "uv":
        print(find_uv() or sys.exit("uv is needed for this and could not be fetched."))
    else:
        main(sys.argv[1])
