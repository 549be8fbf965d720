"""Names that nobody reads: refused, because a typing mistake must not do something else than was meant."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework import exceptions

from config.lib.registry import closest

_SHOWN = 100  # characters of a name
_FEW = 12  # names that a sentence may list


def refuse_unknown(given: Iterable[str], *, known: Iterable[str], kind: str = "field") -> None:
    """400 by name where `given` has one that is not in `known`, with the name that was probably meant."""
    names = set(known)
    wrong = {}
    for name in sorted(set(given) - names):
        wrong[name[:_SHOWN]] = [f"Unknown {kind}.{_hint(name, names)}"]
    if wrong:
        raise exceptions.ValidationError(wrong)


def _hint(name: str, known: set[str]) -> str:
    meant = closest(name, known)
    if meant:
        return f" Did you mean {meant!r}?"
    return f" There is: {', '.join(sorted(known))}." if 0 < len(known) <= _FEW else ""
