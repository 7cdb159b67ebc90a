"""How a review looks: Markdown for a pull request, JSON for machines, tables for a terminal.

Nothing here decides what is worth saying, and nothing that others wrote leaves here unescaped.
"""

from __future__ import annotations

from .document import as_document
from .markdown import MARKER, Comment, as_markdown, no_review, nothing_changes
from .terminal import print_review

__all__ = ["MARKER", "Comment", "as_document", "as_markdown", "no_review", "nothing_changes", "print_review"]
