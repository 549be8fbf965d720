"""Who this installation is, and how it is reached."""

from __future__ import annotations

from config.settings.environment import env

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")  # Django refuses an empty one where it is used
# Fernet keys, newest first; they encrypt stored secrets
FIELD_KEYS = env.list("FIELD_KEY", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", f"http://127.0.0.1:{env.str('PORT', '8000')}").rstrip("/")
# How many of our own proxies stand in front: whom X-Forwarded-For is believed
NUM_PROXIES = env.int("NUM_PROXIES", 0)
VERSION = "0.1.0"
HTTPS = SITE_URL.startswith("https://")
