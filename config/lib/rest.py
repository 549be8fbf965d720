"""What every REST view shares: strict JSON in, one list shape, one error shape."""

from __future__ import annotations

from rest_framework import pagination, parsers, renderers, views
from rest_framework.response import Response


class StrictJSONParser(parsers.JSONParser):
    pass


class JSONRenderer(renderers.JSONRenderer):
    pass


class Page(pagination.PageNumberPagination):
    pass


def answer_error(exc, context) -> Response | None:
    return views.exception_handler(exc, context)
