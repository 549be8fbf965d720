from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from config.lib import registry


class HouseConfig(AppConfig):
    """The project itself, so that its checks are known. The last of the apps: what an installation adds to the others
    is loaded when all of them are ready.
    """

    name = "config"
    label = "house"

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers itself

        registry.load_extensions(settings.EXTENSIONS)
