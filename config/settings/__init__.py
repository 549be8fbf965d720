"""Every setting of Triggerfish, each from the environment; docs/settings.md lists them for people who host it.

Importing this never fails: where `DATABASE_URL` is not set, the addresses that `make run` wrote to
`var/run.env` are used, so that any `manage.py` command typed beside a running system finds its
servers. A section may use another one's values; Django reads them all from here.
"""

from __future__ import annotations

import django_stubs_ext

from config.settings.admin import *
from config.settings.celery import *
from config.settings.engine import *
from config.settings.environment import *
from config.settings.mail import *
from config.settings.observing import *
from config.settings.people import *
from config.settings.project import *
from config.settings.rest import *
from config.settings.servers import *
from config.settings.site import *
from config.settings.sources import *

django_stubs_ext.monkeypatch()
