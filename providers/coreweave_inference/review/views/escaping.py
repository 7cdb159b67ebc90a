"""What others wrote, made harmless: in Markdown and its tables, in HTML, and in a Mermaid label.

In Markdown such a text always is in a code span, where GitHub looks for no mention, link or reference. All that
could end the span, a table's cell or a line is written as a character reference, which no parser takes for syntax.
"""

from __future__ import annotations

import re

from coreweave_inference.review.phrases import cut, visible
from coreweave_inference.review.reading import OWN_NOUNS

LONGEST_NAME = 160
LONGEST_LABEL = 60
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./:,+%(){}=_→-]*\Z")
PLAIN_WORD = re.compile(r"[\"'(]{0,2}[A-Za-z0-9/,;:.%$=→+-]+(?:'[A-Za-z]+)?[\"')]{0,2}[,;:.]?\Z")
REFERENCE = re.compile(r"(?i)www\.|://|^\W*gh-\d|^\W*[0-9a-f]{7,40}\W*$|^:.*:$")
"""Words that GitHub turns into links and pictures although nothing marks them."""

SPAN = re.compile(
    r"(?<!\S)(?P<before>[(\"']{0,2})`(?P<inner>[^`\s][^`]*)`(?P<after>[)\"']{0,2}[,;:.]?)(?!\S)"
)
"""A command in a sentence of ours."""

SAFE = re.compile(r"[A-Za-z0-9 .,/:+%()=→-]")


def code(text: str) -> str:
    """A code span for Markdown, table cells included."""
    shown = cut(visible(text), LONGEST_NAME)
    if PLAIN_NAME.match(shown) and not shown.endswith(" "):
        return f"`{shown}`"
    return f"<code>{html(shown)}</code>" if shown else "<code>&#32;</code>"


def noun(text: str) -> str:
    """A resource's noun: ours as it is, another's type in a code span."""
    return text if text in OWN_NOUNS else code(text)


def html(text: str) -> str:
    """Text for inside an HTML element that is in Markdown: everything unusual as a character reference."""
    return "".join(c if SAFE.match(c) else f"&#{ord(c)};" for c in visible(text))


def prose(text: str) -> str:
    """A sentence that holds foreign words: each word that could mean anything to a parser goes into a code span, and so does
    what is between backquotes as a whole.
    """
    parts, end, shown = [], 0, visible(text)
    for span in SPAN.finditer(shown):
        parts += [*_words(shown[end : span.start()]), f"{span['before']}{code(span['inner'])}{span['after']}"]
        end = span.end()
    return " ".join([*parts, *_words(shown[end:])])


def label(text: str) -> str:
    """Text for inside the quotes of a Mermaid label; its character references are decimal without an ampersand."""
    return "".join(c if SAFE.match(c) else f"#{ord(c)};" for c in cut(visible(text), LONGEST_LABEL))


def _words(text: str) -> list[str]:
    return [_word(word) for word in text.split(" ") if word]


def _word(word: str) -> str:
    is_plain = PLAIN_WORD.match(word) and not REFERENCE.search(word) and not word.startswith(("-", "+", "="))
    return word if is_plain else code(word)
