"""What of the database is embeddb's own, so that no other comparator takes it for left over.

Packages that register comparators of their own, as alembic_utils does for views, functions and
triggers, propose to drop whatever the database has and nobody has registered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embeddb.config import Settings

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

_EXTENSIONS = frozenset({"vector", "dblink"})
"""What embeddb's own migrations install."""


def leave_out(context: AutogenContext) -> None:
    """Have no comparator see embeddb's schema, its triggers on tables, or its extensions."""
    own = Settings.from_environment().schema
    calls_ours = re.compile(rf'\bexecute\s+(function|procedure)\s+"?{re.escape(own)}"?\.', re.I)

    def include_object(
        item: object, name: str | None, kind: str, reflected: bool, other: object | None
    ) -> bool:
        if not reflected:
            return True
        if getattr(item, "schema", None) == own:
            return False
        if kind == "trigger":
            return not calls_ours.search(str(getattr(item, "definition", "")))
        return kind != "extension" or getattr(item, "signature", None) not in _EXTENSIONS

    context._object_filters = [*context._object_filters, include_object]
