"""What Redis refused, in words for a person. Its own words may hold what is secret: only their kind is told."""

from __future__ import annotations

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from triggers.sources.message_queue.address import Place


def no_answer(error: RedisError, place: Place) -> str:
    if isinstance(error, AuthenticationError):
        return f"Redis at {place.host}:{place.port} does not accept the user or the password."
    kind = type(error).__name__
    return f"Redis at {place.host}:{place.port} does not answer as it should: {kind}."


def refusal(error: ResponseError, name: str) -> str:
    """`name`: what was to be read."""
    kind = str(error).partition(" ")[0]
    if kind == "WRONGTYPE":
        return f"{name!r} is of another kind than the trigger says: a list, a stream or a channel."
    if kind == "NOGROUP":
        return f"The stream {name!r} or its group is gone; it is begun anew."
    if isinstance(error, NoPermissionError):
        return f"Redis does not let this user read {name!r}."
    return f"Redis refuses to read {name!r} ({kind[:40]})."
