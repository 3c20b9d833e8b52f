# ruff: noqa: INP001 - a script, part of no package
"""Print what pytest counted in each environment of a tox folder, and the sum; fail if that is nothing."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET


def main() -> int:
    """Exit code 0 if there are tests and none failed."""
    total: Counter[str] = Counter()
    for report in sorted(Path(sys.argv[1]).glob("*/junit.xml")):
        counts = _counts(report)
        total += counts
        sys.stdout.write(f"{report.parent.name}: {_line(counts)}\n")
    sys.stdout.write(_line(total) + "\n")
    return 0 if total["passed"] and not total["failed"] else 1


def _counts(report: Path) -> Counter[str]:
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it
    names = ("tests", "skipped", "failures", "errors")
    tests, skipped, failures, errors = (sum(int(suite.get(name, 0)) for suite in suites) for name in names)
    failed = failures + errors
    return Counter(passed=tests - skipped - failed, failed=failed, skipped=skipped)


def _line(counts: Counter[str]) -> str:
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


if __name__ == "__main__":
    sys.exit(main())
