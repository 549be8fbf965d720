"""Globs of paths: `*`, `?` and `[a-z]` inside a name, `**` for any folders; run by RE2, so that none explodes.

A name that begins with a dot is a name like others. Paths here are below the watched folder, without a slash before
them; names that are not UTF-8 are compared with the replacement character in the place of what is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import re2

MAGIC = re.compile(r"[*?\[]")
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True
_OPTIONS.max_mem = 1 << 22


class BadGlob(ValueError):
    """What is wrong with a pattern, as a sentence."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files are meant. `deepest`: folders below the watched one that have to be looked into; None is all."""

    meant: Any
    ignored: Any
    deepest: int | None

    def takes(self, path: str) -> bool:
        told = plain(path)
        return self.meant.fullmatch(told) is not None and not self._is_ignored(told)

    def ignores(self, path: str) -> bool:
        """A file, or a folder with all that is in it."""
        return self._is_ignored(plain(path))

    def _is_ignored(self, told: str) -> bool:
        return self.ignored is not None and self.ignored.fullmatch(told) is not None


def wanted(pattern: str, *, recursive: bool, ignore: Sequence[str]) -> Wanted:
    """`pattern` is below the watched folder. Raises BadGlob.

    Where it is recursive, the last part may be in any folder below the others: `*.csv` is `**/*.csv`.
    """
    parts = [part for part in pattern.split("/") if part] or ["*"]
    if "**" in parts and not recursive:
        raise BadGlob("`**` means any folders below; that needs `recursive`.")
    if parts[-1] == "**":
        parts.append("*")
    if recursive and parts[-2:-1] != ["**"]:
        parts.insert(len(parts) - 1, "**")
    skipped = [_ignoring(one) for one in ignore]
    return Wanted(
        _compiled(_path(parts)),
        _compiled("|".join(skipped)) if skipped else None,
        None if recursive else len(parts) - 1,
    )


def check(pattern: str) -> None:
    """Raises BadGlob."""
    for part in pattern.split("/"):
        if part != "**":
            _name(part)


def plain(path: str) -> str:
    """As text that can be stored and compared, whatever bytes the name is made of."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _ignoring(pattern: str) -> str:
    """Without a slash: any file or folder of that name. With one: a path below the watched folder."""
    parts = [part for part in pattern.split("/") if part]
    if not parts:
        raise BadGlob("An empty pattern ignores nothing.")
    inside = "(?:/.*)?"
    if "/" not in pattern.rstrip("/"):
        return f"(?:.*/)?{_path(parts)}{inside}"
    return f"{_path(parts)}{inside}"


def _path(parts: Sequence[str]) -> str:
    found = []
    for index, part in enumerate(parts):
        if part == "**":
            found.append("(?:[^/]+/)*" if index < len(parts) - 1 else ".*")
        else:
            found.append(_name(part) + ("/" if index < len(parts) - 1 else ""))
    return "".join(found)


def _name(part: str) -> str:
    if "**" in part:
        raise BadGlob(f"`**` stands alone between slashes, such as data/**/*.csv; not in {part!r}.")
    found, at = [], 0
    while at < len(part):
        letter = part[at]
        at += 1
        if letter == "[":
            text, at = _set(part, at)
            found.append(text)
        else:
            found.append({"*": "[^/]*", "?": "[^/]"}.get(letter) or re2.escape(letter))
    return "".join(found)


def _set(part: str, at: int) -> tuple[str, int]:
    """The set that begins at `at`, and where it has ended."""
    end = part.find("]", at + 2 if part[at : at + 1] in ("!", "^") else at + 1)
    if end < 0:
        raise BadGlob(f"The bracket in {part!r} is not closed; a plain bracket is written [[].")
    inside = part[at:end]
    negated = inside[:1] in ("!", "^")
    letters = inside[1:] if negated else inside
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", letters)
    text = f"[{'^/' if negated else ''}{escaped}]"
    try:
        re2.compile(text, _OPTIONS)
    except re2.error:
        raise BadGlob(f"[{inside}] is not a set of letters, such as [a-z].") from None
    return text, end + 1


def _compiled(text: str) -> Any:
    try:
        return re2.compile(text, _OPTIONS)
    except (re2.error, UnicodeEncodeError):
        raise BadGlob("The patterns are too large, or hold characters that are none.") from None
