"""The resources as a program declares them, each with the provider class that states name.

What a provider does is its lifecycle in `provider`; nothing here parses files, prints, or knows the command line.
The module and class names of the providers are part of users' state and cannot change.
"""

from __future__ import annotations

from coreweave_inference.collecting import paused

with paused():  # Most of what each of them imports; a provider process begins with one of them.
    from . import api_resource  # noqa: F401
