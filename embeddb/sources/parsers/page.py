"""The part of a page of HTML that is its text: without navigation, but rather more than less."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_NOT_TEXT = "script style noscript template svg nav iframe object canvas select input datalist"
_ROLES = frozenset({"navigation", "search", "menu", "menubar", "dialog", "alertdialog"})
_CLASSES = frozenset(
    [
        "navheader",
        "navfooter",
        "related",
        "sphinxsidebar",
        "breadcrumb",
        "breadcrumbs",
        "nav-panel",
        "md-header",
        "md-footer",
        "md-sidebar",
        "skip-link",
        "edit-this-page",
    ]
)
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)

# A link that only names its own place.
_LINK_MARKS = frozenset({"¶", "#", "§", "∞", "\N{LINK SYMBOL}", "\N{ANCHOR}", "\uf0c1"})

# What is the question of an answer below, though it is made as a button.
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"})

# A strip of links to the pages around: "Prev | Up | Next".
_STRIPS = frozenset(["table", "div", "p", "ul", "ol", "center", "header", "footer"])
_AROUND = frozenset({"prev", "previous", "next"})
_STEPS = _AROUND | {"up", "home", "contents", "index", "top", "back"}
_PUNCTUATION = " \t\r\n\xa0:,;|[]()<>«»\u2039\u203a←→⟨⟩-\u2013—"
_MAX_WORD = 20
_MAX_STRIP = 400
_MAX_OTHER = {"table": 200}
_MAX_OTHER_ELSEWHERE = 40

# Below this, a form without paragraphs is a search box or a login, and a header or a footer of
# the whole page is only about the site.
_MIN_FORM = 200
_MIN_HEADER = 300
_MIN_FOOTER = 1_000
_PARAGRAPHS = [
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "table",
    "article",
    "section",
    "blockquote",
    "dl",
]
_PARTS = ["main", "article", "section", "aside", "blockquote"]

# A main part is one if it holds this share of the text that is no link.
_MIN_MAIN = 0.5


def page_title(page: Any) -> str | None:  # noqa: ANN401
    """Return what the title of a page says, or None."""
    for title in page.iter("title"):
        if next(title.iterancestors("svg"), None) is None:
            return str(title.text or "")
    return None


def clean(page: Any) -> Any:  # noqa: ANN401
    """Return the part of a page that is its text; the page is changed.

    What looks like navigation is removed, unless it holds more than half of the text.
    """
    body = page.find(".//body")
    body = page if body is None else body
    for element in _inside(body, *_NOT_TEXT.split()):
        element.drop_tree()
    whole = _size(body)
    _remove_small(body, _is_aside, whole)
    for form in _inside(body, "form"):
        if _size(form) < _MIN_FORM and next(form.iter(*_PARAGRAPHS), None) is None:
            form.drop_tree()
        else:
            form.tag = "div"
    _remove_small(body, _is_strip_of_site, whole)
    for strip in _strips(body):
        strip.drop_tree()
    return _main(body)


def _remove_small(body: Any, is_unwanted: Callable[[Any], bool], whole: int) -> None:  # noqa: ANN401
    """Remove elements of a kind, but none that holds more than half of the text."""
    for element in _inside(body):
        if is_unwanted(element) and 2 * _size(element) <= whole:
            element.drop_tree()


def _inside(body: Any, *tags: str) -> list[Any]:  # noqa: ANN401
    """Return the elements in a body, read before any of them is removed."""
    return [element for element in body.iter(*tags) if element is not body]


def _size(element: Any) -> int:  # noqa: ANN401
    """Return how many characters of an element are no white space."""
    return sum(len(word) for text in element.itertext() for word in text.split())


def _is_aside(element: Any) -> bool:  # noqa: ANN401
    """Return whether an element is navigation, hidden, or a control."""
    attributes = element.attrib
    if element.tag == "button":
        return not any(above.tag in _HEADINGS for above in element.iterancestors())
    if element.tag == "a":
        return _is_own_link(element)
    if not attributes:
        return False
    role = attributes.get("role", "")
    if role in _ROLES or not _CLASSES.isdisjoint(attributes.get("class", "").split()):
        return True
    return role != "tabpanel" and _is_hidden(attributes)


def _is_own_link(link: Any) -> bool:  # noqa: ANN401
    href = link.get("href", "")
    return href.startswith("#") and "".join(link.itertext()).strip() in _LINK_MARKS


def _is_hidden(attributes: Any) -> bool:  # noqa: ANN401
    return (
        attributes.get("hidden", "until-found") != "until-found"
        or attributes.get("aria-hidden") == "true"
        or _HIDDEN.search(attributes.get("style", "")) is not None
    )


def _is_strip_of_site(element: Any) -> bool:  # noqa: ANN401
    """Return whether an element is the header or the footer of the site, not of the text."""
    is_header = element.tag == "header" or element.get("role") == "banner"
    if not is_header and element.tag != "footer" and element.get("role") != "contentinfo":
        return False
    if next(element.iterancestors(*_PARTS), None) is not None:
        return False
    if next(element.iter("h1", "main", "article"), None) is not None:
        return False
    return _size(element) - _linked(element) < (_MIN_HEADER if is_header else _MIN_FOOTER)


def _strips(body: Any) -> list[Any]:  # noqa: ANN401
    """Return the strips of links to the pages around, the outermost element of each."""
    found: dict[Any, None] = {}
    for element in body.iter():
        if _word(element.text) in _AROUND:
            strip = _strip_around(element, body)
        elif element is not body and _word(element.tail) in _AROUND:
            strip = _strip_around(element.getparent(), body)
        else:
            continue
        if strip is not None:
            found[strip] = None
    return list(found)


def _strip_around(element: Any, body: Any) -> Any:  # noqa: ANN401
    strip = None
    for outer in (element, *element.iterancestors()):
        if outer is body or _size(outer) > _MAX_STRIP:
            break
        if outer.tag in _STRIPS and _is_strip(outer):
            strip = outer
    return strip


def _is_strip(element: Any) -> bool:  # noqa: ANN401
    words = [_word(text) for text in element.itertext()]
    steps = [word for word in words if word in _STEPS]
    if len(set(steps)) < 2 or next(element.iter("a"), None) is None:
        return False
    titles = sum(_size(cell) for cell in element.iter("th"))
    other = _size(element) - _linked(element) - titles - sum(map(len, steps))
    return other <= _MAX_OTHER.get(element.tag, _MAX_OTHER_ELSEWHERE)


def _word(text: str | None) -> str:
    """Return a short text in lower case, without what stands around it."""
    return text.strip(_PUNCTUATION).lower() if text and len(text) <= _MAX_WORD else ""


def _linked(element: Any) -> int:  # noqa: ANN401
    return sum(_size(link) for link in element.iter("a"))


def _main(body: Any) -> Any:  # noqa: ANN401
    """Return the main parts of a body where they hold most of its text, else the body."""
    mains = [
        element
        for element in body.xpath(".//main | .//*[@role='main']")
        if next(element.iterancestors("main"), None) is None
    ]
    if not mains or not _holds_text(mains, body):
        return body
    if len(mains) == 1:
        return mains[0]
    both = body.makeelement("div")
    both.extend(mains)
    return both


def _holds_text(mains: list[Any], body: Any) -> bool:  # noqa: ANN401
    whole = _size(body) - _linked(body)
    if not whole:
        return sum(map(_size, mains)) >= _MIN_MAIN * _size(body) > 0
    return sum(_size(main) - _linked(main) for main in mains) >= _MIN_MAIN * whole
