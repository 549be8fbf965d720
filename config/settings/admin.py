"""The admin's look; who sees what is crm.admin.base."""

from __future__ import annotations

from django.templatetags.static import static

UNFOLD = {
    "SITE_TITLE": "Triggerfish",
    "SITE_HEADER": "Triggerfish",
    "SITE_SYMBOL": "bolt",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("logo.svg")}
    ],
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("admin/pages.css")],
    "SCRIPTS": [lambda request: static("admin/admin_actions.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "config.lib.admin_site.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .013 195)",
            "100": "oklch(94.5% .03 195)",
            "200": "oklch(89.5% .06 195)",
            "300": "oklch(82% .09 196)",
            "400": "oklch(72% .11 200)",
            "500": "oklch(62% .11 205)",
            "600": "oklch(53% .1 208)",
            "700": "oklch(45.5% .085 210)",
            "800": "oklch(39.5% .07 212)",
            "900": "oklch(34.5% .06 214)",
            "950": "oklch(25% .05 216)",
        },
    },
}
