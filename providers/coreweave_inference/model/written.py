"""Numbers of a file that are written otherwise than Python writes them: `1e10`, `0012345`, `1.10`, `0x10`.

They are numbers wherever a number is meant, and keep their text for where a text is meant, such as an engine's option.
"""

from __future__ import annotations


class WrittenInt(int):
    """A whole number and its text in the file."""

    text: str


class WrittenFloat(float):
    """A number and its text in the file."""

    text: str


def as_written(number: int | float, text: str) -> int | float:
    """`number`, with its text where that says more than the number does."""
    if text == str(number):
        return number
    kept = WrittenInt(number) if isinstance(number, int) else WrittenFloat(number)
    kept.text = text
    return kept


def text_of(number: int | float) -> str:
    """A number as its file writes it, else without a fraction of zero: `1e10`, `16384`, `0.9`."""
    if isinstance(number, (WrittenInt, WrittenFloat)):
        return number.text
    return str(int(number) if isinstance(number, float) and number.is_integer() else number)
