"""Sites that may show a form and send its answers: origins, as browsers name them. No queries.

An origin is scheme, host and port: `https://www.example.org`. Wildcards are refused: a list names whom it trusts.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

MAX_ORIGINS = 50
MAX_LENGTH = 255
_USUAL_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z")
_ODD = re.compile(r"[\s\x00-\x1f\x7f;,'\"<>\\]")  # what would end a header or one of its parts


class NoOrigin(ValueError):
    """The text is no origin; the message says why, for people."""


def read(text: str) -> str:
    """The origin as browsers send it: lower case, international names in ASCII, no usual port. Raises NoOrigin."""
    text = text.strip()
    if "*" in text:
        raise NoOrigin("wildcards are not possible; name each site.")
    if len(text) > MAX_LENGTH or _ODD.search(text):
        raise NoOrigin("this is no address of a site.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise NoOrigin("this is no address of a site.") from None
    if parts.scheme not in _USUAL_PORTS:
        raise NoOrigin("begin with https:// or http://.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise NoOrigin("give scheme, host and port only, such as https://www.example.org.")
    shown = "" if port in (None, _USUAL_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{_host(parts.hostname or '')}{shown}"


def _host(name: str) -> str:
    try:
        if ":" in name:
            return f"[{ipaddress.IPv6Address(name)}]"
        ascii_name = name.lower() if name.isascii() else name.encode("idna").decode().lower()
    except ValueError:
        raise NoOrigin("its host is no name and no address.") from None
    if not _HOST.match(ascii_name):
        raise NoOrigin("its host is no name and no address.")
    return ascii_name


def read_all(given: Any) -> list[str]:
    """The list in the shape that is stored, each origin once. Raises ValidationError with a sentence for each fault."""
    if not isinstance(given, list) or len(given) > MAX_ORIGINS:
        raise ValidationError(f"Give a list of at most {MAX_ORIGINS} sites.")
    found: dict[str, None] = {}
    problems = []
    for number, text in enumerate(given, 1):
        try:
            found[read(text if isinstance(text, str) else "")] = None
        except NoOrigin as fault:
            problems.append(f"Site {number}: {fault}")
    if problems:
        raise ValidationError(problems)
    return list(found)


def known_origins(given: Any) -> None:
    """Validator of `Form.origins`, which holds them as `read_all` answers them."""
    if read_all(given) != given:
        raise ValidationError("Write each site as browsers do, once: https://www.example.org.")
