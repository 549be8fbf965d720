"""Who sends webhooks: one file per kind of sender, with its signature scheme, its fields and a sample.

A type says what it needs in `config_fields`, proves a request in `verify`, and names a delivery in `delivery_id`, so
that the same one sent again counts once. Types know no tables and do no I/O. What a workspace uploads is a type too:
`triggers.own_types`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from config.lib import registry as registries
from config.lib.registry import Registry
from triggers import signatures

Config = Mapping[str, Any]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_TEXT = {"type": "string", "maxLength": 2000, "minLength": 1}
SECRET = {**_TEXT, "title": "Signing secret", "x-secret": True}
PREVIOUS = {
    **_TEXT,
    "title": "Previous secret",
    "description": "Still accepted while the sender changes to the new one.",
    "x-secret": True,
}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came. `headers` by lower-case name; `query` is the raw query string; `peer` who sent it."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""
    peer: str = ""

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()


class Unverified(Exception):
    """Nobody has proved that the sender sent this. The text is for the workspace, never for the sender."""


class Unavailable(Exception):
    """Nobody can tell now; the sender should come back in a few seconds. The text is for the workspace."""


class WebhookType(ABC):
    """`config_fields` are JSON Schema properties; those with `x-secret` are stored encrypted.

    A type that `runs_code` keeps its thread for a second or two: ask it for nothing on an event loop.
    """

    name: str
    label: str
    setup: str
    config_fields: dict[str, dict[str, Any]] = {
        "secret": SECRET,
        "previous_secret": PREVIOUS,
    }
    required_fields: tuple[str, ...] = ("secret",)
    content_types: ClassVar[tuple[str, ...]] = (JSON, FORM)
    signature_headers: ClassVar[tuple[str, ...]] = ()
    default_methods: tuple[str, ...] = ("POST",)
    runs_code: bool = False
    accepted_status: int = 202  # told to the sender when a delivery is stored

    @property
    def secret_fields(self) -> list[str]:
        return [name for name, schema in self.config_fields.items() if schema.get("x-secret")]

    def problems(self, config: Config) -> dict[str, list[str]]:
        """What is wrong with the configuration of a trigger beyond its schema, by field."""
        return {
            name: ["This field is required."]
            for name in self.required_fields
            if not config.get(name)
        }

    @abstractmethod
    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        """Raises Unverified unless the request proves its sender. `now` is Unix time."""

    @abstractmethod
    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        """The headers that the sender would send with this body."""

    def delivery_id(self, request: Incoming, body: Any) -> str:
        """What names this delivery, the same when it is sent again; empty where the sender gives no name."""
        return request.header("idempotency-key")

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        """What the sender's bodies say, by plain names."""
        return dict(body) if isinstance(body, dict) else {}

    def read(
        self, request: Incoming, body: Any, *, seen: dict[str, Any], config: Config
    ) -> dict[str, Any]:
        """What the payload says beside the request: `parsed`, and `parse_error` where that failed.

        `seen`: the request's outline without what proves who somebody is. Raises Unavailable.
        """
        return {"parsed": self.parse(request, body)}

    def misfits(self, request: Incoming, body: Any) -> dict[str, list[str]] | None:
        """How the body differs from what such senders send, by path; None where that is not said."""
        return None

    def refuses_misfits(self) -> bool:
        """Whether such a body is turned away; else its payload tells."""
        return True

    def reply_at_once(self, body: Any) -> dict[str, Any] | None:
        """The answer to a request that only tests the address; such a request is no event."""
        return None

    def unwanted(self, body: Any, config: Config) -> str:
        """Why the trigger does not want this delivery, as its configuration says; empty where it does."""
        return ""

    def answer(self, event_id: str) -> dict[str, Any]:
        return {"status": "accepted", "event_id": event_id}

    def bounced(self, body: Any) -> list[dict[str, Any]]:
        """Payloads of `email.bounced` that the body tells of."""
        return []

    @abstractmethod
    def sample(self) -> tuple[dict[str, str], dict[str, Any]]:
        """(headers, body) such as the sender sends."""


def secrets_of(config: Config) -> list[str]:
    """The secrets that are accepted now. Raises Unverified where there is none."""
    given = (config.get(name) for name in ("secret", "previous_secret"))
    found = [secret for secret in given if isinstance(secret, str) and secret]
    if not found:
        raise Unverified("The trigger has no secret.")
    return found


def text_of(value: Any, *path: str | int) -> Any:
    """What stands at the path inside JSON, or None."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def check_hex(given: str, signed: bytes, config: Config, *, prefix: str = "") -> None:
    """Raises Unverified unless `given` is prefix and HMAC-SHA256 in hex of the signed bytes."""
    computed = [
        (prefix + signatures.hmac_sha256(secret, signed).hex()).encode()
        for secret in secrets_of(config)
    ]
    if not given or not signatures.any_equal([given.encode("utf-8", "replace")], computed):
        raise Unverified("The signature does not fit." if given else "The signature is missing.")


registry: Registry[WebhookType] = Registry("webhook types")


def register(kind: WebhookType) -> WebhookType:
    return registry.register(kind.name, kind)


def find(name: str) -> WebhookType:
    """Raises `config.lib.registry.UnknownName`."""
    return registry.get(name.lower())


registries.load(__name__)
