"""Office files and e-books are zip archives: what is checked before one is unpacked."""

from __future__ import annotations

import io
import zlib
from typing import Any
from zipfile import BadZipFile, ZipFile

from embeddb.errors import DocumentTooLargeError, UnreadableDocumentError

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_MEMBERS = 100_000

# Office keeps a file with a password in the container of its older formats.
_ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_FLAG = 1


def open_archive(data: bytes, what: str) -> ZipFile:
    """Return a zip archive that can be unpacked, and is not too large then.

    Its members say how large they are; zipfile unpacks no more than that, and so members
    that lie are damaged.

    `what` is what the archive should be, for errors, such as `a Word document`.

    Raises:
        UnreadableDocumentError: it is damaged or needs a password.
        DocumentTooLargeError: it is too large when unpacked.
    """
    if data.startswith(_ENCRYPTED):
        raise UnreadableDocumentError("the file needs a password: remove it first")
    try:
        archive = ZipFile(io.BytesIO(data))
    except (BadZipFile, ValueError, OSError) as error:
        raise UnreadableDocumentError(f"not {what}: {error}") from error
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise DocumentTooLargeError(
            f"the file has {size:,} bytes in {len(members):,} parts when unpacked, more than "
            f"{MAX_UNPACKED_BYTES:,} bytes or {MAX_MEMBERS:,} parts: split it"
        )
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise UnreadableDocumentError("the file needs a password: remove it first")
    return archive


def read_xml(archive: ZipFile, name: str) -> Any:  # noqa: ANN401
    """Return the root element of a member; entities are not resolved, nothing is fetched.

    Raises:
        UnreadableDocumentError: there is no such member, or it is damaged.
    """
    import lxml.etree

    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        return lxml.etree.fromstring(archive.read(name), parser)
    except (KeyError, BadZipFile, EOFError, zlib.error, lxml.etree.XMLSyntaxError) as error:
        raise UnreadableDocumentError(f"its part {name} is missing or damaged: {error}") from error
