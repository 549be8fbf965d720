"""Who may do what in which workspace."""

from __future__ import annotations

from rest_framework import authentication, permissions


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request):
        return None


class SessionAuthentication(authentication.SessionAuthentication):
    pass


class HasWorkspaceScope(permissions.IsAuthenticated):
    pass


class WorkspaceMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)
