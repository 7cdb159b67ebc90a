"""Which member of a traffic group answers the next request.

Arithmetic only: no HTTP, no clock, nothing about gateways or weights buckets may enter.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping


class TrafficSplit:
    """Smooth weighted round robin, one memory for each traffic group.

    Over any whole cycle (the weights divided by their greatest common divisor, added up) every member gets exactly
    its share, and a heavy member's turns are spread out. A group whose members or weights change starts anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[Hashable, _Rotation] = {}

    def choose(self, group: Hashable, weights: Mapping[str, int]) -> str | None:
        """The id of the member whose turn it is, or None where no member has a weight above 0."""
        positive = {member: weight for member, weight in weights.items() if weight > 0}
        if not positive:
            return None
        with self._lock:
            rotation = self._groups.get(group)
            if rotation is None or rotation.weights != positive:
                rotation = self._groups[group] = _Rotation(positive)
            return rotation.turn()


class _Rotation:
    def __init__(self, weights: dict[str, int]) -> None:
        self.weights = weights
        self._credit = dict.fromkeys(weights, 0)

    def turn(self) -> str:
        for member, weight in self.weights.items():
            self._credit[member] += weight
        chosen = max(self._credit, key=lambda member: self._credit[member])
        self._credit[chosen] -= sum(self.weights.values())
        return chosen
