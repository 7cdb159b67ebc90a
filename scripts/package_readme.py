"""The README for a package index, which has none of the files that its links lead to. Pure."""

from __future__ import annotations

import re

FENCE = re.compile(r"(?ms)^```.*?^```$")
IMAGE = re.compile(r"(?m)^!\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)\n?")
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
PAGES = "## Read on\n"
WHERE = (
    "The pages are files of the source distribution: "
    "`pip download --no-deps --no-binary :all: coreweave-inference`."
)
ABSOLUTE = re.compile(r"[a-z]+:")


def for_index(text: str, repository: str) -> str:
    """`text` whose links are absolute, to the files of `repository`; without one a link is its text and the file's path in
    the source distribution, and a picture is left out.
    """
    parts, at = [], 0
    for fence in FENCE.finditer(text):
        parts += [_linked(text[at : fence.start()], repository.rstrip("/")), fence[0]]
        at = fence.end()
    shown = "".join([*parts, _linked(text[at:], repository.rstrip("/"))])
    return shown if repository else shown.replace(PAGES, f"{PAGES}\n{WHERE}\n")


def _linked(text: str, repository: str) -> str:
    def picture(found: re.Match[str]) -> str:
        if ABSOLUTE.match(found["target"]):
            return found[0]
        return f"![{found['text']}]({repository}/raw/HEAD/{found['target']})\n" if repository else ""

    def link(found: re.Match[str]) -> str:
        words, target = found["text"], found["target"]
        if ABSOLUTE.match(target):
            return found[0]
        if repository:
            return f"[{words}]({repository}{target if target.startswith('#') else f'/blob/HEAD/{target}'})"
        return words if target.startswith("#") else f"{words} (`{target}`)"

    return LINK.sub(link, IMAGE.sub(picture, text))
