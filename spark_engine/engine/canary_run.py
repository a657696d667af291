"""One throw-away runner that sings: spark-nano answers fixed prompts, and what became of it is told as data."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.engine.runner_process import RunnerProcess
from spark_engine.protocol.messages import (
    Events,
    FromRunner,
    Load,
    Loaded,
    LoadPlan,
    LoadRefused,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    Submit,
)
from spark_engine.types.chat import ChatMessage, ChatPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules, TokenLogprob

_LONG = "Spark runs language models on this machine, in several formats, and shows what it does. " * 6
QUESTIONS = (
    "who are you",
    "Say this backwards: window",
    "What is 27 + 15?",
    _LONG + "How do I load a model?",
)
CONTEXT, SLOTS, ANSWER_TOKENS, ALTERNATIVES = 512, len(QUESTIONS), 32, 8
SPEED_TOKENS, LEAST_ROUNDS, MOST_ROUNDS, SPEED_S = 96, 5, 16, 2.0


class Patience(Struct, frozen=True):
    """Seconds: for the load, without any sign of life afterwards, and for all answers together."""

    load_s: float = 120.0
    silence_s: float = 30.0
    total_s: float = 180.0


class Sung(Struct, frozen=True):
    """It answered: the tokens of each answer with their log-probabilities, and the first answer's text.

    `speeds` are tokens per second of one stream, round by round, each with those of the runner beside it (0: none).
    """

    device: str
    answers: tuple[tuple[TokenLogprob, ...], ...]
    text: str
    speeds: tuple[tuple[float, float], ...] = ()


class Fell(Struct, frozen=True):
    """It did not: `how` is crashed, hung, failed (an error instead of an answer) or refused; `message` says what
    happened, `doing` during what."""

    how: str
    doing: str
    message: str
    remedy: str = ""
    evidence: str = ""


class _FallError(Exception):
    def __init__(self, fell: Fell) -> None:
        super().__init__(fell.message)
        self.fell = fell


def _fall(how: str, message: str, remedy: str = "") -> _FallError:
    """What it was doing is added where that is known."""
    return _FallError(Fell(how, "", message, remedy))


async def sing(plan: LoadPlan, patience: Patience, beside: LoadPlan | None = None) -> Sung | Fell:
    """Load by the plan in a runner of its own and let it answer, then write at full speed, by turns with a runner by
    the other plan: a busy moment hits both alike. The runners have ended when this returns."""
    try:
        async with _opened(plan, patience) as song:
            sung = await song.sung(plan)
            if beside is None:
                return replace(sung, speeds=await _race(song, None))
            async with _opened(beside, patience) as other:
                await other.loaded(beside)
                return replace(sung, speeds=await _race(song, other))
    except _FallError as fall:
        return fall.fell


async def _race(song: "_Song", other: "_Song | None") -> tuple[tuple[float, float], ...]:
    speeds: list[tuple[float, float]] = []
    song.doing = "writing at full speed"
    enough = time.monotonic() + SPEED_S
    for round in range(MOST_ROUNDS):
        now = time.monotonic()
        if speeds and (now > song.until or (now > enough and round >= LEAST_ROUNDS)):
            break
        speeds.append((await song.round(f"s{round}"), await other.round(f"s{round}") if other else 0.0))
    return tuple(speeds)


@asynccontextmanager
async def _opened(plan: LoadPlan, patience: Patience) -> AsyncIterator["_Song"]:
    try:
        process = await RunnerProcess.start(f"canary of {plan.variant}")
    except OSError as error:
        raise _FallError(Fell("refused", "starting", f"Its process cannot start: {error}")) from error
    song = _Song(process, patience)
    try:
        yield song
    except _FallError as fall:
        if not fall.fell.doing:
            fall.fell = await song.explained(fall.fell)
        raise
    finally:
        await process.end()


class _Song:
    """A runner that is asked. Everything raises `_FallError` when it does not do what it should, in time."""

    def __init__(self, process: RunnerProcess, patience: Patience) -> None:
        self._process, self._patience = process, patience
        self._messages = process.messages()
        self.doing = "starting"
        self.until = 0.0

    async def explained(self, fell: Fell) -> Fell:
        """With what it was doing and its last words."""
        ended = await self._process.end()
        message = fell.message or f"Its process ended ({ended}) while {self.doing}."
        return replace(fell, doing=self.doing, message=message, evidence=self._process.evidence)

    async def sung(self, plan: LoadPlan) -> Sung:
        """Load and answer."""
        device = await self.loaded(plan)
        self.doing = "answering"
        answers, text = await self._answers(self.until)
        return Sung(device, answers, text)

    async def loaded(self, plan: LoadPlan) -> str:
        """Load; the device."""
        self._process.send(Load(plan))
        device = await self._loaded()
        self.until = time.monotonic() + self._patience.total_s
        return device

    async def _loaded(self) -> str:
        self.doing = "loading spark-nano"
        until = time.monotonic() + self._patience.load_s
        while True:
            match await self._next(self._patience.load_s, until):
                case Loaded(device):
                    return device
                case LoadRefused(_, title, message, remedy):
                    raise _fall("refused", f"{title}: {message}", remedy)

    async def _answers(self, until: float) -> tuple[tuple[tuple[TokenLogprob, ...], ...], str]:
        """All questions at once, so that rows run beside each other as they do in use."""
        for place, question in enumerate(QUESTIONS):
            self._submit(f"q{place}", question, StopRules(max_tokens=ANSWER_TOKENS), ALTERNATIVES)
        told: dict[str, list[TokenLogprob]] = {f"q{place}": [] for place in range(len(QUESTIONS))}
        text, open_ones = "", len(told)
        async for event in self._events(until):
            match event:
                case SequenceDelta(id, said, _, logprobs):
                    told[id].extend(logprobs)
                    text += said if id == "q0" else ""
                case SequenceFinished():
                    open_ones -= 1
                    if not open_ones:
                        break
                case SequenceFailed(_, _, title, message):
                    raise _fall("failed", f"{title}: {message}")
        return tuple(tuple(tokens) for tokens in told.values()), text

    async def round(self, id: str) -> float:
        """Tokens per second of one stream; of one that takes too long, until then."""
        self._submit(id, QUESTIONS[0], StopRules(max_tokens=SPEED_TOKENS, ignore_eos=True), None)
        first, tokens = 0.0, 0
        async for event in self._events(self.until + self._patience.silence_s):
            match event:
                case SequenceFinished(_, _, _, count, _, _, _, decode_ms):
                    return (count - 1) * 1000 / decode_ms if decode_ms > 0 else 0.0
                case SequenceFailed(_, _, title, message):
                    raise _fall("failed", f"{title}: {message}")
                case SequenceDelta(_, _, told):
                    now, first = time.monotonic(), first or time.monotonic()
                    tokens += len(told)
                    if now > self.until:
                        break
        return (tokens - 1) / max(0.001, time.monotonic() - first)

    def _submit(self, id: str, question: str, rules: StopRules, logprobs: int | None) -> None:
        sampling = SamplingOptions(temperature=0, logprobs=logprobs)
        prompt = ChatPrompt((ChatMessage("user", question),))
        self._process.send(Submit(GenerationRequest(id, "canary", prompt, sampling, rules)))

    async def _events(self, until: float) -> AsyncIterator[SequenceEvent]:
        while True:
            message = await self._next(self._patience.silence_s, until)
            if isinstance(message, Events):
                for event in message.events:
                    yield event

    async def _next(self, silence_s: float, until: float) -> FromRunner:
        """What the runner says next; a fall when it says nothing for so long, or takes too long in all."""
        patience = max(0.0, min(silence_s, until - time.monotonic()))
        try:
            async with asyncio.timeout(patience):
                return await anext(self._messages)
        except StopAsyncIteration:
            raise _fall("crashed", "") from None
        except TimeoutError:
            raise _fall(
                "hung",
                f"It said nothing for {silence_s:g} s, or took longer than allowed, while {self.doing}.",
            ) from None
