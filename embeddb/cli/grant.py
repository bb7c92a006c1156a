"""`embeddb grant` and `embeddb revoke`: what a role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.completion import collection_names
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import say

if TYPE_CHECKING:
    from embeddb.repository.roles.grants import GrantReport


class RoleKind(StrEnum):
    """What a role is to be."""

    READER = "reader"
    WRITER = "writer"
    WORKER = "worker"
    OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """What a role is to be or no longer to be, and of which collections."""

    kind: Annotated[
        RoleKind,
        typer.Argument(
            metavar="KIND",
            show_default=False,
            help="A `reader` searches; a `writer` writes embeddb's own collections; a `worker` "
            "encodes attached ones; an `owner` may do everything.",
        ),
    ]
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="An existing role.", show_default=False)
    ]
    collection: Annotated[
        list[str] | None,
        typer.Option(
            "--collection",
            autocompletion=collection_names,
            metavar="NAME",
            help="Only this collection. May be repeated. Default: every one, future ones too.",
        ),
    ] = None
    with_source: Annotated[
        bool,
        typer.Option("--with-source", help="Also on the tables that collections are attached to."),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--sql", help="Print the statements, and run none.")
    ] = False

    def arguments(self) -> dict[str, Any]:
        """Return the options as `Store.grant` and `Store.revoke` take them."""
        return {
            "kind": self.kind.value,
            "role": self.role,
            "collections": self.collection or None,
            "with_source": self.with_source,
            "dry_run": self.dry_run,
        }


@with_groups
def grant(*, options: RoleOptions, ctx: CommandContext) -> None:
    """Grant a role what a reader, a writer, a worker or an owner needs, and nothing more.

    The command then reports what the role still lacks that only somebody else can grant.

    ```sh
    embeddb grant reader analyst
    embeddb grant worker embedder --collection articles --with-source
    ```
    """
    with ctx.store() as store:
        report = store.grant(**options.arguments())
    done = f"{report.role} is now {_position(report)}: {len(report.statements)} statements."
    if not report.statements:
        done = f"{report.role} already is {_position(report)}: nothing to grant."
    ctx.print(_data(report), lambda _: _print(report, done))


@with_groups
def revoke(*, options: RoleOptions, ctx: CommandContext) -> None:
    """Revoke what `embeddb grant` granted to a role.

    A role that is something else as well keeps what it needs for that. `TEMPORARY` on the database
    is not revoked.
    """
    with ctx.store() as store:
        report = store.revoke(**options.arguments())
    done = f"{report.role} is no longer {_position(report)}: {len(report.statements)} statements."
    if not report.statements:
        done = f"{report.role} is not {_position(report)}: nothing to revoke."
    ctx.print(_data(report), lambda _: _print(report, done))


def _data(report: GrantReport) -> dict[str, Any]:
    return {
        "role": report.role,
        "kind": report.kind,
        "collections": report.collections,
        "statements": report.statements,
        "needs": [{"statement": need, "reason": reason} for need, reason in report.needs],
        "applied": report.is_applied,
    }


def _position(report: GrantReport) -> str:
    if report.kind == "owner":
        return "an owner of the schema"
    named = "every collection" if report.collections is None else ", ".join(report.collections)
    return f"a {report.kind} of {named}"


def _print(report: GrantReport, done: str) -> None:
    if report.is_applied:
        say(done)
        for need, reason in report.needs:
            say(f"{reason} Its owner has to run this; --with-source does so for attached tables:")
            say(f"  {need};")
        return
    if not report.statements:
        say(f"-- {done}")
    for statement in report.statements:
        say(statement + ";")
    for need, reason in report.needs:
        say(f"-- {reason} Its owner has to run this:\n-- {need};")
