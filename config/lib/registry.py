"""Names to things, each thing in a file of its own that registers itself.

    operators: Registry[Operator] = Registry("operators")

    @sources.register("email")          # as a decorator, on a class or a function
    operators.register("equals", it)    # or as a call, for a value

`load(package)` imports every module of a package, so that a new file is all that a new entry needs.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Generic, NamedTuple, TypeVar, overload

T = TypeVar("T")
V = TypeVar("V")

_CALLS = 4


class DuplicateName(Exception):
    """Two places register the same name."""


class UnknownName(LookupError):
    """Nothing is registered under `name`; `suggestion` is the closest name there is, or None."""

    def __init__(self, registry: str, name: str, suggestion: str | None) -> None:
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        super().__init__(f"Unknown name {name!r} in {registry}.{hint}")
        self.name = name
        self.suggestion = suggestion


class _Place(NamedTuple):
    """Where a name was registered; a reloaded module registers again from the very same place.

    `calls` are the nearest callers as (module, line), outwards, up to a module's own level: so an app's
    `register()` around ours does not make all of its entries seem to come from one line.
    """

    calls: tuple[tuple[str, int], ...]
    at_module_level: bool

    @classmethod
    def of_caller(cls) -> _Place:
        calls: list[tuple[str, int]] = []
        frame: FrameType | None = sys._getframe(2)  # nothing public knows the line
        while frame is not None and len(calls) < _CALLS:
            calls.append((frame.f_globals.get("__name__", ""), frame.f_lineno))
            if frame.f_code.co_name == "<module>":
                return cls(tuple(calls), at_module_level=True)
            frame = frame.f_back
        return cls(tuple(calls), at_module_level=False)

    @property
    def module(self) -> str:
        return self.calls[-1 if self.at_module_level else 0][0]

    def __str__(self) -> str:
        module, line = self.calls[-1 if self.at_module_level else 0]
        return f"{module} (line {line})"


class Registry(Generic[T]):
    """Entries by name; iteration and `names()` are sorted, so that lists and schemas are stable."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._entries: dict[str, T] = {}
        self._places: dict[str, _Place] = {}
        self._followers: list[Callable[[T], object]] = []

    @overload
    def register(self, name: str) -> Callable[[V], V]: ...
    @overload
    def register(self, name: str, value: T) -> T: ...
    def register(self, name: str, value: T | None = None) -> T | Callable[[V], V]:
        """Add `value`, or decorate it; raises DuplicateName where another place has the name."""
        place = _Place.of_caller()
        if value is not None:
            self._add(name, value, place)
            return value

        def decorate(target: V) -> V:
            self._add(name, target, place)  # type: ignore[arg-type]  # T cannot be tied to V here
            return target

        return decorate

    def _add(self, name: str, value: T, place: _Place) -> None:
        taken = self._places.get(name)
        if taken is not None and taken != place:
            raise DuplicateName(
                f"{name!r} in {self.title} is registered by {place} and by {taken}."
            )
        self._entries[name] = value
        self._places[name] = place
        for follower in self._followers:
            follower(value)

    def follow(self, follower: Callable[[T], object]) -> None:
        """`follower` is called with every entry: those there are, and each that is added later."""
        self._followers.append(follower)
        for name in self:
            follower(self._entries[name])

    def get(self, name: str) -> T:
        """Raises UnknownName, which knows the closest name."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(self.title, name, closest(name, self._entries)) from None

    def names(self) -> list[str]:
        return sorted(self._entries)

    def module(self, name: str) -> str:
        """The dotted module that registered `name`: what tests and pages of documentation name."""
        return self._places[name].module

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)


def closest(name: object, choices: Iterable[str]) -> str | None:
    """The choice that a typing mistake most likely meant: "graeter_than" -> "greater_than"."""
    if not isinstance(name, str) or not name or len(name) > 200:
        return None
    by_folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def load(package: str) -> list[str]:
    """Import every module of `package` (a folder with an `__init__` counts as one); their names.

    An error in one of them is raised: a source that cannot be imported must not be missing silently.
    """
    parent = importlib.import_module(package)
    found = sorted(module.name for module in pkgutil.iter_modules(parent.__path__))
    names = [f"{package}.{name}" for name in found]
    for name in names:
        importlib.import_module(name)
    return names


def load_extensions(names: Iterable[str]) -> None:
    """Import what an installation adds (EXTENSIONS): modules, and of a package every module in it.

    Raises ImportError with the name of the setting where there is no such module; what a module itself raises is
    raised as it is.
    """
    for name in names:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            raise ImportError(f"EXTENSIONS names {name!r}, and there is no such module.") from error
        if hasattr(module, "__path__"):
            load(name)
