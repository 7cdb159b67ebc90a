"""Every rule there is, in the order of the reference page."""

from __future__ import annotations

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
)
from .rule import Rule

SUBJECTS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Traffic groups", traffic.RULES),
    ("Claim cover", claim_cover.RULES),
    ("Weights access", weights_access.RULES),
    ("Size", size.RULES),
    ("Order and zones", order_and_zones.RULES),
    ("Engine configuration", (*engine_config.RULES, *parallelism.RULES)),
    ("Catalogue", catalogue.RULES),
    ("Change risk", change_risk.RULES),
    ("Practices", practices.RULES),
    ("Acceptance", acceptance.RULES),
)
RULES = tuple(rule for title, rules in SUBJECTS for rule in rules if title != "Acceptance")
"""The rules that look at a view alone; those on acceptances need what these find."""
CODES = frozenset(rule.code for _, rules in SUBJECTS for rule in rules)
