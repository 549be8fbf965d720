"""The router: addresses without a trailing slash."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """`/api/v1/contacts`, not `/api/v1/contacts/`. Fixed paths win: a view's `lookup_value_regex` fits ids only."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False)
