"""The folder of an example's sermos.yaml is importable while it is used; so it is here."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "documents"

if str(EXAMPLE) not in sys.path:
    sys.path.insert(0, str(EXAMPLE))
