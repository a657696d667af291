"""How a conversation's model is to answer: the system prompt, and the parameters that differ from the model's own."""

from msgspec import Struct
from msgspec.structs import asdict

from spark_engine.types.generation import SamplingOptions


class Parameters(Struct, frozen=True, omit_defaults=True):
    """None everywhere: as the model's makers advise, and an answer may be as long as there is room."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None

    def options(self) -> dict[str, float | int]:
        """What a request says beyond its messages."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Setup(Struct, frozen=True, omit_defaults=True):
    """`system` is told to the model before everything else; empty: nothing is."""

    system: str = ""
    parameters: Parameters = Parameters()


class Parameter(Struct, frozen=True):
    """One parameter as people see it; `whole` numbers have no fraction. `unset` says what holds where neither the
    conversation nor the model says anything.
    """

    key: str
    name: str
    sentence: str
    low: float
    high: float
    whole: bool = False
    unset: str = ""

    def read(self, text: str) -> float | int | None:
        """What was typed; None for nothing. ValueError with a sentence when it cannot be used."""
        said = text.strip().replace(",", ".")
        if not said:
            return None
        try:
            value = int(said) if self.whole else float(said)
        except ValueError:
            raise ValueError(f"This must be {self._demand}.") from None
        if not self.low <= value <= self.high:
            raise ValueError(f"This must be {self._demand}.")
        return value

    def default(self, advised: SamplingOptions) -> str:
        """What holds while nothing is chosen, for people."""
        value = getattr(advised, self.key, None)
        return self.unset if value is None else f"{value:g}"

    @property
    def _demand(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.high > 1e9:
            return f"{kind} from {self.low:g} on" if self.low >= 0 else kind
        return f"{kind} from {self.low:g} to {self.high:g}"


LARGEST = 2**31 - 1
PARAMETERS = (
    Parameter("temperature", "Temperature", "0 takes the likeliest word; more brings variety.", 0, 2),
    Parameter("top_p", "Top p", "Choose among the likeliest that together reach this share.", 0.01, 1),
    Parameter("top_k", "Top k", "Choose among this many of the likeliest; 0: all.", 0, LARGEST, True),
    Parameter("min_p", "Min p", "Leave out what is less likely than this share of the likeliest.", 0, 1),
    Parameter("max_tokens", "Longest answer", "How many tokens it may have.", 1, LARGEST, True, "no limit"),
    Parameter("seed", "Seed", "The same seed gives the same answer.", -(2**63), 2**63 - 1, True, "random"),
    Parameter("repetition_penalty", "Repetition penalty", "Above 1: fewer repeated words.", 0.01, 10),
    Parameter("presence_penalty", "Presence penalty", "Above 0: more new words.", -2, 2),
    Parameter("frequency_penalty", "Frequency penalty", "Above 0: fewer frequent words.", -2, 2),
)
"""Every parameter, in the order in which people see them; the ranges are those of the API."""
