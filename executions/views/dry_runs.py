"""What a dry run may be asked for beside its event."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from config.lib.rest import Invalid
from crm.access import scopes_of

NEEDED = "run"


def asks_model(request: Request) -> bool:
    """Whether a model shall judge: that costs, so it needs more than reading. 400 and 403 where it cannot be."""
    body: Any = request.data
    given = body.get("ask_model", False)
    if not isinstance(given, bool):
        said = "Give true or false."
        raise Invalid(f"ask_model: {said}", details={"ask_model": [said]})
    if given and NEEDED not in scopes_of(request._request):
        raise PermissionDenied(f"To ask a model needs the scope `{NEEDED}`.")
    return given
