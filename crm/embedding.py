"""A form on other sites: what they paste, and what tells browsers that these sites may."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import reverse

from crm.models import Form

PARAMETER = "embed"  # of the page's address, where it stands in a frame
HEIGHT = 640  # pixels, until the script knows better


def address(form: Form) -> str:
    """The form's public page."""
    return f"{settings.SITE_URL}{reverse('form_page', args=[form.public_id])}"


def snippet(form: Form) -> str:
    """HTML for another site, as text: the frame alone does it, the script only fits its height to what is in it."""
    page, script = f"{address(form)}?{PARAMETER}", settings.SITE_URL + static("forms/embed.js")
    style = f"width:100%;height:{HEIGHT}px;border:0"
    return (
        f'<iframe src="{escape(page)}" title="{escape(form.name)}" loading="lazy" style="{style}"></iframe>\n'
        f'<script src="{escape(script)}" async></script>'
    )


def allow_frames(response: HttpResponse, form: Form) -> HttpResponse:
    """Only the sites that the form names may show this page in a frame; without any, nobody may."""
    if not form.origins:
        return response
    response["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; "
        f"frame-ancestors 'self' {' '.join(form.origins)}; "
        "base-uri 'self'; form-action 'self'; object-src 'none'"
    )
    response.xframe_options_exempt = True  # that header knows no list of sites
    return response


def own_origin() -> str:
    """Of this installation, as browsers send it."""
    parts = urlsplit(settings.SITE_URL)
    return f"{parts.scheme}://{parts.netloc}"
