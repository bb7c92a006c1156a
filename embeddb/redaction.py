"""Passwords are taken out of what people and logs get to read."""

from __future__ import annotations

import re

_HIDDEN = r"\1***"

_PATTERNS = (
    # the password of a database's URL: to the last @, because those who forget to encode one in a
    # password write @ and / as they are
    re.compile(r"(\bpostgres\w*(?:\+\w+)?://[^\s:/?#@\"']*:)\S*(?=@)", re.IGNORECASE),
    # of any other URL
    re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/?#@\"']*:)[^\s/]+(?=@)", re.IGNORECASE),
    # password=…, in a query or in libpq's own form, and as Python and JSON write a dictionary
    re.compile(
        r"((?:\b|_|%26)(?:pg|ssl)?(?:password|passwd|pwd|client_secret|client_key|server_key)"
        r"(?:\s*=\s*|%3D|[\"']\s*:\s*))"
        r"(?:'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|[^\s&'\"]+)",
        re.IGNORECASE,
    ),
)


def redact(text: str) -> str:
    """Return a text with *** in the place of every password that stands in it as one."""
    for pattern in _PATTERNS:
        text = pattern.sub(_HIDDEN, text)
    return text
