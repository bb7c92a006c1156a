"""RTF: its text."""

from __future__ import annotations

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.parsed import Parsed

_MARK = b"{\\rtf"


def rtf_file(data: bytes) -> Parsed:
    """Return the text of an RTF file.

    Raises:
        UnreadableDocumentError: the bytes are no RTF.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("RTF files"):
        from striprtf.striprtf import rtf_to_text

    if not data.lstrip().startswith(_MARK):
        raise UnreadableDocumentError("not an RTF file: it does not begin as one")
    # RTF is ASCII, and says in it what other bytes stand for
    text = rtf_to_text(data.decode("latin-1"), encoding="cp1252", errors="replace")
    return Parsed(str(text).strip())
