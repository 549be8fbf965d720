"""The hand-written SQL of this app: `statements.run("insert_events", {...})` executes that file of `sql/`."""

from __future__ import annotations

from pathlib import Path

from config.lib.statements import Statements

run = Statements(Path(__file__).parent / "sql").run
