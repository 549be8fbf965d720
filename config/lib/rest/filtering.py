"""Filters of lists: each view declares its own, and each value is checked before the database sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as ModelError
from django.db.models import Q, QuerySet
from rest_framework import exceptions, serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from config.lib.rest.names import refuse_unknown

if TYPE_CHECKING:  # importing views here would be a circle
    from rest_framework.views import APIView

MAX_SEARCH = 200
MAX_WORDS = 8
PAGING = ("page", "page_size", "sort_by", "sort_order")


class CommaSeparated(serializers.Field[list[Any], str, list[Any], Any]):
    """`a,b,c`, each checked by `child`."""

    def __init__(self, child: serializers.Field[Any, Any, Any, Any]) -> None:
        super().__init__()
        self.child = child

    def to_internal_value(self, data: str) -> list[Any]:
        return [self.child.run_validation(item.strip()) for item in data.split(",") if item.strip()]

    def to_representation(self, value: list[Any]) -> list[Any]:
        return value


@dataclass(frozen=True, slots=True)
class Filter:
    """`?name=value`: `value` is parsed by the field, then asked as `lookup`, or given to `apply(queryset, value)`.

    `description` is what the API's page says.
    """

    lookup: str = ""
    field: serializers.Field[Any, Any, Any, Any] = field(
        default_factory=lambda: serializers.CharField(max_length=300, allow_blank=True)
    )
    apply: Callable[[QuerySet[Any], Any], QuerySet[Any]] | None = None
    description: str = ""

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        value = self.field.run_validation(text)
        return (
            self.apply(queryset, value) if self.apply else queryset.filter(**{self.lookup: value})
        )


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters; of one that is given twice, the last."""
    return {name: str(text) for name, text in request.query_params.items()}


class StrictQuery:
    """Mix into views: refuses what no database can look for, and reads bodies that come without Content-Length."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        for name, text in parameters(request).items():
            if "\x00" in name + text:
                raise exceptions.ValidationError(
                    {name.replace("\x00", ""): ["The character NUL is not allowed."]}
                )
        meta = request._request.META
        if "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
            meta["CONTENT_LENGTH"] = str(
                len(request._request.body)
            )  # else the body counts as empty
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # of the view that this is mixed into


def narrowed(
    rows: QuerySet[Any], name: str, by: Filter, text: str, *, wrong: dict[str, Any]
) -> QuerySet[Any]:
    """The rows that a filter lets pass; what is wrong with its value goes into `wrong`, by its name."""
    try:
        return by.narrow(rows, text)
    except exceptions.ValidationError as error:
        wrong[name] = error.detail
    except ModelError as error:
        wrong[name] = error.messages
    return rows


class DeclaredFilters(BaseFilterBackend):
    """Applies a view's `filters` (`{name: Filter}`) and `?search=`: each word in any of its `search_fields`.

    Empty values narrow nothing. A value that does not parse is a 400 by the parameter's name, and so is a parameter
    that the list does not have: it would answer everything. Names that begin with `_` are left to programs' caches.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        wrong: dict[str, Any] = {}
        declared: dict[str, Filter] = getattr(view, "filters", {})
        search = ("search",) if getattr(view, "search_fields", ()) else ()
        asked = [name for name in parameters(request) if not name.startswith("_")]
        refuse_unknown(asked, known=(*declared, *search, *PAGING), kind="parameter")
        for name, text in parameters(request).items():
            if name in declared and text != "":
                queryset = narrowed(queryset, name, declared[name], text, wrong=wrong)
        if wrong:
            raise exceptions.ValidationError(wrong)
        return _search(
            queryset, parameters(request).get("search", ""), getattr(view, "search_fields", ())
        )

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        declared: dict[str, Filter] = getattr(view, "filters", {})
        found = [_parameter(name, one, view) for name, one in declared.items()]
        if getattr(view, "search_fields", ()):
            text = "Each word must be found in one of the searched fields."
            found.append(_parameter("search", Filter(field=_SEARCHED, description=text), view))
        return found


_SEARCHED = serializers.CharField(max_length=MAX_SEARCH, allow_blank=True)


def _parameter(name: str, declared: Filter, view: APIView) -> dict[str, Any]:
    """As OpenAPI describes it, with the shape of what its field takes; what is empty narrows nothing."""
    wanted: Any = declared.field
    is_list = isinstance(wanted, CommaSeparated)
    child = wanted.child if is_list else wanted
    describing: Any = view.schema  # drf-spectacular's
    shape = describing._map_serializer_field(child, "request")
    describing._insert_field_validators(child, shape)
    shape.pop("description", None)  # of an enumeration, which says the same again
    if shape.keys() - {"type", "maxLength"}:
        shape = {"anyOf": [shape, {"type": "string", "enum": [""]}]}
    spelled: dict[str, Any] = {"schema": shape}
    if is_list:
        spelled = {
            "schema": {"type": "array", "items": shape},
            "style": "form",
            "explode": False,
        }
    about = {"description": declared.description} if declared.description else {}
    return {"name": name, "in": "query", "required": False, **about, **spelled}


def _search(queryset: QuerySet[Any], text: str, fields: tuple[str, ...]) -> QuerySet[Any]:
    words = text.split()
    if not words or not fields:
        return queryset
    if len(text) > MAX_SEARCH or len(words) > MAX_WORDS:
        raise exceptions.ValidationError(
            {"search": [f"At most {MAX_WORDS} words and {MAX_SEARCH} characters."]}
        )
    found = [reduce(or_, (Q(**{f"{name}__icontains": word}) for name in fields)) for word in words]
    return queryset.filter(reduce(and_, found))
