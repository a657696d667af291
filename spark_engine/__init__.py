"""Spark's engine: serves this workstation's language models over localhost (no Qt, no model libraries)."""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
# httpx has a command line of its own, and loads rich and click for it at every start; without it httpx works the same.
_modules.setdefault("httpx._main", None)

__version__ = "0.1.0"
