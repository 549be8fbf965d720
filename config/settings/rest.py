"""The REST API and its description."""

from __future__ import annotations

from config.settings.site import NUM_PROXIES, VERSION

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crm.access.TokenAuthentication",
        "crm.access.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm.access.HasWorkspaceScope"],
    "DEFAULT_PARSER_CLASSES": ["config.lib.rest.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.lib.rest.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.lib.rest.Page",
    "DEFAULT_SCHEMA_CLASS": "config.lib.rest.schema.Schema",
    "EXCEPTION_HANDLER": "config.lib.rest.answer_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": NUM_PROXIES,
    "DATETIME_FORMAT": None,  # config.lib.json writes times, in one form
    "DATE_FORMAT": None,
    "URL_FORMAT_OVERRIDE": None,  # an unknown parameter, as any other
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS would tell names of other people
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Triggerfish",
    "DESCRIPTION": "Runs AI agents when something happens in a business.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStatus": "executions.models.Status",
        "TriggerStatus": "triggers.models.TriggerStatus",
        "AgentStatus": "agents.models.AgentStatus",
    },
}
