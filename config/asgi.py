"""What the web server runs: the bare route of webhooks, Django for all other HTTP, Channels for the websocket, and
a watch over whether events are answered.
"""

from __future__ import annotations

import os
import warnings

import django

# WhiteNoise hands files over as plain iterators, which ASGI reads in a thread: as it should be.
warnings.filterwarnings(
    "ignore", message="StreamingHttpResponse must consume synchronous iterators"
)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # loads the apps; what follows may import models

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from config.lib import long_heads  # noqa: E402
from config.lib.web_threads import BoundedASGIHandler  # noqa: E402
from executions.lifespan import lifespan  # noqa: E402
from executions.urls import websocket_urlpatterns  # noqa: E402
from triggers.webhook_route import WebhookRoute  # noqa: E402

long_heads.refuse()
application = ProtocolTypeRouter(
    {
        "lifespan": lifespan,
        "http": WebhookRoute(otherwise=BoundedASGIHandler()),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
