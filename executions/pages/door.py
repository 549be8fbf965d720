"""`/login/`: Django's own view, with a limit on guessing."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.lib import errors, throttle

TRIES_PER_MINUTE = 20  # per address


class LogIn(LoginView):
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            wait = throttle.seconds_to_wait(
                "login", callers=[throttle.peer(request)], per_minute=TRIES_PER_MINUTE
            )
            if wait:
                message = "Too many tries from your address. Wait a moment, then try again."
                response = errors.answer(request, status=429, code="rate_limited", message=message)
                response["Retry-After"] = str(wait)
                return response
        return super().dispatch(request, *args, **kwargs)
