"""What, by words: the steps of a plain sentence, in the order in which it tells them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agents.llm import providers
from executions.drafting.blanks import mark
from executions.drafting.rule_events import Heard

Step = dict[str, Any]
_PARTS = re.compile(
    r",\s*(?:and\s+)?(?:then\s+)?|;\s*|\.\s+|\band then\b|\bthen\b|\band\b", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s,;\"'<>]+", re.IGNORECASE)
_TO_CONTACT = re.compile(
    r"\b(contact|customer|lead|them|him|her|person|sender|visitor|client)\b", re.IGNORECASE
)
_SAYING = re.compile(
    r"\b(?:saying|that says|with the text|reading|titled|called)\s+[\"'“]?(.+?)[\"'”]?\s*$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_SPAN = re.compile(r"\b(\d+(?:\.\d+)?)\s+(second|minute|hour|day|week)s?\b", re.IGNORECASE)
_SET = re.compile(
    r"\bset\s+(?:the\s+)?(?:contact'?s?\s+|their\s+|its\s+)?(title|company|source|phone)\s+to\s+[\"'“]?(.+?)[\"'”]?\s*$",
    re.IGNORECASE,
)


def read(what: str, heard: Heard, given: dict[str, Any]) -> list[Step]:
    parts = [part.strip() for part in _PARTS.split(what) if part.strip()]
    steps: list[Step] = []
    for part in parts:
        for pattern, make in _STEPS:
            if re.search(pattern, part, re.IGNORECASE):
                step = make(part, heard, given)
                if step:
                    steps.append(step)
                    break
    return steps


def _text(part: str) -> str:
    """What the sentence wants written, else nothing."""
    found = _QUOTED.search(part) or _SAYING.search(part)
    return found[1].strip().replace("@", "@@") if found else ""


def _subject(heard: Heard) -> str:
    if heard.has[:1] == ("deal",):
        return "@deal.name, @deal.value @deal.currency"
    if heard.has[:1] == ("form",):
        return "@form.name"
    return "@contact.first_name @contact.last_name" if "contact" in heard.has else ""


def _about(part: str, heard: Heard) -> str:
    """What happened, to whom; where the rules know no more, the part itself."""
    plain = heard.title or (part[:1].upper() + part[1:]).rstrip(".").replace("@", "@@")
    subject = _subject(heard)
    return f"{plain}: {subject}" if subject else plain


def _mail(part: str, heard: Heard, given: dict[str, Any]) -> Step:
    thanks = bool(re.search(r"\bthank\b", part, re.IGNORECASE))
    to, greeting = ", ".join(dict.fromkeys(_ADDRESS.findall(part))), "Hello,"
    if not to and "contact" in heard.has and (thanks or _TO_CONTACT.search(part)):
        to, greeting = "@contact.email", "Hello @contact.first_name,"
    subject = "Thank you" if thanks else (_subject(heard) or "News")
    news = _about(part, heard) if heard.title else mark("what it says")
    body = _text(part) or ("thank you very much!" if thanks else news)
    return {
        "action": "send_email",
        "params": {
            "to": to or mark("e-mail address of whom to write to"),
            "subject": subject,
            "body": f"{greeting}\n\n{body[:1].upper()}{body[1:]}",
        },
    }


def _note(part: str, heard: Heard, given: dict[str, Any]) -> Step:
    return {"action": "create_note", "params": {"text": _text(part) or _about(part, heard)}}


def _task(part: str, heard: Heard, given: dict[str, Any]) -> Step:
    wanted = re.search(r"\b(?:task|remind(?:er)?(?:\s+\w+)?)\s+to\s+(.+)$", part, re.IGNORECASE)
    title = _text(part) or (wanted[1].strip() if wanted else "")
    subject = _subject(heard)
    title = title[:1].upper() + title[1:] if title else _about(part, heard)
    if wanted and subject:
        title = f"{title}: {subject}"
    params: dict[str, Any] = {"title": title}
    if found := _SPAN.search(part):
        days = {"day": 1.0, "week": 7.0, "hour": 1 / 24}.get(found[2].lower(), 0.0)
        if days:
            params["due_in_days"] = round(float(found[1]) * days, 2)
    elif re.search(r"\btomorrow\b", part, re.IGNORECASE):
        params["due_in_days"] = 1
    return {"action": "create_task", "params": params}


def _notify(part: str, heard: Heard, given: dict[str, Any]) -> Step:
    return {"action": "notify", "params": {"message": _text(part) or _about(part, heard)}}


def _wait(part: str, heard: Heard, given: dict[str, Any]) -> Step | None:
    found = _SPAN.search(part)
    if found is None:
        return None
    number, unit = float(found[1]), f"{found[2].lower()}s"
    if unit == "weeks":
        number, unit = number * 7, "days"
    return {"action": "wait", "params": {unit: int(number) if number.is_integer() else number}}


def _move(part: str, heard: Heard, given: dict[str, Any]) -> Step | None:
    stages = [str(stage) for stage in given.get("stages") or ()]
    found = next((one for one in stages if one.casefold() in part.casefold()), "")
    return {"action": "update_deal", "params": {"stage": found}} if found else None


def _set(part: str, heard: Heard, given: dict[str, Any]) -> Step | None:
    found = _SET.search(part)
    if found is None:
        return None
    return {"action": "update_contact", "params": {found[1].lower(): found[2].replace("@", "@@")}}


def _call(part: str, heard: Heard, given: dict[str, Any]) -> Step | None:
    found = _URL.search(part)
    if found is None:
        return None
    params: dict[str, Any] = {"method": "POST", "url": found[0].rstrip(".,)")}
    if heard.has:
        params["json"] = {root: f"@{root}" for root in heard.has}
    return {"action": "http_request", "params": params}


def _ask(part: str, heard: Heard, given: dict[str, Any]) -> Step:
    return {
        "action": "ask_model",
        "params": {"prompt": _about(part, heard), "model": providers.RULES},
    }


# The first pattern that fits a part, and whose maker finds what it needs, makes its step.
_STEPS: tuple[tuple[str, Callable[[str, Heard, dict[str, Any]], Step | None]], ...] = (
    (r"https?://", _call),
    (r"\bwait\b|\bpause for\b", _wait),
    (r"\bmove\b|\bstage\b", _move),
    (r"\bset\b", _set),
    (r"\bnotes?\b", _note),
    (r"\btasks?\b|\bremind(?:er)?\b|\bfollow[- ]up\b|\bto-?do\b", _task),
    (r"\be-?mail\b|\bmail\b|\bthank\b|\bwrite to\b|@", _mail),
    (r"\bsummari[sz]e\b|\bjudge\b|\bscore\b|\bclassify\b", _ask),
    (
        r"\bnotify\b|\btell\b|\balert\b|\bnotif\w+|\binform\b|\blet\b.*\bknow\b|\bmessage\b|\bping\b",
        _notify,
    ),
)
