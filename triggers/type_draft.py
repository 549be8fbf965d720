"""One reading of what somebody gives for a webhook type of the workspace's own, field by field."""

from __future__ import annotations

import re
from typing import Any

from config.lib import json
from triggers import own_types, payload_schemas, sandbox, webhook_types
from triggers.models import OwnWebhookType
from triggers.own_types import PARSE, VALIDATE
from triggers.payload_schemas import UnusableSchema
from triggers.sources import Problems
from triggers.sources.webhook import METHODS

REQUIRED = ("webhook_type", "parser", "json_schema")
_NAME = re.compile(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*\Z")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}\Z")
_TAKEN_NAMES = ("try",)  # an address of the API
_MOST_FIELDS = 20
_RESERVED_FIELDS = ("secret", "previous_secret", "signature_header", "unsigned")
_READ_ONLY = {"id", "version", "is_builtin", "label", "setup", "created_at", "updated_at", "created_by", "triggers"} | {
    "status", "message", "warnings",
}  # fmt: skip
_SAMPLE_BYTES = 64 * 1024


class Draft:
    """`values`: what to set on the row. `problems`: what is wrong with the rest. Raises sandbox.CannotRun."""

    def __init__(self, row: OwnWebhookType, given: dict[str, Any]) -> None:
        self.row = row
        self.given = given
        self.values: dict[str, Any] = {}
        self.problems: Problems = {}

    def now(self, name: str) -> Any:
        return self.values.get(name, getattr(self.row, name))

    def wrong(self, path: str, message: str) -> None:
        self.problems.setdefault(path, []).append(message)

    def read(self) -> None:
        if self.row._state.adding:
            self.values["default_methods"] = ["POST"]
            for name in REQUIRED:
                if self.given.get(name) in (None, ""):
                    self.wrong(name, f"Missing required field: {name}")
                    self.given.pop(name, None)
        for name, read in _READERS.items():
            if name in self.given:
                read(self, self.given[name])
        for name in self.given.keys() - _READERS.keys() - _READ_ONLY:
            self.wrong(str(name)[:100], "Unknown field.")
        if not self.problems:
            self._read_together()

    def _read_together(self) -> None:
        """What one field says about another."""
        has_code = bool(self.now("validation_code"))
        if self.given.get("validation_required") is None and "validation_code" in self.values:
            self.values["validation_required"] = has_code or self.now("validation_required")
        if has_code and not self.now("validation_required"):
            self.wrong(
                "validation_required",
                "There is validation_code, so it is run: say true, or remove the code.",
            )
        if self.now("parser").lower() == "custom" and not self.now("custom_parser_code"):
            self.wrong("custom_parser_code", "Missing required field: custom_parser_code")
        if not self.now("custom_parser_code") and not _is_parser(self.now("parser")):
            known = ", ".join((*own_types.PLAIN_PARSERS, *webhook_types.registry))
            self.wrong("parser", f"Without custom_parser_code, give one of: {known}.")
        both = set(self.now("required_config_fields")) & set(self.now("optional_config_fields"))
        for name in sorted(both):
            self.wrong("optional_config_fields", f"{name} is a required field already.")

    def read_name(self, given: Any) -> None:
        name = given.strip().lower() if isinstance(given, str) else ""
        if not _NAME.match(name) or len(name) > 50:
            self.wrong(
                "webhook_type",
                "Give a name of at most 50 small letters, digits, _ and -, such as my_shop.",
            )
        elif name in webhook_types.registry or name in _TAKEN_NAMES:
            self.wrong("webhook_type", f"{name} is a built-in type.")
        elif not self.row._state.adding and name != self.row.name and self.row.triggers.exists():
            self.wrong("webhook_type", "Triggers use this type: it keeps its name.")
        else:
            self.values["name"] = name

    def read_parser(self, given: Any) -> None:
        if isinstance(given, str) and 0 < len(given.strip()) <= 100 and given.isprintable():
            self.values["parser"] = given.strip()
        else:
            self.wrong("parser", "Give a name of at most 100 characters.")

    def read_schema(self, given: Any) -> None:
        try:
            payload_schemas.compiled(given)
        except UnusableSchema as error:
            self.wrong("json_schema", f"Not a usable JSON Schema: {error}")
            return
        self.values["json_schema"] = given

    def read_fields(self, path: str, given: Any) -> None:
        if not isinstance(given, list) or len(given) > _MOST_FIELDS:
            self.wrong(path, f"Give a list of at most {_MOST_FIELDS} names.")
            return
        for index, name in enumerate(given):
            if not isinstance(name, str) or not _FIELD.match(name):
                self.wrong(f"{path}[{index}]", "Give a name of letters, digits, _ and -.")
            elif name in _RESERVED_FIELDS:
                self.wrong(
                    f"{path}[{index}]",
                    f"Every trigger of an own type may have {name}: leave it out.",
                )
            elif name in given[:index]:
                self.wrong(f"{path}[{index}]", f"{name} is in the list already.")
        self.values[path] = given

    def read_methods(self, given: Any) -> None:
        names = (
            [one.upper() if isinstance(one, str) else one for one in given]
            if isinstance(given, list)
            else []
        )
        if not names or len(names) > len(METHODS) or any(one not in METHODS for one in names):
            self.wrong("default_methods", f"Give a list of: {', '.join(METHODS)}.")
        else:
            self.values["default_methods"] = list(dict.fromkeys(names))

    def read_required(self, given: Any) -> None:
        if given is None or isinstance(given, bool):
            self.values |= {} if given is None else {"validation_required": given}
        else:
            self.wrong("validation_required", "Give true or false.")

    def read_format(self, given: Any) -> None:
        name = given.lower() if isinstance(given, str) else ""
        if name in ("json", *webhook_types.registry):
            self.values["response_format"] = name
        else:
            known = ", ".join(("json", *webhook_types.registry))
            self.wrong("response_format", f"Give one of: {known}.")

    def read_code(self, path: str, function: str, given: Any) -> None:
        if given is None or given == "":
            self.values[path] = ""
            return
        if not isinstance(given, str):
            self.wrong(path, "Give a text: Python code.")
            return
        try:
            sandbox.check(given, function, owner=str(self.row.workspace_id))
        except sandbox.CodeFailed as error:
            self.wrong(path, _placed(error, function))
            return
        self.values[path] = given

    def read_sample(self, given: Any) -> None:
        try:
            clean = json.loads(json.dumps(given), max_bytes=_SAMPLE_BYTES)
        except (TypeError, json.InvalidJSON) as error:
            self.wrong("sample_payload", f"This cannot be a sample: {error}")
            return
        self.values["sample_payload"] = clean


def _is_parser(name: str) -> bool:
    return name.lower() in (*own_types.PLAIN_PARSERS, *webhook_types.registry)


def _placed(error: sandbox.CodeFailed, function: str) -> str:
    if error.line:
        return f"Line {error.line}, column {error.column}: {error.message}"
    if f"name '{function}' is not defined" in error.message:
        return f"The code defines no function {function}."
    return error.message


_READERS: dict[str, Any] = {
    "webhook_type": Draft.read_name,
    "parser": Draft.read_parser,
    "json_schema": Draft.read_schema,
    "required_config_fields": lambda draft, given: draft.read_fields(
        "required_config_fields", given
    ),
    "optional_config_fields": lambda draft, given: draft.read_fields(
        "optional_config_fields", given
    ),
    "default_methods": Draft.read_methods,
    "validation_required": Draft.read_required,
    "response_format": Draft.read_format,
    "custom_parser_code": lambda draft, given: draft.read_code("custom_parser_code", PARSE, given),
    "validation_code": lambda draft, given: draft.read_code("validation_code", VALIDATE, given),
    "sample_payload": Draft.read_sample,
}
