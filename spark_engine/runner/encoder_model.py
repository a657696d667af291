"""A loaded model that embeds or scores, as the runner uses it."""

from typing import Self

from msgspec import Struct

from spark_engine.backends import registry
from spark_engine.backends.base import LoadStep
from spark_engine.backends.encoder import Encoder, TextEncoding
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.model import Progress, guarded
from spark_engine.types.models import Pooling


class EncoderModel(Struct, frozen=True):
    """The model and its tokenizer. `pooling`: how its vectors are made, if a card says so."""

    encoder: Encoder
    encoding: TextEncoding
    pooling: Pooling | None

    @classmethod
    def load(cls, plan: LoadPlan, progress: Progress) -> Self:
        """Load what `plan` says; SparkError when it cannot run here, whatever the library threw."""
        return guarded(plan, lambda: cls._load(plan, progress))

    @classmethod
    def _load(cls, plan: LoadPlan, progress: Progress) -> Self:
        backend = registry.find_encoder(plan.format)
        progress(LoadStep(0.0, "reading the tokenizer"))
        encoding, encoder = backend.encoding(plan), backend.encoder()
        for step in encoder.load(plan):
            progress(step)
        return cls(encoder, encoding, plan.pooling)
