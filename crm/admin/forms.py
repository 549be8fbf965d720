"""The form of every row that belongs to a workspace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models

from crm.admin import stale
from crm.models import Membership, Workspace

STALE = (
    "Somebody else changed this while you had the page open: {names}. Nothing was saved. What you typed still "
    "stands below; save again to put it in place of theirs, or open the page anew to see theirs."
)


class WorkspaceModelForm(forms.ModelForm[Any]):
    """Knows its workspace from the start, so that names are checked against it before anything is written.

    The admin puts `workspace` on the class it makes for each request (`WorkspaceModelAdmin.get_form`).
    """

    workspace: Workspace | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.workspace is not None and self.instance._state.adding and _belongs(self.instance):
            self.instance.workspace = self.workspace

    def full_clean(self) -> None:
        super().full_clean()
        is_change = self.is_bound and not self.instance._state.adding
        if is_change and (names := stale.changed_meanwhile(self)):
            self.add_error(None, STALE.format(names=", ".join(names)))

    def seen(self) -> str:
        """What this page shows, for `crm.admin.stale`; nothing on the page of a new row."""
        return "" if self.instance._state.adding else stale.seen(self)

    def _get_validation_exclusions(self) -> set[str]:
        """Django leaves out constraints that name a column which is not on the page; the workspace is never on it."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in the stubs
        return excluded - {"workspace"}


def add_problems(
    form: forms.BaseForm,
    problems: Mapping[str, Sequence[str]],
    *,
    names: Mapping[str, str] | None = None,
) -> None:
    """Tells each problem (`steps[0].params.to` -> messages) at its field, and the editor the rest of the path.

    `names`: the form's field where it is not the path's first part. What is about none of its fields is told above.
    """
    for path, messages in problems.items():
        root = re.split(r"[.\[]", path, maxsplit=1)[0]
        field = (names or {}).get(root, root)
        place = path[len(root) :].removeprefix(".")
        for message in messages:
            if field in form.fields:
                form.add_error(field, placed(message, place))
            else:
                form.add_error(None, f"{path}: {message}" if path else message)


def placed(message: str, path: str) -> forms.ValidationError:
    """A ValidationError whose path the editor can follow. Django fills params into the message, hence the doubled %."""
    return forms.ValidationError(message.replace("%", "%%"), code="invalid", params={"path": path})


def _belongs(row: models.Model) -> bool:
    return any(field.name == "workspace" for field in row._meta.concrete_fields)


class SearchWidget(AutocompleteSelect):
    """A foreign key found by typing, within the workspace of the form.

    Django looks the chosen row up to show it again; what is no id at all would be a 500.
    """

    workspace: Workspace | None = None

    def get_url(self) -> str:
        url: str = super().get_url()
        return f"{url}?workspace={self.workspace.pk}" if self.workspace else url

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        pk = self.field.remote_field.model._meta.pk
        return super().optgroups(name, [one for one in value if is_id(pk, one)], attr)


def is_id(pk: models.Field[Any, Any], text: str) -> bool:
    """Whether the text can be a primary key of this kind."""
    try:
        return pk.to_python(text) is not None
    except forms.ValidationError:
        return False


def rows_within(model: type[models.Model], workspace: Workspace) -> models.QuerySet[Any] | None:
    """What a foreign key on a workspace's form may point at: its own rows, its members; None: anything."""
    if model._meta.label == "auth.User":
        members = Membership.objects.filter(workspace=workspace).values("user_id")
        return model._default_manager.filter(pk__in=members)
    if any(field.name == "workspace" for field in model._meta.concrete_fields):
        return model._default_manager.filter(workspace=workspace)
    return None
