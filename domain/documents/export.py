"""Writes the JSON Schema of plans: ``python -m domain.documents.export docs/plan.schema.json``."""

import json
import sys
from pathlib import Path

from domain.documents.plan import plan_schema


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(plan_schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
