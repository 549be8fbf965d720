"""Choosing, changing and recovering a password: Django's own views with our pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import views
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy

from config.lib import throttle

ASKS_PER_MINUTE = 5  # per address: each may send an e-mail


class SetPassword(views.PasswordResetConfirmView):
    """The link of an invitation or of "forgot password"; opens once."""

    template_name = "accounts/set_password.html"
    success_url = reverse_lazy("password_saved")
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"


class ChangePassword(views.PasswordChangeView):
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("password_saved")


class PasswordSaved(views.PasswordChangeDoneView):
    template_name = "accounts/password_saved.html"


class ForgotPassword(views.PasswordResetView):
    """Answers alike whether the address is known or not. The link is to SITE_URL, whatever Host was sent."""

    template_name = "accounts/forgot_password.html"
    email_template_name = "accounts/forgot_password.txt"
    subject_template_name = "accounts/forgot_password_subject.txt"
    success_url = reverse_lazy("password_asked")
    extra_email_context = {"site_url": settings.SITE_URL}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            wait = throttle.seconds_to_wait(
                "password", callers=[throttle.peer(request)], per_minute=ASKS_PER_MINUTE
            )
            if wait:
                return throttle.answer(request, wait=wait)
        return super().dispatch(request, *args, **kwargs)


class PasswordAsked(views.PasswordResetDoneView):
    template_name = "accounts/password_asked.html"
