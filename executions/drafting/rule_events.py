"""When, by words: the event or the schedule of a plain sentence, and the conditions in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_WHEN = re.compile(
    r"\b(when(?:ever)?|if|once|as soon as|after|every|each|on|daily|hourly|weekly|monthly)\b",
    re.IGNORECASE,
)
_PARTED = re.compile(r",(?!\d)\s*(?:then\s+|and then\s+)?|\bthen\b\s*|:\s+", re.IGNORECASE)
_EVERY = re.compile(r"\b(every|each|daily|hourly|weekly|monthly)\b", re.IGNORECASE)
_ACTS = re.compile(
    r"\b(create|add|write|make|send|e-?mail|mail|thank|tell|notify|alert|remind|wait|set|change|move|post|call|ask|assign)\b",
    re.IGNORECASE,
)

# What is done to what, in the order of asking: the first that fits counts.
_DEAL, _CONTACT = (
    r"\b(?:deals?|opportunit(?:y|ies))\b",
    r"\b(?:contacts?|leads?|customers?|person|people)\b",
)
_MADE = r"\b(?:created|new|added|made|arrives?|comes? in|signs? up|registers?)\b"
_CHANGED = r"\b(?:updated|changed|changes|edited)\b"
_GONE = r"\b(?:deleted|removed)\b"
_EVENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("form_submitted", (r"\b(?:forms?|submissions?)\b",)),
    ("email.bounced", (r"\be-?mails?\b", r"\bbounce[sd]?\b")),
    ("email.failed", (r"\be-?mails?\b", r"\bfail(?:s|ed)?\b")),
    ("deal_stage_updated", (_DEAL, r"\b(?:won|lost|closed|stage|moves?|moved|reaches)\b")),
    ("deal_deleted", (_DEAL, _GONE)),
    ("deal_created", (_DEAL, _MADE)),
    ("deal_updated", (_DEAL, _CHANGED)),
    ("contact_deleted", (_CONTACT, _GONE)),
    ("contact_updated", (_CONTACT, _CHANGED)),
    ("contact_created", (_CONTACT, _MADE)),
    ("user.login", (r"\b(?:user|member|somebody|someone)\b", r"\blogs? in\b")),
)
_CUSTOM = re.compile(
    r"\bevent\s+[\"'`]?([a-z][a-z0-9_]*(?:[.:-][a-z0-9_]+)+|[a-z0-9]+(?:_[a-z0-9]+)+)",
    re.IGNORECASE,
)
_BY_HAND = re.compile(
    r"\bby hand\b|\bmanually\b|\bpress(?:es)? (?:run|a button|the button)\b", re.IGNORECASE
)

_MORE, _LESS = (
    "above|over|more than|greater than|larger than|exceeds|exceeding",
    "below|under|less than|smaller than",
)
_NUMBER = r"[$€£]?\s*(\d[\d.,]*)\s*(k|m|thousand|million)?\b"
_THRESHOLD = re.compile(
    rf"(?:(\w+)\s+(?:is\s+|of\s+|are\s+)?)?\b({_MORE}|{_LESS}|at least|at most|from)\s+{_NUMBER}",
    re.IGNORECASE,
)
_OPERATOR = {"at least": "greater_or_equal", "from": "greater_or_equal", "at most": "less_or_equal"}
_TIMES = {"k": 1000, "thousand": 1000, "m": 1_000_000, "million": 1_000_000}
_FIELDS = {
    "contact": {"company": "company", "title": "title", "job title": "title", "source": "source", "phone": "phone",
                "email": "email", "e-mail": "email", "first name": "first_name", "last name": "last_name"},
    "deal": {"currency": "currency", "name": "name", "stage": "stage"},
}  # fmt: skip
_WORDS = {
    "is": "equals",
    "equals": "equals",
    "contains": "contains",
    "starts with": "starts_with",
    "ends with": "ends_with",
}
_COMPARED = re.compile(
    r"\b(company|job title|title|source|phone|e-?mail|first name|last name|currency|name)\s+"
    r"(is not|is|equals|contains|starts with|ends with)\s+[\"'“]?([^\"'”,;]+?)[\"'”]?\s*(?=$|,|;|\band\b|\bis\b)",
    re.IGNORECASE,
)
_DAYS = {name: name[:3].upper() for name in
         ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")}  # fmt: skip
_CLOCK = re.compile(
    r"\bat\s+(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm|o'clock)?\b|\bat\s+(noon|midnight)\b", re.IGNORECASE
)
_MINUTES = re.compile(r"\bevery\s+(\d{1,2})\s+minutes?\b", re.IGNORECASE)
_SPANS = (
    (r"\bevery minute\b", "* * * * *"),
    (r"\b(?:every|each) hour\b|\bhourly\b", "0 * * * *"),
    (r"\b(?:weekdays?|working days?|workdays?)\b", "{minute} {hour} * * MON-FRI"),
    (r"\b(?:every|each) week\b|\bweekly\b", "{minute} {hour} * * MON"),
    (r"\b(?:every|each) month\b|\bmonthly\b", "{minute} {hour} 1 * *"),
    (r"\b(?:every|each) (?:day|morning|evening|night)\b|\bdaily\b", "{minute} {hour} * * *"),
)
_HOURS = re.compile(r"\bevery\s+(\d{1,2})\s+hours?\b", re.IGNORECASE)


@dataclass(slots=True)
class Heard:
    """`said`: how it is told. Without a config nothing was understood."""

    trigger_type: str = "event"
    config: dict[str, Any] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    said: str = "When is not clear"
    title: str = ""

    @property
    def event_type(self) -> str:
        return str(self.config.get("event_type", ""))

    @property
    def has(self) -> tuple[str, ...]:
        """The records that its events tell of."""
        if self.event_type.startswith("deal"):
            return ("deal", "contact")
        if self.event_type == "form_submitted":
            return ("form", "contact")
        return ("contact",) if self.event_type.startswith("contact") else ()


def parted(description: str) -> tuple[str, str]:
    """The part that says when, and the part that says what."""
    begin = _WHEN.search(description)
    if begin is None:
        return description, description
    if begin.start() > 0:
        first_act = _ACTS.search(description)
        if first_act and first_act.start() < begin.start():
            return description[begin.start() :], description[: begin.start()]
    rest = description[begin.start() :]
    commas = list(_PARTED.finditer(rest))
    before_act = (one for one in commas if _ACTS.match(rest, one.end()))
    comma = next(before_act, commas[0] if commas else None)
    if comma:
        return rest[: comma.start()], rest[comma.end() :]
    act = _ACTS.search(rest)
    return (rest[: act.start()], rest[act.start() :]) if act else (rest, "")


def read(when: str, given: dict[str, Any]) -> Heard:
    if _BY_HAND.search(when):
        return Heard("manual", said="Runs by hand")
    if _EVERY.search(when) and (expression := _schedule(when)):
        zone = str(given.get("timezone") or "UTC")
        config = {"cron_expression": expression, "timezone": zone}
        return Heard("cron", config, said=f"By the schedule {expression} in {zone}")
    if found := _CUSTOM.search(when):
        return Heard(
            "custom", {"endpoint": found[1].lower()}, said=f"When the event {found[1]} comes"
        )
    for name, words in _EVENTS:
        if all(re.search(word, when, re.IGNORECASE) for word in words):
            heard = Heard("event", {"event_type": name}, said=f"On {name.replace('_', ' ')}")
            heard.rules = [
                *_stages(when, name, given),
                *_thresholds(when, heard),
                *_compared(when, heard),
            ]
            stage = next(
                (rule["value"] for rule in heard.rules if rule["field"] == "new_stage"), ""
            )
            heard.title = f"Deal in {stage}" if stage else name.replace("_", " ").capitalize()
            return heard
    return Heard()


def _stages(when: str, name: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if name != "deal_stage_updated":
        return
    stages = [str(stage) for stage in given.get("stages") or ()]
    lowered = when.casefold()
    found = next((one for one in stages if one.casefold() in lowered), "")
    for word in ("won", "lost"):
        if not found and re.search(rf"\b{word}\b", lowered):
            found = next((one for one in stages if word in one.casefold()), "")
    if found:
        yield {"field": "new_stage", "operator": "equals", "value": found}


def _thresholds(when: str, heard: Heard) -> Iterator[dict[str, Any]]:
    for word, how, digits, unit in _THRESHOLD.findall(when):
        value = _number(digits) * _TIMES.get(unit.lower(), 1)
        operator = _OPERATOR.get(how.lower())
        if operator is None:
            operator = "greater_than" if re.fullmatch(_MORE, how, re.IGNORECASE) else "less_than"
        if heard.has[:1] == ("deal",):
            yield {"field": "deal.value", "operator": operator, "value": value}
        elif heard.has[:1] == ("form",) and word:
            yield {"field": f"form.fields.{word.lower()}", "operator": operator, "value": value}


def _number(digits: str) -> int | float:
    """1,000 and 1.000 are a thousand, 2.5 is two and a half."""
    text = digits.rstrip(".,")
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        return int(re.sub(r"[.,]", "", text))
    value = float(text.replace(",", ".")) if text.count(".") + text.count(",") < 2 else 0.0
    return int(value) if value.is_integer() else value


def _compared(when: str, heard: Heard) -> Iterator[dict[str, Any]]:
    for name, how, value in _COMPARED.findall(when):
        lowered = name.lower()
        root = next((one for one in heard.has if lowered in _FIELDS.get(one, {})), "")
        if root:
            operator = "not_equals" if how.lower() == "is not" else _WORDS[how.lower()]
            yield {
                "field": f"{root}.{_FIELDS[root][lowered]}",
                "operator": operator,
                "value": value.strip(),
            }


def _schedule(when: str) -> str:
    """A cron expression, or nothing."""
    text = when.lower()
    for pattern, below, form in ((_MINUTES, 60, "*/{} * * * *"), (_HOURS, 24, "0 */{} * * *")):
        if found := pattern.search(text):
            return form.format(int(found[1])) if 0 < int(found[1]) < below else ""
    minute, hour = _clock(text)
    days = [short for name, short in _DAYS.items() if re.search(rf"\b{name}s?\b", text)]
    if days:
        return f"{minute} {hour} * * {','.join(days)}"
    for words, form in _SPANS:
        if re.search(words, text):
            return form.format(minute=minute, hour=hour)
    return ""


def _clock(text: str) -> tuple[int, int]:
    """Minute and hour; nine in the morning where nobody says."""
    found = _CLOCK.search(text)
    if found is None:
        return 0, 18 if "evening" in text or "night" in text else 9
    if found[4]:
        return 0, 12 if found[4] == "noon" else 0
    hour, minute = int(found[1]), int(found[2] or 0)
    hour = hour % 12 + (12 if found[3] == "pm" else 0) if found[3] in ("am", "pm") else hour
    return min(minute, 59), min(hour, 23)
