"""What Spark's own calls accept: request bodies with strict types and ranges."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from spark_engine.types.options import LoadOptions


class Body(BaseModel):
    """Strict: a field that Spark does not know is a mistake of its caller."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class DownloadBody(Body):
    """A model of a card (`phi-4-mini:gguf-q8_0`) or of the hub (`org/name[:variant]`), and whether to load it then."""

    model: str = Field(min_length=1, max_length=300)
    load: bool = False


class OffersBody(Body):
    """As in `DownloadBody`: what is asked about, and not fetched."""

    ref: str = Field(min_length=1, max_length=300)


class TokenBody(Body):
    """A token of the hub, as in `hf_…`. It is kept for the hub alone and appears in no reply."""

    token: str = Field(min_length=1, max_length=512, repr=False)


class AdoptBody(Body):
    """An absolute path on this machine: a GGUF file, a model's folder, or a folder with models in it."""

    path: str = Field(min_length=1, max_length=4096)


class ConvertBody(Body):
    """What a model is to become, as in `gguf` and `Q8_0`, or `onnx` and `int4`."""

    format: str = Field(min_length=1, max_length=40)
    quantization: str = Field(min_length=1, max_length=40)


class OptionsBody(Body):
    """How a model is loaded and kept; what is left out or null is as the settings say."""

    context: int | None = None
    slots: int | None = None
    threads: int | None = None
    cache_mb: int | None = None
    prompt_lookup: bool | None = None
    kernels: bool | None = None
    keep_alive_s: int | None = None
    pinned: bool | None = None

    @property
    def options(self) -> LoadOptions:
        """The same in the shared vocabulary."""
        return LoadOptions(**self.model_dump())


class RankBody(Body):
    """Whose requests go first."""

    rank: Literal["first", "normal", "last"]


class ExplainBody(Body):
    """A request that nobody sends: what `auto` would mean for it. `context`: tokens of prompt and answer together."""

    context: int = Field(0, ge=0, le=100_000_000)
    tools: bool = False
    json_: bool = Field(False, alias="json")
    language: str = Field("", pattern="^([a-z]{2})?$")
    kind: Literal["generator", "embedder", "reranker"] = "generator"
