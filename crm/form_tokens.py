"""The token in a public form: it says that we made the page, for this form, and when. No cookie, no session.

A person may answer twice from one page, with other answers; the same answers from the same page are one
sending, clicked or carried twice.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import signing

from config.lib import json
from crm.models import Form

_SALT = "crm.form_tokens"


class Unusable(Exception):
    """The token is missing, foreign or too old; the text says which, for the person at the page."""


def issue(form: Form, *, aged: float = 0.0) -> str:
    """`aged`: seconds that the page counts as having been open already."""
    return signing.dumps([form.public_id, time.time() - aged], salt=_SALT)


def age(token: str, form: Form) -> float:
    """How many seconds ago the page was made. Raises Unusable."""
    try:
        public_id, made_at = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        raise Unusable("We could not tell that these answers come from this page.") from None
    if public_id != form.public_id:
        raise Unusable("These answers come from the page of another form.")
    seconds = time.time() - made_at
    if seconds > settings.FORM_MAX_SECONDS:
        raise Unusable("This page had been open for too long.")
    return float(seconds)


def sending(token: str, answers: Mapping[str, Any]) -> str:
    """What names one sending: equal for the same answers from the same page, 64 hexadecimal digits."""
    told = json.dumps([token, sorted(answers.items())])
    return hashlib.sha256(told).hexdigest()
