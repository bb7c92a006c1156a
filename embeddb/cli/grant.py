"""`embeddb grant` and `embeddb revoke`: what roles may, and no more."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Schema
from embeddb.cli.common.output import emit, say

if TYPE_CHECKING:
    from embeddb.repository.roles.grants import GrantReport


class RoleKind(StrEnum):
    """What a role is to be."""

    READER = "reader"
    WRITER = "writer"
    WORKER = "worker"
    OWNER = "owner"


KindOfRole = Annotated[
    RoleKind,
    typer.Argument(
        metavar="KIND",
        help="reader searches, writer writes embeddb's own collections, worker encodes attached "
        "ones, owner may all.",
        show_default=False,
    ),
]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help="A role that is there.", show_default=False)
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection", metavar="NAME", help="Only this one; may be repeated. Else every one."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "--sql", help="Print the statements, and run none.")
]


def grant(
    kind: KindOfRole,
    role: Role,
    collection: Collections = None,
    with_source: Annotated[
        bool,
        typer.Option("--with-source", help="Also on the tables that collections are attached to."),
    ] = False,
    dry_run: DryRun = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Give a role the rights that it needs, and no others."""
    with opened_store(dsn, schema) as store:
        report = store.grant(
            kind.value, role, collection or None, with_source=with_source, dry_run=dry_run
        )
    _tell(report, "grant", as_json=as_json)


def revoke(
    kind: KindOfRole,
    role: Role,
    collection: Collections = None,
    with_source: Annotated[
        bool,
        typer.Option(
            "--with-source", help="Also what grant --with-source gave on attached tables."
        ),
    ] = False,
    dry_run: DryRun = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Take what grant gave, but for what the role needs as what else it is."""
    with opened_store(dsn, schema) as store:
        report = store.revoke(
            kind.value, role, collection or None, with_source=with_source, dry_run=dry_run
        )
    _tell(report, "revoke", as_json=as_json)


def _tell(report: GrantReport, verb: str, *, as_json: bool) -> None:
    if as_json:
        needs = [{"statement": need, "reason": reason} for need, reason in report.needs]
        emit(
            {
                "role": report.role,
                "kind": report.kind,
                "collections": report.collections,
                "statements": report.statements,
                "needs": needs,
                "applied": report.is_applied,
            }
        )
    elif report.is_applied:
        _tell_people(report, verb)
    else:
        for statement in report.statements:
            say(statement + ";")
        for need, reason in report.needs:
            say(f"-- {reason} Not embeddb's to give:\n-- {need};")


def _tell_people(report: GrantReport, verb: str) -> None:
    place = "every collection" if report.collections is None else ", ".join(report.collections)
    if report.kind == "owner":
        place = "the schema"
    done = f"{len(report.statements)} statements" if report.statements else "it was so already"
    is_now = "is" if verb == "grant" else "is no more"
    say(f"{report.role} {is_now} {report.kind} of {place}: {done}.")
    for need, reason in report.needs:
        say(f"{reason} Who may has to run, or embeddb with --with-source where it is a source:")
        say(f"  {need};")
