"""The service on a loopback port: Inference API, object storage and data plane, for tests and for trying things out.

An independent second reading of the schema and the documentation. Nothing of `coreweave_inference` outside this
package may be imported here, so that a mistake in the product is not repeated by what it is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .behaviour import Behaviour
    from .server import Simulator

__all__ = ["Behaviour", "Simulator"]


def __getattr__(name: str) -> Any:
    """Import on first use: starlette, uvicorn and moto are an extra that not every installation has."""
    if name == "Simulator":
        from .server import Simulator

        return Simulator
    if name == "Behaviour":
        from .behaviour import Behaviour

        return Behaviour
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
