"""A declaration file, from YAML to frozen data, all faults in one report.

Reading and what a file can tell about itself belong here. Nothing here may ask the service, read a secret, know a
stack, or make resources.
"""

from __future__ import annotations

from .origin import Origin
from .overlay import overlay_path
from .reading import FILE, read, read_for_stack
from .result import (
    Accepted,
    BucketDeclaration,
    Declaration,
    Existing,
    ExistingBucket,
    ExistingObject,
    ObjectDeclaration,
    ObjectOptions,
    PolicyDeclaration,
    SecretReference,
    SmokeDeclaration,
)

__all__ = [
    "FILE",
    "Accepted",
    "BucketDeclaration",
    "Declaration",
    "Existing",
    "ExistingBucket",
    "ExistingObject",
    "ObjectDeclaration",
    "ObjectOptions",
    "Origin",
    "PolicyDeclaration",
    "SecretReference",
    "SmokeDeclaration",
    "overlay_path",
    "read",
    "read_for_stack",
]
