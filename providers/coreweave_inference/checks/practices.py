"""Rules on what the documentation advises: scaling bounds, concurrency, priorities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .capacity import claims_are_known, pools_of
from .finding import Problem, Severity
from .groups import groups_of
from .objects import Deployment
from .rule import rule
from .view import View

FAR = 4
"""max is far above min when it is more than so many times as high."""


@rule("min-one-on-main-member", Severity.WARNING, "The member with most of the traffic has min 1")
def min_one(view: View) -> Iterator[Problem]:
    """In a group of several that share traffic, one replica alone represents most of it."""
    for group in groups_of(view):
        shares = group.shares
        if shares is None or sum(1 for share in shares if share.least) < 2:
            continue
        largest = max(shares, key=lambda share: share.least)
        member = group.members[shares.index(largest)]
        if member.own and member.min == 1 and (member.max or 0) > 1 and largest.least * 2 > 1:
            yield Problem(
                member.about,
                member.path("autoscaling.min"),
                f'it takes {largest} of the model name "{group.model_name}" and has min 1',
                "every replica beyond min loads the weights before it serves, and one alone is no spare for another",
                "use min 2 or more, as latency requires",
            )


@rule("max-far-above-min", Severity.WARNING, "max is far above min, and no claim backs it")
def max_without_claim(view: View) -> Iterator[Problem]:
    """Autoscaling counts on capacity that nobody has reserved."""
    if not claims_are_known(view):
        return
    for item in view.deployments:
        if item.min is None or item.max is None or item.disabled is not False or item.max <= FAR * item.min:
            continue
        zones = view.zones_of(item)
        backed = any(item.may_run_on(claim, zones or frozenset()) for claim in view.all_claims)
        if not backed:
            yield Problem(
                item.about,
                item.path("autoscaling.max"),
                f"it may grow from {item.min} to {item.max} replicas, and no claim holds GPUs for that",
                "autoscaling works within what is free; only a claim guarantees capacity",
                "claim what must be certain, raise min, or lower max to what may be had",
            )


@rule("concurrency-unset", Severity.NOTE, "Autoscaling without a target of concurrent requests")
def concurrency_unset(view: View) -> Iterator[Problem]:
    """Bounds of scaling differ, and concurrency is left to the service."""
    for item in view.deployments:
        if item.concurrency == 0 and item.min is not None and item.max is not None and item.min < item.max:
            yield Problem(
                item.about,
                item.path("autoscaling.concurrency"),
                "it scales, and concurrency is not set",
                "concurrency decides when a replica is added: lower means less latency, higher more throughput",
                "set the number of requests that one replica handles well at a time",
            )


@rule("priorities-equal", Severity.WARNING, "Deployments that contend for a claim have the same priority")
def priorities_equal(view: View) -> Iterator[Problem]:
    """Their max do not fit together, and nothing says who goes first."""
    for pool in pools_of(view):
        if not pool.claims or pool.most <= pool.supply:
            continue
        by_priority: dict[int, list[Deployment]] = defaultdict(list)
        for item in pool.users:
            if item.priority is not None:
                by_priority[item.priority].append(item)
        for priority, items in by_priority.items():
            own = next((item for item in items if item.own), None)
            if own and len(items) > 1:
                yield Problem(
                    own.about,
                    own.path("autoscaling.priority"),
                    f"{', '.join(item.label for item in items[:5])} all have priority {priority}, and their max do not "
                    f"fit together into the {pool.supply} GPUs claimed of {pool.place}",
                    "priority decides who gets GPUs when they are short",
                    "give the one that matters more a higher priority, up to 1000",
                )
