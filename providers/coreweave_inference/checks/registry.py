"""Every rule there is, in the order of the reference page."""

from __future__ import annotations

from types import ModuleType

from . import (
    acceptance,
    catalogue,
    change_risk,
    claim_cover,
    engine_config,
    order_and_zones,
    parallelism,
    practices,
    size,
    traffic,
    weights_access,
    weights_whole,
)
from .rule import Rule


def _in(*modules: ModuleType) -> tuple[Rule, ...]:
    """The rules of modules, in the order in which they are written there."""
    return tuple(found for module in modules for found in vars(module).values() if isinstance(found, Rule))


SUBJECTS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Traffic groups", _in(traffic)),
    ("Claim cover", _in(claim_cover)),
    ("Weights access", _in(weights_access)),
    ("Whole weights", _in(weights_whole)),
    ("Size", _in(size)),
    ("Order and zones", _in(order_and_zones)),
    ("Engine configuration", _in(engine_config, parallelism)),
    ("Catalogue", _in(catalogue)),
    ("Change risk", _in(change_risk)),
    ("Practices", _in(practices)),
    ("Acceptance", acceptance.RULES),
)
RULES = tuple(rule for title, rules in SUBJECTS for rule in rules if title != "Acceptance")
"""The rules that look at a view alone; those on acceptances need what these find."""
CODES = frozenset(rule.code for _, rules in SUBJECTS for rule in rules)
