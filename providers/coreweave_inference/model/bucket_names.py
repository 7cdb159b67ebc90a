"""The rules of Object Storage for the name of a bucket (documentation: Object Storage, bucket names)."""

from __future__ import annotations

import re

BUCKET_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
RESERVED_STARTS = ("xn--", "cw-", "vip-", "log-stitcher-ch-")


def bucket_name_problem(name: str) -> str:
    """What of Object Storage's rules a bucket's name breaks; `""` if none."""
    if not 3 <= len(name) <= 63:
        return f"has {len(name)} characters, a bucket's name has 3 to 63"
    if not re.match(BUCKET_NAME, name):
        return (
            "is not a bucket's name: lower-case letters, digits and hyphens, a letter or digit at both ends"
        )
    start = next((start for start in RESERVED_STARTS if name.startswith(start)), "")
    if start or name == "int":
        return f'is reserved: no bucket is called "int" or starts with {", ".join(RESERVED_STARTS)}'
    return ""
