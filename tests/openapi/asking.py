"""schemathesis as a program: it asks a running server, and its own words are what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config.up.place import REPOSITORY

CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = "examples,coverage,fuzzing,stateful"
_ASKED = re.compile(r"^ *([\d,]+) generated", re.MULTILINE)
_FOUND = re.compile(r"([\d,]+) unique failures?")
_TESTED = re.compile(r"^ *Tested: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """How much was asked, how many findings there are, all that schemathesis printed, and what was no finding."""

    requests: int
    operations: int
    found: int
    said: str
    dropped: Counter[str]  # findings that are none, by why


def ask(
    schema: Path,
    *,
    url: str,
    token: str,
    kept: Iterable[str],
    examples: int,
    phases: str,
    seed: int,
) -> Told:
    """Every operation of the schema, each with so many examples and every check. `kept`: ids that must stay.

    The same seed begins the same; what is asked next depends on the ids in the answers.
    """
    command = [
        *(
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(CONFIG),
            "run",
            str(schema),
            "--url",
            url,
        ),
        *("--header", f"Authorization: Bearer {token}", "--phases", phases, "--checks", "all"),
        *("--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none"),
        *("--continue-on-failure", "--no-color", "--request-timeout", "60"),
    ]
    dropped = schema.with_name("dropped")
    dropped.write_text("")
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={
            **os.environ,
            "OPENAPI_DROPPED": str(dropped),
            "OPENAPI_KEPT": " ".join(kept),
            "SCHEMATHESIS_HOOKS": "tests.openapi.hooks",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = done.stdout
    found = max(_number(_FOUND, said), int(done.returncode != 0))
    why = Counter(line.partition("\t")[0] for line in dropped.read_text().splitlines())
    return Told(_number(_ASKED, said), _number(_TESTED, said), found, said, why)


def _number(wanted: re.Pattern[str], said: str) -> int:
    seen = wanted.search(said)
    return int(seen[1].replace(",", "")) if seen else 0
