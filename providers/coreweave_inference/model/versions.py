"""Which of several engine versions is the newest."""

from __future__ import annotations

from collections.abc import Iterable

import semver


def parsed(text: str | None) -> semver.Version | None:
    """A semantic version; None for any other text, such as `latest`."""
    return semver.Version.parse(text) if text and semver.Version.is_valid(text) else None


def newest(versions: Iterable[str]) -> str | None:
    """The highest release by semantic versioning; a pre-release only where there is nothing else.

    Build metadata (`0.22.0+crwv.2`) has no rank in semantic versioning; CoreWeave counts in it, so it breaks ties.
    """
    found = [version for text in versions if (version := parsed(text))]
    releases = [version for version in found if not version.prerelease]
    return str(max(releases or found, key=rank)) if found else None


def rank(version: semver.Version) -> tuple[semver.Version, tuple[tuple[int, int, str], ...]]:
    """What versions are ordered by."""
    parts = (version.build or "").split(".")
    return version, tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
