"""Contacts as CSV: reading what spreadsheets write, and writing what they cannot take for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from crm.models import Contact

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 200
COLUMNS = ("first_name", "last_name", "email", "phone", "title", "company", "source")
LONGEST = {
    field.name: field.max_length or 0 for field in Contact._meta.fields if field.name in COLUMNS
}
EXPORTED = ("id", *COLUMNS, "created_at", "updated_at")
ALIASES = {
    "firstname": "first_name", "given_name": "first_name", "forename": "first_name",
    "lastname": "last_name", "surname": "last_name", "family_name": "last_name",
    "e_mail": "email", "email_address": "email", "e_mail_address": "email", "mail": "email",
    "telephone": "phone", "tel": "phone", "mobile": "phone", "phone_number": "phone",
    "job_title": "title", "position": "title",
    "organisation": "company", "organization": "company", "company_name": "company", "account": "company",
    "full_name": "name",
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class UnreadableCSV(ValueError):
    """The file as a whole cannot be read; the message says why."""


class TooManyRows(UnreadableCSV):
    """More rows than MAX_ROWS."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: `number` is the line where it begins (the header is 1), `values` the columns that it fills."""

    number: int
    values: dict[str, str]
    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    lines: list[Line]
    ignored_columns: list[str]


def read(raw: bytes) -> Sheet:
    """Every row that is not empty, each with what is wrong with it. Raises UnreadableCSV.

    Comma, semicolon or tab; a header line with the names of `COLUMNS`, in any order and common spellings, or `name` for
    first and last name together. Other columns are ignored, and named.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableCSV(f"The file is not UTF-8 (byte {error.start}).") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        columns, ignored = _columns(next(reader, []))
        return Sheet(list(_lines(reader, columns)), ignored)
    except csv.Error as error:
        raise UnreadableCSV(f"Line {reader.line_num}: {error}.") from None


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(header: list[str]) -> tuple[list[str], list[str]]:
    """The field of each column (empty: ignored), and the names of those ignored."""
    if len(header) > MAX_COLUMNS:
        raise UnreadableCSV(f"At most {MAX_COLUMNS} columns.")
    names = [_column(title) for title in header]
    known = [name for name in names if name]
    if not known:
        raise UnreadableCSV(
            f"The first line names no column that is known: {', '.join(COLUMNS)} or name."
        )
    if doubled := sorted({name for name in known if known.count(name) > 1}):
        raise UnreadableCSV(f"Two columns are named {doubled[0]}.")
    ignored = [
        _UNSTORABLE.sub("\ufffd", title)[:100]
        for title, name in zip(header, names, strict=True)
        if not name
    ]
    return names, ignored


def _column(title: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", title.strip().lower()).strip("_")
    name = ALIASES.get(plain, plain)
    return name if name in COLUMNS or name == "name" else ""


def _lines(reader: Any, columns: list[str]) -> Iterator[Line]:
    count, begins = 0, reader.line_num + 1
    for cells in reader:
        values = _values(cells, columns)
        if any(cell.strip() for cell in cells):
            count += 1
            if count > MAX_ROWS:
                raise TooManyRows(f"At most {MAX_ROWS} rows.")
            yield Line(begins, values, _problems(cells, values, columns))
        begins = reader.line_num + 1


def _values(cells: list[str], columns: list[str]) -> dict[str, str]:
    values = {
        name: _unquoted(cell.strip()) for name, cell in zip(columns, cells, strict=False) if name
    }
    if "name" in values:
        first, _, last = values.pop("name").partition(" ")
        values = {
            "first_name": first,
            "last_name": last.strip(),
            **{k: v for k, v in values.items() if v},
        }
    return {name: value for name, value in values.items() if value}


def _problems(cells: list[str], values: dict[str, str], columns: list[str]) -> dict[str, list[str]]:
    if len(cells) > len(columns):
        return {"row": [f"It has {len(cells)} cells, the first line has {len(columns)}."]}
    if not values:
        return {"row": ["It fills no column that is known."]}
    return {name: problems for name, value in values.items() if (problems := _wrong(name, value))}


def _wrong(name: str, value: str) -> list[str]:
    longest = LONGEST[name]
    if len(value) > longest:
        return [f"At most {longest} characters."]
    if _UNSTORABLE.search(value):
        return ["It contains a character that cannot be stored."]
    if name == "email":
        try:
            validate_email(value)
        except ValidationError as error:
            return list(error.messages)
    return []


def write(contacts: Iterable[Contact]) -> str:
    """CSV with a header line; cells that a spreadsheet would run are quoted with an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(EXPORTED)
    for contact in contacts:
        writer.writerow([_quoted(_cell(getattr(contact, name))) for name in EXPORTED])
    return text.getvalue()


def _cell(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)


def _quoted(cell: str) -> str:
    """OWASP's rule against CSV injection."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
