"""Where files may be watched: below the folders that the operator allowed (FILE_WATCH_ROOTS), and never through a link.

A root may name `{workspace}`, which stands for the workspace's slug: each then has a folder of its own. The roots
themselves may be links; below them none is followed, so that nothing inside can lead out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.conf import settings

from config.lib.registry import closest
from triggers.sources.file_watch.patterns import MAGIC

NONE_ALLOWED = (
    "Files are watched only below folders that the operator of this installation allows, and there is none: "
    "the setting FILE_WATCH_ROOTS names them, such as FILE_WATCH_ROOTS=/srv/files."
)
LONGEST_NAME = 255


class BadPath(ValueError):
    """Why a path cannot be watched, as a sentence."""


class LeadsAway(BadPath):
    """A part of the path is a link."""


@dataclass(frozen=True, slots=True)
class Place:
    """`folder` as people wrote it, `real` as the system knows it, `pattern` below it; empty is the folder's all.

    `root`: what was allowed, as it was written. `target`: the one file that a path without a pattern names, where that
    is no folder.
    """

    root: str
    folder: str
    real: str
    pattern: str
    target: str = ""

    def shown(self, path: str) -> str:
        """A path below the folder, whole and as people wrote it."""
        return os.path.join(self.folder, path)


def roots(slug: str) -> list[str]:
    """Those of a workspace, as they were written."""
    named = (one.strip().replace("{workspace}", slug) for one in settings.FILE_WATCH_ROOTS)
    return [_tidy(one) for one in named if one]


def find(path: str, *, slug: str) -> Place:
    """The place that a path means now. Raises BadPath; asks the file system, for links and folders."""
    root, parts = _split(path, slug)
    magic = next((n for n, part in enumerate(parts) if MAGIC.search(part)), len(parts))
    folder = os.path.join(root, *parts[:magic])
    real = _real(root, parts[:magic])
    if magic < len(parts):
        return Place(root, folder, real, "/".join(parts[magic:]))
    if not parts or path.endswith("/") or os.path.isdir(real):
        return Place(root, folder, real, "")
    parent, name = os.path.split(folder)
    return Place(root, parent, os.path.dirname(real), name, name)


def _split(path: str, slug: str) -> tuple[str, list[str]]:
    """(the root that it is below, the parts below that)."""
    allowed = roots(slug)
    if not allowed:
        raise BadPath(NONE_ALLOWED)
    if not path.isprintable():
        raise BadPath("A path has no control characters.")
    if not path.startswith("/"):
        raise BadPath(f"Give the whole path, such as {os.path.join(allowed[0], path)}.")
    parts = PurePosixPath(path).parts[1:]
    if ".." in parts:
        raise BadPath("`..` leads out of a folder; write the path without it.")
    if long := next((one for one in parts if len(os.fsencode(one)) > LONGEST_NAME), None):
        raise BadPath(
            f"A name in a path has at most {LONGEST_NAME} bytes; {long[:40]}... has more."
        )
    tidy = "/" + "/".join(parts)
    inside = [one for one in allowed if tidy == one or tidy.startswith(one.rstrip("/") + "/")]
    if not inside:
        raise BadPath(_outside(tidy, allowed))
    root = max(inside, key=len)
    return root, [part for part in tidy[len(root) :].split("/") if part]


def _outside(path: str, allowed: list[str]) -> str:
    depths = {len(one.split("/")) for one in allowed}
    for depth in sorted(depths):
        parts = path.split("/")
        if meant := closest("/".join(parts[:depth]), allowed):
            hint = f" Did you mean {'/'.join([meant, *parts[depth:]])[:200]}?"
            break
    else:
        hint = ""
    known = ", ".join(allowed)[:500]
    return f"{path[:200]} is outside of what may be watched here: {known}.{hint}"


def _real(root: str, parts: list[str]) -> str:
    """Raises LeadsAway where a part below the root is a link; what is not there yet is none."""
    here = os.path.realpath(root)
    for part in parts:
        here = os.path.join(here, part)
        if os.path.islink(here):
            raise LeadsAway(f"{part} is a link. Links are not followed: give the path it leads to.")
    return here


def is_inside(real: str, path: str) -> bool:
    """Whether a path below a real folder leads there without any link."""
    whole = os.path.join(real, path)
    return os.path.realpath(whole) == whole


def _tidy(root: str) -> str:
    return "/" + "/".join(PurePosixPath(root).parts[1:]) if root.startswith("/") else root
