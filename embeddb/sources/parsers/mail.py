"""E-mail: the headers that matter, the text, and the names of what is attached."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.parsers.html import html_file
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.titles import short_title

# The line that begins each message of an mbox file.
_FROM_LINE = re.compile(rb"^From [^\r\n]*\d{4}\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)

_HEADERS = ("from", "to", "cc", "date")


def email_file(data: bytes) -> Parsed:
    """Return the text of an e-mail, its subject as the title, and who wrote it, to whom and when.

    Raises:
        UnreadableDocumentError: the bytes are no e-mail.
        MissingDependencyError: it is in HTML, and the `documents` extra is not installed.
    """
    message = _message(data)
    if not message.keys():
        raise UnreadableDocumentError("not an e-mail: it has no headers")
    metadata = {name: value for name in _HEADERS if (value := _header(message, name))}
    if date := getattr(message["date"], "datetime", None):
        metadata["date"] = date.isoformat()
    return Parsed(_text(message), short_title(_header(message, "subject")), metadata)


def mailbox_file(data: bytes) -> Parsed:
    """Return the e-mails of an mbox file as Markdown, each below its subject.

    Raises:
        UnreadableDocumentError: the bytes are no mbox file.
        MissingDependencyError: one is in HTML, and the `documents` extra is not installed.
    """
    first, *parts = _FROM_LINE.split(data)
    if first.strip() or not parts:
        raise UnreadableDocumentError("not an mbox file: it does not begin with a From line")
    return Parsed("\n\n".join(_section(_QUOTED_FROM.sub(rb"\1", part)) for part in parts))


def _section(data: bytes) -> str:
    message = _message(data)
    lines = [f"{name.title()}: {value}" for name in _HEADERS if (value := _header(message, name))]
    subject = short_title(_header(message, "subject")) or "(no subject)"
    return "\n\n".join(filter(None, [f"## {subject}", "\n".join(lines), _text(message)]))


def _message(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=default)
    return message if isinstance(message, EmailMessage) else EmailMessage()


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # headers are broken in more ways than the parser expects
        return ""


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    blocks = [_body(body)] if body is not None else []
    names = [part.get_filename() for part in message.iter_attachments()]
    if any(names):
        blocks.append("Attached: " + ", ".join(name for name in names if name))
    return "\n\n".join(block for block in blocks if block)


def _body(part: Any) -> str:  # noqa: ANN401
    data = part.get_payload(decode=True) or b""
    charset = part.get_content_charset() or "utf-8"
    if part.get_content_subtype() == "html":
        return html_file(data, charset).text
    try:
        text = data.decode(charset, errors="replace")
    except LookupError:
        text = data.decode(errors="replace")
    return str(text).replace("\r\n", "\n").strip()
