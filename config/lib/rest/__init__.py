"""What every REST view shares: strict JSON in, one list shape, one error shape.

Django REST framework loads these names from its settings while it is itself being imported, so nothing here may
import its views; `config.lib.rest.routing` and `.schema`, which do, are imported by those who need them.
"""

from config.lib.rest.failures import Conflict, Failure, Invalid, Stale, Unavailable, answer_error
from config.lib.rest.filtering import CommaSeparated, DeclaredFilters, Filter
from config.lib.rest.paging import Page
from config.lib.rest.parsing import JSONRenderer, StrictJSONParser

__all__ = [
    "CommaSeparated",
    "Conflict",
    "DeclaredFilters",
    "Failure",
    "Filter",
    "Invalid",
    "JSONRenderer",
    "Page",
    "Stale",
    "StrictJSONParser",
    "Unavailable",
    "answer_error",
]
