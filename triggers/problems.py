"""What is wrong with a trigger or a webhook type, by field: `config.event_type`, `conditions.rules[0].operator`."""

from __future__ import annotations

from config.lib.problems import Problem
from triggers.sources import Problems


class Invalid(ValueError):
    """Everything that is wrong: messages by field."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{path}: {' '.join(found)}" for path, found in problems.items())
        )


class InvalidTrigger(Invalid):
    """Of a trigger."""


class ExamplesFailed(InvalidTrigger):
    """Nothing is wrong but what a model makes of the examples: by example, what it said."""


class ExamplesUntried(InvalidTrigger):
    """Nothing is wrong, only the examples could not be tried yet; the messages say why."""


class InvalidType(Invalid):
    """Of a workspace's own webhook type."""


class TypeNameTaken(InvalidType):
    """Nothing is wrong, only another type of the workspace has this name."""

    def __init__(self) -> None:
        super().__init__({"webhook_type": ["A webhook type with this name exists already."]})


class NameTaken(InvalidTrigger):
    """Nothing is wrong, only another trigger of the workspace has this name."""

    def __init__(self) -> None:
        super().__init__({"name": ["A trigger with this name exists already."]})


class TooMany(InvalidTrigger):
    """Nothing is wrong, only the workspace has as many triggers as it may have."""

    def __init__(self, most: int) -> None:
        message = f"This workspace may have {most:,} triggers, and has them; delete one first."
        super().__init__({"": [message]})


def by_path(field: str, problems: list[Problem]) -> Problems:
    """Problems inside one field, their paths led from outside and their suggestions as sentences."""
    found: Problems = {}
    for problem in problems:
        dot = "." if problem.path and not problem.path.startswith("[") else ""
        hint = f" Did you mean {problem.suggestion!r}?" if problem.suggestion else ""
        found.setdefault(f"{field}{dot}{problem.path}", []).append(f"{problem.message}{hint}")
    return found
