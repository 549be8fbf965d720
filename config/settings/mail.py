"""Mail: without a server, messages are files that the dashboard shows."""

from __future__ import annotations

from config.settings.environment import VAR_DIR, env

MAIL_DIR = VAR_DIR / "mail"
if env.str("EMAIL_URL", ""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(MAIL_DIR)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Triggerfish <triggerfish@localhost>")
EMAIL_TIMEOUT = 10
# What comes meanwhile goes into the same letter
ALERT_MAIL_GATHER_SECONDS = env.int("ALERT_MAIL_GATHER_SECONDS", 30)
ALERT_MAIL_EVERY_SECONDS = env.int("ALERT_MAIL_EVERY_SECONDS", 3600)  # about one cause
