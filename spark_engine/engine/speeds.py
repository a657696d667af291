"""How fast each variant really writes here, learnt from finished generations; it stands instead of any prediction."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from statistics import median

import msgspec
from msgspec import Struct

from spark_engine.catalog.fit import Facts, learnt_efficiency, overhead_s, read_per_token
from spark_engine.engine.bandwidth import Bandwidth
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.tasks import create_task
from spark_engine.types.models import ModelFormat
from spark_engine.types.requests import RequestEntry

log = logging.getLogger(__name__)
LEAST_TOKENS = 32
KEPT = 16
FADING = 0.85
TELLING_BYTES = 100_000_000
"""A smaller model's speed says nothing of how fast its format reads memory."""
NOTEWORTHY = 0.1


class Measured(Struct, frozen=True):
    """A variant's decode speeds on a device, tokens per second of one stream, the newest last. `read_bytes` of each
    token and `overhead_s` are what its facts said."""

    format: ModelFormat
    read_bytes: int = 0
    overhead_s: float = 0.0
    rates: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """The figure: a median in which older speeds count less."""
        return fading_median(self.rates)


class Speeds:
    """The measured speeds by variant and device. `on_change(variant)` is told when a figure becomes noteworthily other,
    with an empty name when all predictions did."""

    def __init__(
        self,
        base: BaseDir | None = None,
        on_change: Callable[[str], None] = lambda variant: None,
        is_quiet: Callable[[], bool] = lambda: True,
    ) -> None:
        """Without `base`, nothing is remembered after the end of the process. `is_quiet`: whether the machine may be
        measured now."""
        self._file = base.state / "speeds.json" if base else None
        self._on_change = on_change
        self._of: dict[str, dict[str, Measured]] = {}
        if self._file:
            self._of = read_record(self._file, dict[str, dict[str, Measured]], self._of)
        self._bandwidth = Bandwidth(base, lambda: on_change(""), is_quiet)
        self._writing: asyncio.Task[None] | None = None

    @property
    def bandwidth(self) -> float:
        """Bytes per second that this machine reads; 0 while unknown."""
        return self._bandwidth.bytes_per_second

    def start(self) -> None:
        """Measure the machine soon, unless that is done."""
        self._bandwidth.start()

    def take(self, facts: Facts, device: str, entry: RequestEntry) -> None:
        """Learn from a generation that had its model for itself; short ones tell nothing."""
        rate = entry.timings.tokens_per_second
        if entry.phase != "finished" or entry.usage.completion_tokens < LEAST_TOKENS or rate <= 0:
            return
        known = self._of.setdefault(entry.model, {})
        before = known.pop(device, Measured(facts.format))
        rates = (*before.rates, rate)[-KEPT:]
        known[device] = now = Measured(facts.format, read_per_token(facts), overhead_s(facts), rates)
        changed = not before.rates or abs(now.rate / before.rate - 1) > NOTEWORTHY
        if changed or len(rates) < KEPT:
            self._write_soon()
        if changed:
            self._on_change(entry.model)

    def rate(self, variant: str, device: str | None = None) -> float:
        """Tokens per second of one stream on a device, or on whichever was measured last; 0 when none was."""
        known = self._of.get(variant, {})
        found = known.get(device) if device else next(reversed(known.values()), None)
        return found.rate if found else 0.0

    def efficiency(self, format: ModelFormat) -> float:
        """The share of the memory bandwidth that this format's models reach here; 0 while none was measured."""
        shares = [
            learnt_efficiency(one.read_bytes, one.overhead_s, one.rate, self.bandwidth)
            for known in self._of.values()
            for one in known.values()
            if one.format == format and one.read_bytes >= TELLING_BYTES
        ]
        return median(shares) if any(shares) else 0.0

    async def close(self) -> None:
        """Write what is not written yet; end a measurement that runs."""
        await self._bandwidth.close()
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def _write_soon(self) -> None:
        if self._file is not None and (self._writing is None or self._writing.done()):
            self._writing = create_task(self._write(), name="remember speeds")

    async def _write(self) -> None:
        """Until nothing has changed while it wrote."""
        assert self._file is not None
        written = None
        while (now := msgspec.json.encode(self._of)) != written:
            try:
                await asyncio.to_thread(write_record, self._file, msgspec.Raw(now))
            except OSError as error:
                log.warning("%s cannot be written: %s", self._file, error)
                return
            written = now


def fading_median(values: Sequence[float]) -> float:
    """The median of values of which the last counts most, each one before it a little less; 0 when there is none."""
    weighed = sorted((value, FADING**age) for age, value in enumerate(reversed(values)))
    half = sum(weight for _, weight in weighed) / 2
    below = 0.0
    for value, weight in weighed:
        below += weight
        if below >= half:
            return value
    return 0.0
