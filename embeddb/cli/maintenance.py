"""`embeddb pause`, `resume`, `unfollow`, `follow`: attached tables in a window of maintenance."""

from __future__ import annotations

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Name, Yes, confirm


@with_groups
def pause(name: Name, *, ctx: CommandContext) -> None:
    """Have workers leave the queue of an attached table alone.

    Changes are still noticed and wait, and searches go on. A worker finishes the batch that it has
    at hand. `embeddb resume` ends the pause.
    """
    with ctx.store() as store:
        store.pause(name)
    ctx.print({"paused": name}, f"Workers leave {name} alone until: embeddb resume {name}")


@with_groups
def resume(name: Name, *, ctx: CommandContext) -> None:
    """Have workers encode an attached table again, after `embeddb pause`."""
    with ctx.store() as store:
        store.resume(name)
    ctx.print({"resumed": name}, f"Workers encode {name} again.")


@with_groups
def unfollow(name: Name, *, yes: Yes = False, ctx: CommandContext) -> None:
    """Take triggers and view off an attached table, after asking, so that its columns can change.

    Until `embeddb follow`, changes of rows are not noticed, and searches fail. Vectors stay.
    """
    confirm(f"Stop following the table of {name!r}? Searches fail until it is followed.", yes=yes)
    with ctx.store() as store:
        store.unfollow(name)
    ctx.print(
        {"unfollowed": name},
        f"The table of {name} is not followed, and is not searched, until: embeddb follow {name}",
    )


@with_groups
def follow(name: Name, *, ctx: CommandContext) -> None:
    """Follow an attached table again, as it is now, after `embeddb unfollow`.

    Workers look at every row, and encode those whose text changed.
    """
    with ctx.store() as store:
        store.follow(name)
    ctx.print(
        {"followed": name},
        f"The table of {name} is followed. Workers look at its rows: "
        f"embeddb worker --collections {name}",
    )
