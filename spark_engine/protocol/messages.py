"""The messages between engine and runner, grouped by receiver.

The life of a runner:
Hello → (Load) → LoadProgress… → Loaded | LoadRefused → (Submit, Read, Cancel)… ⇄ Events… → end of stdin.
"""

from msgspec import Struct

from spark_engine.types.chat import ToolCallPiece
from spark_engine.types.embeddings import ReadingRequest
from spark_engine.types.generation import GenerationRequest, TokenLogprob, Truncation
from spark_engine.types.models import ModelFormat, ModelKind, Pooling

# --- to the runner ------------------------------------------------------------


class LoadPlan(Struct, frozen=True):
    """What to load and how. `path` is the model's folder or file; `context` tokens per sequence, prompt and
    answer together; `slots` sequences that may run at once; `threads` 0 means all physical cores; `kv_bytes` most
    memory for the key/value cache, 0 leaves it to the runner; `kernels`: Spark's own arithmetic where it has one;
    `pooling` None leaves it to the model's files."""

    variant: str
    format: ModelFormat
    path: str
    device: str = "cpu"
    context: int = 4096
    slots: int = 8
    threads: int = 0
    template: str = ""
    kv_bytes: int = 0
    prompt_lookup: bool = True
    kernels: bool = True
    kind: ModelKind = "generator"
    pooling: Pooling | None = None


class Load(Struct, frozen=True, tag="load"):
    """Load this model; sent once, first."""

    plan: LoadPlan


class Submit(Struct, frozen=True, tag="submit"):
    """Run this generation. Answered by SequenceStarted or SequenceFailed."""

    request: GenerationRequest


class Read(Struct, frozen=True, tag="read"):
    """Embed or rank texts. Answered by SequenceStarted, a SequenceVector for each text, and SequenceFinished; or by
    SequenceFailed."""

    request: ReadingRequest


class Cancel(Struct, frozen=True, tag="cancel"):
    """Stop a request within one step. Answered by SequenceFinished with reason `cancelled`, unless it is
    over.
    """

    id: str


ToRunner = Load | Submit | Read | Cancel

# --- from the runner ----------------------------------------------------------


class Hello(Struct, frozen=True, tag="hello"):
    """The first message: which protocol this runner speaks."""

    protocol: int
    pid: int


class LoadProgress(Struct, frozen=True, tag="load_progress"):
    """`fraction` 0..1 of the loading; `step` is a short phrase for people."""

    fraction: float
    step: str


class Loaded(Struct, frozen=True, tag="loaded"):
    """The model answers. `device` is what really runs it, for people (`CPU`, `CUDA (RTX 4070)`)."""

    device: str
    context: int
    slots: int
    memory_bytes: int


class LoadRefused(Struct, frozen=True, tag="load_refused"):
    """The model cannot be loaded; the fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""


class SequenceStarted(Struct, frozen=True, tag="started"):
    """The prompt was tokenized and fits; sent before the sequence has a slot, at once or when its grammar is compiled.
    `truncation`: what was left out of the prompt, where the request allows that."""

    id: str
    prompt_tokens: int
    cached_tokens: int = 0
    truncation: Truncation | None = None


class SequenceAdmitted(Struct, frozen=True, tag="admitted"):
    """The sequence has a slot and its prompt is read, but for the `cached_tokens` that some slot holds already. Told
    again when it had to give up its slot and got another one."""

    id: str
    cached_tokens: int


class SequenceDelta(Struct, frozen=True, tag="delta", omit_defaults=True):
    """Text that is final: no stop string can still take it back. Tokens whose text is held back come later.

    The first delta of a sequence is sent with its first token even when its text is still empty."""

    id: str
    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    calls: tuple[ToolCallPiece, ...] = ()


class SequenceFinished(Struct, frozen=True, tag="finished"):
    """A sequence ended. Times in milliseconds, measured in the runner: `queue_ms` from Submit to a slot,
    `prefill_ms` from there to the first token, `decode_ms` from the first token to the last."""

    id: str
    reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    queue_ms: float
    prefill_ms: float
    decode_ms: float


class SequenceFailed(Struct, frozen=True, tag="failed", omit_defaults=True):
    """A sequence cannot run or broke. `status` is the HTTP status a refusal deserves; `param` the field at
    fault.
    """

    id: str
    code: str
    title: str
    message: str
    remedy: str = ""
    status: int = 500
    param: str | None = None


class SequenceVector(Struct, frozen=True, tag="vector"):
    """What came of one text that was read: float32 little-endian numbers, an embedding or a single score. `index` is
    its place among the request's inputs or documents."""

    id: str
    index: int
    values: bytes


SequenceEvent = (
    SequenceStarted | SequenceAdmitted | SequenceDelta | SequenceVector | SequenceFinished | SequenceFailed
)


class Events(Struct, frozen=True, tag="events"):
    """Everything one scheduler step produced, in order."""

    events: tuple[SequenceEvent, ...]


class RunnerStats(Struct, frozen=True, tag="stats"):
    """Sent at most once a second while sequences run, and once when the last one has ended. `queue`: the ids of those
    that wait for a slot, the next one first."""

    running: int
    waiting: int
    steps: int
    decoded_tokens: int
    prefilled_tokens: int
    kv_bytes: int
    memory_bytes: int
    kv_limit_bytes: int = 0
    cached_tokens: int = 0
    preemptions: int = 0
    queue: tuple[str, ...] = ()


FromRunner = Hello | LoadProgress | Loaded | LoadRefused | Events | RunnerStats
