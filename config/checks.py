"""Settings that would make this installation unsafe or useless are refused at the start, each in one sentence."""

from __future__ import annotations

import ipaddress
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004


@register(Tags.security)
def safe_settings(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts: a websocket's origin is checked against them, and '*' would let every site in."
        found.append(Error("ALLOWED_HOSTS holds '*'.", hint=hint, id="triggerfish.E001"))
    if not all(_is_key(key) for key in settings.FIELD_KEYS):
        hint = (
            "Each key is 32 random bytes in URL-safe base64, as Fernet.generate_key() makes them."
        )
        found.append(
            Error("FIELD_KEY holds something that is no key.", hint=hint, id="triggerfish.E002")
        )
    if not all(_is_network(one) for one in settings.METRICS_ALLOW):
        hint = "Give addresses or networks, separated by commas: 10.0.0.0/8,::1."
        found.append(
            Error("METRICS_ALLOW holds what is no network.", hint=hint, id="triggerfish.E004")
        )
    if unknown := _unknown_switches():
        hint = "Name types of triggers, such as cron, webhook or webhook:telegram; manual cannot be turned off."
        said = f"TRIGGERS_OFF holds what turns nothing off: {', '.join(unknown)}."
        found.append(Error(said, hint=hint, id="triggerfish.E005"))
    if not all(one.strip().startswith("/") for one in settings.FILE_WATCH_ROOTS):
        hint = "Give whole paths, separated by commas: /srv/files,/srv/inbox/{workspace}."
        found.append(
            Error("FILE_WATCH_ROOTS holds what is no path.", hint=hint, id="triggerfish.E006")
        )
    if not 0 <= settings.UNSIGNED_DAILY_SHARE <= 1:
        hint = "It is a part of an agent's daily limit: 0.5 is half of it."
        found.append(
            Error("UNSIGNED_DAILY_SHARE is not from 0 to 1.", hint=hint, id="triggerfish.E003")
        )
    return found


@register(Tags.security, deploy=True)
def ready_for_the_world(**_: Any) -> list[CheckMessage]:
    if settings.FIELD_KEYS:
        return []
    hint = "Without one, stored secrets are encrypted with a key made of SECRET_KEY, and lost when that changes."
    return [Warning("FIELD_KEY is not set.", hint=hint, id="triggerfish.W001")]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _unknown_switches() -> list[str]:
    from triggers import sources  # the apps are ready when checks run

    return sources.unknown_switches(settings.TRIGGERS_OFF)


def _is_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
