"""Where values come from: the environment, and beside a running system what it wrote to `var/run.env`."""

from __future__ import annotations

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
env.read_env(VAR_DIR / "run.env")  # keeps what the environment already says
