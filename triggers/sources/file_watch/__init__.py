"""Files: each one that comes, changes, goes or is moved is an event of its trigger.

`places` guards where that may be, `patterns` says which files are meant, `looking` reads the disk, `lookout` hears of
changes, `ledger` knows what has to be told, `keeping` stores what was told, and `watcher` holds them together.
"""

from __future__ import annotations

import os
import re
import uuid
from typing import Any

from crm.models import Workspace
from triggers.sources import Config, Problems, Source, register
from triggers.sources.file_watch import patterns, places, telling
from triggers.sources.file_watch.watcher import FileWatcher
from triggers.watching import Watcher

LONGEST_PATH = 1000
MOST_PATTERNS = 50


class FileSource(Source):
    trigger_type = "file_watch"
    from_outside = True
    label = "Files"
    description = (
        "Runs for each file that is created, modified, deleted or moved in a folder of the server."
    )
    is_watched = True
    config_schema = {
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "title": "Path",
                "description": "A file, a folder, or a pattern such as /srv/files/*.csv or /srv/files/**/in/*.csv. "
                "The operator says below which folders (FILE_WATCH_ROOTS).",
                "minLength": 1,
                "maxLength": LONGEST_PATH,
            },
            "events": {
                "type": "array",
                "title": "Events",
                "description": "Without moved, a move is a deletion and a creation.",
                "items": {"type": "string", "enum": list(telling.EVENTS)},
                "uniqueItems": True,
                "minItems": 1,
                "default": list(telling.EVENTS),
            },
            "recursive": {
                "type": "boolean",
                "title": "In folders below too",
                "default": True,
            },
            "debounce_seconds": {
                "type": "number",
                "title": "Quiet for seconds",
                "description": "A file is told once it has not changed for so long, so that one that is being "
                "written is told when it is whole.",
                "minimum": 0,
                "maximum": 3600,
                "default": telling.DEBOUNCE,
            },
            "ignore_patterns": {
                "type": "array",
                "title": "Ignore",
                "description": "Names of files or folders, such as *.tmp or .git; with a slash, paths below the "
                "watched folder, such as old/**.",
                "items": {"type": "string", "minLength": 1, "maxLength": 200},
                "maxItems": MOST_PATTERNS,
                "default": [],
            },
            "existing": {
                "type": "boolean",
                "title": "Files that are there already",
                "description": "They are told as created when the trigger begins, which else begins with what comes.",
                "default": False,
            },
        },
        "required": ["path"],
        "additionalProperties": False,
    }

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """Forms send what was left empty as an empty text."""
        return {key: value for key, value in config.items() if value != ""}

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems: Problems = {}
        try:
            place = places.find(config["path"], slug=workspace.slug)
            recursive = config.get("recursive", True) or bool(place.target)
            patterns.wanted(place.pattern, recursive=recursive, ignore=[])
        except patterns.BadGlob as error:
            field = "recursive" if "`recursive`" in str(error) else "path"
            problems[field] = [str(error)]
        except places.BadPath as error:
            problems["path"] = [str(error)]
        return problems | _ignored_problems(config.get("ignore_patterns", []))

    def warnings(self, config: Config) -> list[str]:
        told = []
        path = config["path"]
        magic = patterns.MAGIC.search(path)
        folder = os.path.dirname(path[: magic.start()] if magic else path)
        if not os.path.isdir(folder):
            told.append(f"The folder {folder} is not there yet.")
        if "{" in path:
            told.append("Braces are taken as they are: {csv,txt} is no choice in a path.")
        return told

    def watcher(self, config: Config) -> Watcher:
        return FileWatcher(config)

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return f"file:{trigger_id}"

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"files: {config.get('path', '?')}"[:200]

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return telling.SCHEMA

    def sample_type(self, config: Config) -> str:
        return telling.TYPES[_first(config)].name

    def sample(self, config: Config) -> dict[str, Any]:
        """A file that the path means."""
        path = _example(config["path"])
        event = _first(config)
        known = telling.sample(event) | {"path": path, "name": os.path.basename(path)}
        known |= {"relative_path": os.path.basename(path), "root": os.path.dirname(path)}
        if event == "moved":
            known["from_path"] = os.path.join(os.path.dirname(path), "before")
        return known

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """What is not given is as in the sample."""
        named = {"name": os.path.basename(str(given["path"]))} if "path" in given else {}
        return self.sample(config) | named | given


def _first(config: Config) -> str:
    events = config.get("events") or telling.EVENTS
    return str(events[0])


def _example(path: str) -> str:
    """A path that a pattern takes."""
    plain = re.sub(r"\[[!^]?(.)[^\]]*\]", r"\1", path.replace("**/", "").rstrip("/"))
    plain = plain.replace("**", "*").replace("*", "example").replace("?", "a")
    return plain if "." in os.path.basename(plain) else f"{plain}/example.txt"


def _ignored_problems(given: list[str]) -> Problems:
    problems: Problems = {}
    for index, one in enumerate(given):
        try:
            patterns.wanted("*", recursive=True, ignore=[one])
        except patterns.BadGlob as error:
            problems[f"ignore_patterns[{index}]"] = [str(error)]
    return problems


register(FileSource())
