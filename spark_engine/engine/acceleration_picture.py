"""What is known of acceleration, put together: this machine's offers, trials, wishes, where each variant belongs."""

from collections.abc import Callable, Mapping
from statistics import median

from msgspec.structs import replace

from spark_engine.engine.acceleration_checks import Wanted
from spark_engine.engine.acceleration_choice import chosen, safer
from spark_engine.engine.acceleration_machine import Machine
from spark_engine.engine.acceleration_offers import Offer
from spark_engine.engine.acceleration_record import Memory
from spark_engine.engine.acceleration_ways import WAYS, BackendWays
from spark_engine.engine.seats import Seat
from spark_engine.engine.speeds import Speeds
from spark_engine.errors import NotFound, Unavailable
from spark_engine.types.acceleration import AccelerationChoice
from spark_engine.types.models import ModelEntry, VariantEntry

_CHANGED = "Libraries, driver or hardware are others than at its check."
_SLEPT = "The machine slept since its check."
_OF_FORMAT = {format: backend for backend in WAYS for format in backend.formats}
Offering = Callable[[BackendWays, Machine], list[Offer]]
Models = Callable[[], Mapping[str, ModelEntry]]


class Picture:
    """`models` gives the library. Empty until `take` was told of the machine: then everything computes on the CPU."""

    def __init__(self, memory: Memory, speeds: Speeds, models: Models, offering: Offering) -> None:
        self._memory, self._speeds, self._models, self._offering = memory, speeds, models, offering
        self._offers: dict[str, dict[str, Offer]] = {}
        self._slept: set[tuple[str, str]] = set()

    def take(self, machine: Machine, *, slept: bool) -> None:
        """The machine is so now; after a sleep no trial of an accelerator counts."""
        self._offers = {b.id: {o.choice.id: o for o in self._offering(b, machine)} for b in WAYS}
        if slept:
            self._slept = {one.place for one in self.offers() if one.offer.choice.kind != "cpu"}

    def checked(self, place: tuple[str, str]) -> None:
        """It has a trial that is newer than any sleep."""
        self._slept.discard(place)

    def offers(self) -> list[Wanted]:
        """All there are, of all backends."""
        return [Wanted(backend, offer) for backend, all in self._offers.items() for offer in all.values()]

    def offer(self, backend: str, choice: str) -> Offer:
        """The offer of a choice; NotFound."""
        found = self._offers.get(backend, {}).get(choice)
        if found is None:
            known = ", ".join(["auto", *self._offers.get(backend, {})])
            raise NotFound(
                "choice_not_found",
                "No such choice",
                f"{backend} has no choice {choice[:100]!r}.",
                f"Choose one of {known}.",
                param="choice",
            )
        return found

    def choices(self, backend: BackendWays) -> list[AccelerationChoice]:
        """Every choice of a backend with its last trial."""
        return [self.with_trial(backend.id, offer) for offer in self._offers.get(backend.id, {}).values()]

    def with_trial(self, backend: str, offer: Offer) -> AccelerationChoice:
        """A choice with its last trial."""
        trial = self._memory.trial(backend, offer.choice.id)
        if trial is None:
            return offer.choice
        slept = _SLEPT if (backend, offer.choice.id) in self._slept else ""
        return replace(
            offer.choice, check=trial.check, outdated=_CHANGED if trial.key != offer.key else slept
        )

    def chosen(self, backend: BackendWays) -> tuple[str, str]:
        """What its models use by its owner's wish, and why."""
        return chosen(self._memory.wish(backend.id), self.choices(backend), self.measured(backend))

    def seat(self, variant: VariantEntry) -> Seat:
        """Where a variant belongs, as long as nothing is wrong with it. Unavailable when nothing that may be used is
        there."""
        backend = backend_of(variant)
        if backend is None or not self._offers:
            return Seat()
        id, why = self.chosen(backend)
        if not id:
            raise no_accelerator(backend, why)
        return self.offer(backend.id, id).seat

    def below(self, variant: VariantEntry, seat: Seat) -> list[Seat]:
        """Safer seats for a variant, the next one first."""
        backend = backend_of(variant)
        if backend is None or not self._offers:
            return []
        strict = self._memory.wish(backend.id).strict
        ids = safer(self.choices(backend), seat.choice, strict=strict)
        return [self.offer(backend.id, id).seat for id in ids]

    def variants(self, backend: str) -> dict[str, VariantEntry]:
        """The variants of the library that a backend's choice is for."""
        all = (variant for model in self._models().values() for variant in model.variants)
        return {v.id: v for v in all if (found := backend_of(v)) is not None and found.id == backend}

    def measured(self, backend: BackendWays) -> Callable[[AccelerationChoice], float | None]:
        """How many times as fast as on the CPU the models here were with a choice."""
        plain = next(iter(self.choices(backend)), None)
        variants = self.variants(backend.id)

        def factor(choice: AccelerationChoice) -> float | None:
            if plain is None or plain.check is None or choice.check is None:
                return None
            pairs = [
                (self._speeds.rate(id, choice.check.device), self._speeds.rate(id, plain.check.device))
                for id in variants
            ]
            factors = [here / cpu for here, cpu in pairs if here and cpu]
            return median(factors) if factors else None

        return factor


def backend_of(variant: VariantEntry) -> BackendWays | None:
    """The backend whose choice a variant follows; None for the echo, and for models that embed: they use the CPU."""
    return _OF_FORMAT.get(variant.format) if variant.kind == "generator" else None


def no_accelerator(backend: BackendWays, why: str) -> Unavailable:
    """A load that would fall back to the CPU, which it may not."""
    return Unavailable(
        "accelerator_required",
        "The CPU is not to be used",
        f"{backend.name} models may not fall back to the CPU. {why}",
        f"`spark acceleration use {backend.id} auto --no-strict` allows it again.",
    )
