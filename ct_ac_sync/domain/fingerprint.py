"""Is this payload news?  Digests that ignore the order of keys and nothing else."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any


def fingerprint(value: Any) -> str:
    """Return a digest of a frozen dataclass or a mapping: equal if and only if they are."""
    plain = value if isinstance(value, Mapping) else asdict(value)
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
