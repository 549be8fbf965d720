"""`make reset`: forget everything that `make run` made. Standard library only; asks first.

python -I config/up/reset.py
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path


def main() -> None:
    root = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[2] / "var").absolute()
    if not root.exists():
        print(f"Nothing to delete: there is no {root}.")
        return
    refuse_if_running(root)
    print(f"This deletes the database, keys, mail and logs in {root}. There is no way back.")
    try:
        answer = input("Type yes to go on: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() != "yes":
        raise SystemExit("Nothing was deleted.")
    shutil.rmtree(root)
    print("Done. `make run` starts afresh.")


def refuse_if_running(root: Path) -> None:
    for name in ("lock", "children.lock"):
        try:
            with (root / name).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            continue
        except BlockingIOError:
            raise SystemExit("Triggerfish is running here: stop it first.") from None


if __name__ == "__main__":
    main()
