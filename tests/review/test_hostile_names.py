"""Whatever a declaration calls its objects, a comment shows it and does nothing with it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from coreweave_inference.review import Findings, FoundProblem, Review
from coreweave_inference.review.views import MARKER, as_markdown, print_review
from coreweave_inference.review.views.escaping import code, label, prose
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from tests.review.previews import claim, deployment, gateway, preview_of, review_of, same, step

HOSTILE = (
    "<script>alert(1)</script>",
    "a|b|c",
    "`ticks` and ``more``",
    "```\n# heading\n```",
    "@everyone",
    "#1 GH-1 acme/repo#1",
    "[link](https://evil.example)",
    "![picture](https://evil.example/x.png)",
    "https://evil.example www.evil.example",
    "0123456789abcdef0123456789abcdef01234567",
    MARKER,
    f"x\n{MARKER}\n",
    "</details></code></sub>",
    "--> %% end\nclick g href",
    '"] --> evil["',
    "a\\|b\\",
    "**bold** _em_ ~~no~~ :smile: $x$",
    "&lt;script&gt; &#60;",
    "\u202eright to left\u200b\u0000\x1b[31m",
    "- item\n\n1. one",
    "| a | b |\n|---|---|",
    "{name} {0} {{",
    "n" * 63,
    "",
    " ",
)
OUR_HTML = re.compile(r"</?(?:code|details|sub|br)>|<summary>[A-Za-z0-9 ,]*</summary>")
GRAPH_LINE = re.compile(
    r"""flowchart\ LR
    | \ \ g\["[^"<>`]*"\]
    | \ \ g\ -->\ m\d+\(\["[^"<>`]*"\]\)
    | \ \ m\d+\ -->\|"[^"<>`]*"\|\ d\d+x\d+\["[^"<>`]*"\]""",
    re.VERBOSE,
)
names = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=80), st.text("`|<>@\\*_[]!#\n -&;:~", max_size=20)
)


def _review(name: str) -> Review:
    """A review in which `name` is wherever others may write."""
    inner = {
        "model": {"name": name, "bucket": name, "path": name},
        "runtime": {"engine": name, "version": name},
    }
    found = FoundProblem(name or "x", name, name, name, name, 3, name, name, name)
    return review_of(
        step("replace", "gateway", name, gateway(), gateway(), outputs={"endpoints": [name]}),
        step("refresh", "deployment", name, deployment(model="acme/chat"), deployment(model="acme/chat")),
        step("update", "deployment", name, {**deployment(), "engine": 1}, {**deployment(), **inner}),
        step(
            "create",
            "deployment",
            f"{name}2",
            None,
            {**deployment(model=name), "gatewayIds": ["id-public", name]},
        ),
        step("replace", "claim", name, claim(instance=name), claim(2, zone=name or "x")),
        step("update", name or "t", name, {"p": 1}, {"p": name}),
        same("bucket", name, {"name": name}),
        findings=Findings(new=(found,), old=(found,)),
    )


def _tokens(markdown: str) -> list[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    found: list[Token] = []
    for token in parser.parse(markdown):
        found.extend([token, *(token.children or ())])
    return found


def _outside_code(tokens: list[Token]) -> str:
    """All text that GitHub would search for mentions, links and references."""
    texts, depth = [], 0
    for token in tokens:
        if token.type == "html_inline":
            depth += {"<code>": 1, "</code>": -1}.get(token.content, 0)
        elif token.type == "text" and not depth:
            texts.append(token.content)
    return "\n".join(texts)


def _check(markdown: str) -> None:
    tokens = _tokens(markdown)
    html = [t.content for t in tokens if t.type in ("html_inline", "html_block")]
    left = re.sub(OUR_HTML, "", "".join(html).replace(MARKER, "")).strip()
    assert markdown.count("<!--") == 1
    assert "<" not in left, left
    assert {t.type for t in tokens}.isdisjoint({"link_open", "image", "s_open", "code_block", "hr"})
    assert {t.info for t in tokens if t.type == "fence"} <= {"mermaid"}
    for fence in (t for t in tokens if t.type == "fence"):
        assert [line for line in fence.content.splitlines() if not GRAPH_LINE.fullmatch(line)] == []
    assert not re.search(r"@\w|#\d|://|www\.|GH-\d|\b[0-9a-f]{40}\b", _outside_code(tokens))
    for line in markdown.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 6, 7), line


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_inert_in_the_whole_comment(name: str) -> None:
    _check(as_markdown(_review(name)).text)


@settings(max_examples=150, deadline=None)
@given(names)
def test_any_name_stays_inert_in_the_whole_comment(name: str) -> None:
    _check(as_markdown(_review(name)).text)


@given(names)
def test_a_name_comes_out_of_a_code_span_as_it_went_in_when_it_is_printable(name: str) -> None:
    tokens = _tokens(f"| a |\n|---|\n| {code(name)} |")

    inside = "".join(t.content for t in tokens if t.type in ("text", "code_inline")).removeprefix("a")

    printable = name.isprintable() and name.strip() == name and 0 < len(name) <= 100
    assert not printable or inside == name


@given(names)
def test_a_label_of_a_graph_has_no_character_that_means_something_to_mermaid(name: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9 .,/:+%()=→-]|#\d+;)*", label(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("autoscaling.min (4) exceeds max (2); lower min", "autoscaling.min (4) exceeds max (2); lower min"),
        ("ask @everyone now", "ask <code>&#64;everyone</code> now"),
        ("see https://evil.example", "see `https://evil.example`"),
        ('deployment "chat"', 'deployment "chat"'),
        ("- a list", "<code>-</code> a list"),
        ("make (`cw-inference up --only buckets`, or it)", "make (`cw-inference up --only buckets`, or it)"),
        ("set `protect: false` and `a|b`", "set `protect: false` and <code>a&#124;b</code>"),
        ("an `open one", "an <code>&#96;open</code> one"),
    ],
)
def test_prose_keeps_plain_words_and_puts_the_others_into_code(text: str, expected: str) -> None:
    assert prose(text) == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_a_terminal_gets_neither_control_characters_nor_markup(name: str) -> None:
    console = Console(file=io.StringIO(), width=200, no_color=True, force_terminal=False)

    with console.capture() as captured:
        print_review(_review(name), console)

    assert [c for c in captured.get() if not (c.isprintable() or c == "\n")] == []


def test_an_error_of_the_engine_is_shown_and_stays_inert() -> None:
    from coreweave_inference.review import review

    found: Any = review([preview_of(errors=(f"{MARKER} @everyone <b>| `x`",))])

    _check(as_markdown(found).text)
    assert "everyone" in as_markdown(found).text


@pytest.mark.parametrize("word", ["service's", "doesn't", "it's,", "(model's)"])
def test_a_word_with_an_apostrophe_is_a_word(word: str) -> None:
    assert prose(f"the {word} words") == f"the {word} words"
