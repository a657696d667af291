"""How each model is loaded and kept: what its owner chose, remembered for models and variants, over the settings."""

import logging
from pathlib import Path

from msgspec.structs import asdict, replace

from spark_engine.config.load import Config
from spark_engine.config.schema import Setting, setting
from spark_engine.errors import InvalidRequest, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.types.health import Problem
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.options import LoadOptions, OptionsReport

log = logging.getLogger(__name__)
SET_ASIDE = ".unreadable"
_SETTINGS = {
    "context": setting("models.context"),
    "slots": setting("models.slots"),
    "threads": setting("models.threads"),
    "cache_mb": setting("models.cache_mb"),
    "keep_alive_s": setting("models.keep_alive_s"),
}
"""The settings whose ranges hold for numbers."""


class SavedOptions:
    """The options by model id (`phi-4-mini`) and variant id; a variant's own stand over its model's.

    `problem`: what is to be told when the file could not be read. It is then set aside, for its owner to look into.
    """

    def __init__(self, config: Config, base: BaseDir | None = None) -> None:
        """Without `base`, nothing is remembered after the end of the process."""
        self._config = config
        self._file = base.state / "load_options.json" if base else None
        self.problem: Problem | None = None
        self._saved = self._read(self._file) if self._file else {}

    def saved(self, id: str) -> LoadOptions:
        """What was chosen for just this model or variant."""
        return self._saved.get(id, LoadOptions())

    def save(self, id: str, options: LoadOptions) -> None:
        """Remember all options of a model or variant in place of those before; none at all forgets them.

        InvalidRequest naming the field when one is out of its range; Unavailable when it cannot be written.
        """
        check(options)
        changed = {known: chosen for known, chosen in self._saved.items() if known != id}
        if options != LoadOptions():
            changed[id] = options
        self._write(changed)
        self._saved = changed

    def effective(self, id: str) -> LoadOptions:
        """What a load of this model or variant uses: every field has a value."""
        return over(over(self.default, self.saved(parse_model_ref(id).model)), self.saved(id))

    def chose_context(self, id: str) -> bool:
        """Whether anybody chose the context, for this model or for all."""
        chosen = over(self.saved(parse_model_ref(id).model), self.saved(id)).context is not None
        return chosen or self._config.values["models.context"].origin != "default"

    def report(self, id: str) -> OptionsReport:
        """The layers apart."""
        return OptionsReport(self.saved(id), self.effective(id), self.default)

    @property
    def default(self) -> LoadOptions:
        """What the settings say."""
        return LoadOptions(
            context=self._config.integer("models.context"),
            slots=self._config.integer("models.slots"),
            threads=self._config.integer("models.threads"),
            cache_mb=self._config.integer("models.cache_mb"),
            prompt_lookup=self._config.flag("models.prompt_lookup"),
            kernels=self._config.flag("models.kernels"),
            keep_alive_s=self._config.integer("models.keep_alive_s"),
            pinned=False,
        )

    def _read(self, file: Path) -> dict[str, LoadOptions]:
        unread: dict[str, LoadOptions] = {}
        found = read_record(file, dict[str, LoadOptions], unread)
        if found is unread and file.exists():
            self.problem = _set_aside(file)
        return {id: options for id, options in found.items() if _is_sound(id, options)}

    def _write(self, saved: dict[str, LoadOptions]) -> None:
        if self._file is None:
            return
        try:
            write_record(self._file, saved)
        except OSError as error:
            raise Unavailable(
                "options_not_saved",
                "The options could not be saved",
                f"{self._file} cannot be written: {error}.",
                "Make room on the disk, or correct the folder's permissions.",
            ) from error


def check(options: LoadOptions) -> None:
    """InvalidRequest naming the first field that is out of its range."""
    for field, known in _SETTINGS.items():
        value = getattr(options, field)
        if value is not None and not _is_within(known, value):
            raise InvalidRequest(
                "bad_option",
                f"{field} is out of range",
                f"{field} is {value}, but must be from {known.minimum:.0f} to {known.maximum:.0f}.",
                f"Correct {field}, or leave it out: {known.sentence}",
                param=field,
            )


def over(below: LoadOptions, above: LoadOptions) -> LoadOptions:
    """Both together: what `above` says, else what `below` says."""
    return replace(below, **{field: value for field, value in asdict(above).items() if value is not None})


def _is_within(known: Setting, value: int) -> bool:
    return (known.minimum or 0) <= value <= (known.maximum or value)


def _is_sound(id: str, options: LoadOptions) -> bool:
    """Whether an entry of the file can be used: somebody may have edited it."""
    try:
        parse_model_ref(id)
        check(options)
    except (ValueError, InvalidRequest) as error:
        log.warning("the load options of %r are ignored: %s", id, error)
        return False
    return True


def _set_aside(file: Path) -> Problem:
    kept = file.with_name(file.name + SET_ASIDE)
    try:
        file.replace(kept)
    except OSError as error:
        log.warning("%s cannot be set aside: %s", file, error)
        kept = file
    return Problem(
        "load_options_unreadable",
        "warning",
        "The models' load options cannot be read",
        f"All models are loaded as the settings say. The file is kept as {kept}.",
        "Choose the options again, or correct the file and restart Spark.",
    )
