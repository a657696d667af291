"""Where a variant's runner computes: the choice of acceleration behind a load, as its runner needs it."""

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.acceleration import CPU_CHOICE


class Seat(Struct, frozen=True):
    """`device` as in `LoadPlan`; `threads` and `context` stand over what was asked for, 0 leaves it."""

    choice: str = CPU_CHOICE
    device: str = "cpu"
    threads: int = 0
    context: int = 0

    def planned(self, plan: LoadPlan) -> LoadPlan:
        """The plan with this seat."""
        return replace(
            plan,
            device=self.device,
            threads=plan.threads or self.threads,
            context=min(plan.context, self.context or plan.context),
        )

    def named(self, device: str) -> str:
        """The device for people, once its runner has said what it is."""
        if not self.threads:
            return device
        return f"{device}, {self.threads} thread{'s' if self.threads > 1 else ''}"
