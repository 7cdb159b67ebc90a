"""A declaration file, from YAML to frozen data, all faults in one report.

Reading and what a file can tell about itself belong here. Nothing here may ask the service, read a secret, know a
stack, or make resources.
"""

from __future__ import annotations

from .origin import Origin
from .reading import read
from .result import (
    BucketDeclaration,
    Declaration,
    ObjectDeclaration,
    ObjectOptions,
    PolicyDeclaration,
    SecretReference,
)

__all__ = [
    "BucketDeclaration",
    "Declaration",
    "ObjectDeclaration",
    "ObjectOptions",
    "Origin",
    "PolicyDeclaration",
    "SecretReference",
    "read",
]
