"""Secrets in the steps of an agent: in their place stands a mask, and the values are stored apart, encrypted.

    {"headers": {"Authorization": "Bearer k-123..."}}  ->  {"headers": {"Authorization": "[secret:5d0c91ab]"}}

Secret is what its name says (`secrets.is_secret_name`; of headers, a few names more) and what the query of an address
gives such a name. A mask that is sent back keeps its value, for the action, the param and the address that it was given
for: nobody who may edit an agent can send its secrets elsewhere. Only `opened`, for a run, answers the values.
"""

from __future__ import annotations

import re
import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import InvalidToken

from agents import templating
from config.lib import json, secrets

_MASK = re.compile(r"\[secret:([0-9a-f]{8})(?:…[\w-]{4})?\]")
_IN_HEADERS = re.compile(r"auth|key|session|sign", re.IGNORECASE)
_NOT_SECRET = frozenset(("idempotency-key",))
_SCHEMES = re.compile(r"\s*(bearer|basic|token|apikey|key)?\s*", re.IGNORECASE)
_LONG_ENOUGH_TO_HINT = 16
_SHORTEST_KNOWN = 4  # a shorter text stands in too many places to be taken out of all

Steps = list[dict[str, Any]]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Secret:
    """`place`: the action, the param and the address that it was given for."""

    value: str
    place: str


@dataclass(slots=True)
class _Keeping:
    """One pass over the steps: `known` by reference as they were, `kept` as they will be."""

    known: dict[str, _Secret]
    kept: dict[str, _Secret] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def mask(self, text: str, *, place: str, where: str) -> str:
        """The mask that stands for the text from now on; a text that holds masks is opened first."""
        alone = _MASK.fullmatch(text)
        if alone and self._may_stay(alone[1], place, where):
            self.kept[alone[1]] = self.known[alone[1]]
            return text
        if _MASK.search(text):
            text = _MASK.sub(lambda m: self._opened(m, place, where), text)
        return self._fresh(_Secret(text, place))

    def refuse_masks(self, text: str, *, where: str) -> None:
        if _MASK.search(text):
            self._refuse(where)

    def _fresh(self, secret: _Secret) -> str:
        same = (ref for ref, one in (*self.known.items(), *self.kept.items()) if one == secret)
        ref = next(same, None) or random.token_hex(4)
        self.kept[ref] = secret
        hint = secret.value[-4:]
        hinted = len(secret.value) >= _LONG_ENOUGH_TO_HINT and re.fullmatch(r"[\w-]{4}", hint)
        return f"[secret:{ref}…{hint}]" if hinted else f"[secret:{ref}]"

    def _opened(self, match: re.Match[str], place: str, where: str) -> str:
        return self.known[match[1]].value if self._may_stay(match[1], place, where) else match[0]

    def _may_stay(self, ref: str, place: str, where: str) -> bool:
        if ref in self.known and self.known[ref].place == place:
            return True
        self._refuse(where)
        return False

    def _refuse(self, where: str) -> None:
        message = "Give the secret itself again: this only stands for one that was given for another place or address."
        self.problems.setdefault(where, [message])


class Locked(ValueError):
    """What was encrypted cannot be opened with the keys that there are."""

    def __init__(self) -> None:
        super().__init__("The secrets of its steps cannot be opened with the present FIELD_KEY.")


def problems(steps: Any, *, sealed: str, of: str = "steps") -> dict[str, list[str]]:
    """Masks that stand for nothing here, by path (`steps[0].params.headers.Authorization`)."""
    if not isinstance(steps, list):
        return {}
    keeping = _Keeping(_read_if_possible(sealed))
    _seal(steps, keeping, of)
    return keeping.problems


def disguised(steps: Any) -> Any:
    """A copy with a plain word for each mask, for checks of what a text looks like."""
    return _mapped(steps, lambda text, _path: _MASK.sub("secret", text))


def seal(steps: Steps, *, sealed: str) -> tuple[Steps, str]:
    """The steps with masks, and what they stand for, encrypted. `sealed`: what the masks of before stood for."""
    keeping = _Keeping(_read_if_possible(sealed))
    masked = _seal(steps, keeping)
    return masked, _write(keeping.kept)


def seal_both(steps: Steps, tools: Sequence[Any], *, sealed: str) -> tuple[Steps, list[Any], str]:
    """`seal` for the steps of an agent and for its tools, which name an action and params like a step."""
    keeping = _Keeping(_read_if_possible(sealed))
    masked, tools = _seal(steps, keeping), _seal(tools, keeping, "tools")
    return masked, tools, _write(keeping.kept)


def opened(steps: Sequence[Any], *, sealed: str) -> tuple[list[Any], tuple[str, ...]]:
    """The steps as a run needs them, and the secrets in them, which nobody may read anywhere. Raises Locked."""
    known = _read(sealed)
    if not known:
        return list(steps), ()

    def open_text(text: str, _path: Path) -> str:
        return _MASK.sub(lambda m: known[m[1]].value if m[1] in known else m[0], text)

    return [_mapped(step, open_text) for step in steps], tuple(_told_apart(known.values()))


def _told_apart(found: Any) -> Iterator[str]:
    """Also without the scheme before it, as a server repeats it: `k-123` of `Bearer k-123`."""
    for secret in found:
        for text in (secret.value, secret.value.split()[-1] if secret.value.split() else ""):
            if len(text) >= _SHORTEST_KNOWN:
                yield text


# --- finding them ---------------------------------------------------------------------------------


def _seal(steps: Sequence[Any], keeping: _Keeping, of: str = "steps") -> Steps:
    return [_of_step(step, f"{of}[{index}]", keeping) for index, step in enumerate(steps)]


def _of_step(step: Any, at: str, keeping: _Keeping) -> Any:
    if not isinstance(step, dict) or not isinstance(step.get("params"), dict):
        return step
    params = step["params"]
    site = _site(params.get("url"))

    def mask_text(text: str, path: Path) -> str:
        place = f"{_performer(step)} {'.'.join(path)} {site}"
        where = f"{at}.params.{'.'.join(path)}"
        if _is_secret(path):
            return keeping.mask(text, place=place, where=where) if _is_told(text) else text

        def in_query(match: re.Match[str]) -> str:
            value = match[0][len(match[1]) :]
            if not _is_told(value):
                return match[0]
            return match[1] + keeping.mask(value, place=f"{place} {match[1]}", where=where)

        masked = secrets.URL_SECRET.sub(in_query, text) if "://" in text else text
        keeping.refuse_masks(_without(masked, keeping.kept), where=where)
        return masked

    return {**step, "params": _mapped(params, mask_text)}


def _performer(step: Mapping[str, Any]) -> Any:
    """The action, or the tool of an MCP server."""
    return f"mcp:{step['mcp']}/{step.get('tool')}" if "mcp" in step else step.get("action")


def _without(text: str, kept: Mapping[str, _Secret]) -> str:
    return _MASK.sub(lambda m: "" if m[1] in kept else m[0], text)


def _is_secret(path: Path) -> bool:
    name = next((part for part in reversed(path) if not part.isdigit()), "")
    if name.lower() in _NOT_SECRET:
        return False
    in_headers = len(path) > 1 and path[0] == "headers"
    return secrets.is_secret_name(name) or (in_headers and bool(_IN_HEADERS.search(name)))


def _is_told(text: str) -> bool:
    """Whether there is more to it than variables, which tell nothing, and the name of a scheme."""
    for name in templating.variables_in(text):
        text = text.replace(f"@{name}", "")
    return not _SCHEMES.fullmatch(text)


def _site(url: Any) -> str:
    """`https://api.example.org` of an address, its variables as they are."""
    text = url if isinstance(url, str) else ""
    scheme, found, rest = text.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest)[0]}".lower() if found else text


def _mapped(value: Any, change: Callable[[str, Path], str], path: Path = ()) -> Any:
    """A copy of JSON-shaped data with every text of it changed."""
    if isinstance(value, str):
        return change(value, path)
    if isinstance(value, dict):
        return {key: _mapped(item, change, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change, (*path, str(i))) for i, item in enumerate(value)]
    return value


# --- at rest --------------------------------------------------------------------------------------


def _read(sealed: str) -> dict[str, _Secret]:
    if not sealed:
        return {}
    try:
        found = json.loads(secrets.decrypt(sealed).encode())
    except InvalidToken:
        raise Locked from None
    return {ref: _Secret(one["value"], one["place"]) for ref, one in found.items()}


def _read_if_possible(sealed: str) -> dict[str, _Secret]:
    """Nothing where the key is gone: then the secrets have to be given again."""
    try:
        return _read(sealed)
    except Locked:
        return {}


def _write(kept: Mapping[str, _Secret]) -> str:
    if not kept:
        return ""
    found = {ref: {"value": one.value, "place": one.place} for ref, one in kept.items()}
    return secrets.encrypt(json.dumps(found).decode())
