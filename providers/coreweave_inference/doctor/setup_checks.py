"""Every check before anything runs, in order: this machine, the service, the declaration."""

from __future__ import annotations

from collections.abc import Iterator

from .account_checks import SERVICE
from .check import Category, bind
from .machine_checks import DECLARATION, MACHINE
from .setup import SetUp

__all__ = ["DECLARATION", "MACHINE", "SERVICE", "SetUp", "setup_categories"]


def setup_categories(setup: SetUp) -> Iterator[Category]:
    """This machine, the service, the declaration."""
    yield Category("machine", str(setup.path), bind(MACHINE, setup))
    if "stack_name" not in vars(setup):
        return
    yield Category("service", "the service", bind(SERVICE, setup))
    if "settings" in vars(setup):
        yield Category("declaration", "the declaration", bind(DECLARATION, setup))
