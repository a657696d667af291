"""What Spark's own contestants read from an order: which model, and how to load it."""

from typing import Any

import msgspec

from spark_engine.protocol.messages import LoadPlan


def load_plan(order: dict[str, Any]) -> LoadPlan:
    """The order's `plan` as a runner takes it."""
    return msgspec.convert(order["plan"], LoadPlan)
