"""Secrets: made, hashed, encrypted, and kept out of what people read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

HIDDEN = "[redacted]"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|cookie|credential|private[-_]?key|signature",
    re.IGNORECASE,
)
# Group 1 is what stands before the secret: a name in the query, or `/bot` of Telegram's addresses.
URL_SECRET = re.compile(
    r"([?&;][^=&;\s\"']*?(?:token|secret|passw|pwd|api[-_]?key|signature|credential)[^=&;\s\"']*=|[?&;]auth="
    r"|/bot(?=\d{6,12}:))(?:(?<=/bot)\d+:[\w-]+|[^&;#\s\"']+)",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):([^/@\s]+)@")


def new_token(prefix: str = "tf") -> str:
    """A fresh secret of 256 random bits, like `tf_Yk3...`; it is shown once and stored as `digest(token)`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """SHA-256 in hex. Tokens are random, so no salt and no slow hash are needed to look them up."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys] or [Fernet(derived_key(secret_key))])


def derived_key(secret_key: str) -> bytes:
    """What stands in for FIELD_KEY where that is not set."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"field:" + secret_key.encode()).digest())


def encrypt(text: str) -> str:
    return _fernet(tuple(settings.FIELD_KEYS), settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """The clear text; raises `cryptography.fernet.InvalidToken` where no known key fits."""
    return _decrypted(text, tuple(settings.FIELD_KEYS), settings.SECRET_KEY)


@lru_cache(maxsize=2_000)
def _decrypted(text: str, keys: tuple[str, ...], secret_key: str) -> str:
    """The same cipher text always says the same, and a busy webhook's is opened for every request."""
    return _fernet(keys, secret_key).decrypt(text.encode()).decode()


class EncryptedTextField(models.TextField[str, str]):
    """Text that the database only sees encrypted. It cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return decrypt(value) if value else value


class EncryptedPairsField(models.TextField[dict[str, str], dict[str, str]]):
    """Names with texts, such as headers, that the database only sees encrypted; empty where there are none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"blank": True, "default": dict, **kwargs})

    def to_python(self, value: Any) -> Any:
        """As it is: forms clean what they put onto a row, and a text field would make it a text."""
        return value

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(json.dumps(value)) if value else ""

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return json.loads(decrypt(value)) if value else {}


class SealedTextField(models.TextField[str, str]):
    """Text that its writer encrypted with `encrypt`, where not every reader may open it. `rotation` finds it."""

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """As the TextField that it is in the database: marking one needs no migration."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is kept out of what people read: `Authorization`, `x-api-key`, `db_password`."""
    return _is_secret(name) if len(name) <= _SHORT else _SECRET_NAME.search(name) is not None


_SHORT = 100  # names of headers and fields, which come again and again


@lru_cache(maxsize=4_000)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def redact(value: Any, *, known: tuple[str, ...] = ()) -> Any:
    """A copy of JSON-shaped data without what its name, or the list of known values, says is secret."""
    if isinstance(value, dict):
        return {
            key: HIDDEN
            if item and isinstance(key, str) and is_secret_name(key)
            else redact(item, known=known)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item, known=known) for item in value]
    if isinstance(value, str):
        return redact_text(value, known=known)
    return value


def redact_text(text: str, *, known: tuple[str, ...] = ()) -> str:
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
        text = URL_SECRET.sub(rf"\1{HIDDEN}", text)
    for secret in known:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text
