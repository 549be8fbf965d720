"""The cases as they stand in the files, and their bodies as bytes."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from config.lib import json
from tests.corpus import sockets

FOLDER = Path(__file__).parent / "cases"
_KNOWN = {
    *("id", "why", "to", "as", "sign", "headers", "body", "json", "form", "raw", "repeat", "together", "from"),
    *("expect", "fields", "says", "answer", "stored", "events", "contacts", "submissions", "triggers", "agents"),
    *("shape", "answer_headers", "half_closed", "frames", "closes", "shows", "hides"),
}  # fmt: skip
_COUNTED = ("events", "contacts", "submissions", "triggers", "agents")
_NAME = re.compile(r"<([a-z_0-9]+)>")


class _Loader(yaml.SafeLoader):
    """Without YAML's own idea of dates."""

    yaml_implicit_resolvers = {
        first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class Case:
    """`number` is its place among all."""

    name: str
    number: int
    said: Mapping[str, Any]

    @property
    def status(self) -> int | None:
        """None where the connection is closed without an answer."""
        first = str(self.said["expect"]).split()[0]
        return None if first == "closed" else int(first)

    @property
    def code(self) -> str:
        return str(self.said["expect"]).partition(" ")[2]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows more there must be; after an error none, after anything else only what is said."""
        refused = self.status is None or self.status >= 400
        told = {name: int(self.said[name]) for name in _COUNTED if name in self.said}
        return {**dict.fromkeys(_COUNTED if refused else (), 0), **told}

    @property
    def is_talk(self) -> bool:
        """Whether it goes on as a websocket."""
        return "closes" in self.said

    def frames(self, names: Mapping[str, str]) -> list[bytes]:
        """What is sent over the websocket."""
        return [
            sockets.frame(one, _joined(one["content"], names))
            for one in self.said.get("frames", [])
        ]

    def body(self, names: Mapping[str, str]) -> bytes:
        said = self.said
        if said.get("json") is not None or ("json" in said and "body" not in said):
            return json.dumps(filled(said["json"], names))
        if "form" in said:
            return urlencode(filled(said["form"], names), doseq=True).encode()
        return _joined(said.get("body"), names)


def _joined(given: Any, names: Mapping[str, str]) -> bytes:
    pieces = given if isinstance(given, list) else [given or ""]
    return b"".join(_piece(piece, names) for piece in pieces)


def cases() -> list[Case]:
    return [Case(name, number, said) for number, (name, said) in enumerate(_all())]


def _all() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        told = yaml.load(path.read_text(), _Loader)
        for case in told["cases"]:
            said = {**told.get("defaults", {}), **case}
            if strange := said.keys() - _KNOWN:
                raise ValueError(f"{path.name}, {case['id']}: {strange}")
            yield f"{path.stem}/{case['id']}", said


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A copy with its `<names>` filled in; what is in brackets and no name stays."""
    if isinstance(value, str):
        return _NAME.sub(lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return value


def _piece(piece: Any, names: Mapping[str, str]) -> bytes:
    if isinstance(piece, str):
        return str(filled(piece, names)).encode()
    if "times" in piece:
        text, times = piece["times"]
        return str(text).encode() * int(times)
    if "numbered" in piece:  # `%d` counts up
        text, times = piece["numbered"]
        return "".join(text.replace("%d", str(number)) for number in range(times)).encode()
    if "hex" in piece:
        return bytes.fromhex(piece["hex"])
    if "gzip" in piece:
        return gzip.compress(piece["gzip"].encode(), mtime=0)
    if "deflate" in piece:
        return zlib.compress(piece["deflate"].encode())
    return str(piece["text"]).encode(piece["as"])
