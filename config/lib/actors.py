"""Who is acting now, and whether anybody knows it: edges say it, whatever is recorded meanwhile can tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Actor = (
    str | Callable[[], str]
)  # "user:<id>", "system", or a function that looks it up when it is asked for

_actor: ContextVar[Actor] = ContextVar("actor", default="")
_is_stranger: ContextVar[bool] = ContextVar("is_stranger", default=False)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Everything recorded inside was done by `actor`; an empty one is nobody in particular."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def set_actor(actor: Actor) -> None:
    """`acting_as` until the end of the present request or task, for edges that have no block to wrap."""
    _actor.set(actor)


def current() -> str:
    """`user:<id>`, `system`, or empty where nobody was named."""
    actor = _actor.get()
    return actor if isinstance(actor, str) else actor()


@contextmanager
def stranger() -> Iterator[None]:
    """Everything recorded inside was sent by somebody who proved nothing: a public form, an unsigned address."""
    token = _is_stranger.set(True)
    try:
        yield
    finally:
        _is_stranger.reset(token)


def is_stranger() -> bool:
    return _is_stranger.get()
