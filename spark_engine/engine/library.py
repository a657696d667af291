"""The models of this machine as the engine offers them: what there is, what `auto` means, and what becomes of them."""

import asyncio
import logging

from msgspec.structs import replace

from spark_engine.catalog.adopted import adopt
from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job, new_job
from spark_engine.catalog.hub.ref import is_repository_ref
from spark_engine.catalog.library import library_cards
from spark_engine.catalog.removal import finish_removals, remove_variant
from spark_engine.catalog.stores.scan import surroundings, watched_folders
from spark_engine.config.load import Config
from spark_engine.engine.bus import Bus
from spark_engine.engine.conversions import Conversions
from spark_engine.engine.downloads import Downloads
from spark_engine.engine.duplicates import Report, find_duplicates
from spark_engine.engine.hub import offered
from spark_engine.engine.hub_desk import HubDesk
from spark_engine.engine.hub_offers import Surroundings
from spark_engine.engine.inspections import Inspections
from spark_engine.engine.placement import find
from spark_engine.engine.residency import Residency
from spark_engine.engine.scanning import inspect_own, read_inspected, read_known
from spark_engine.engine.selection import choose
from spark_engine.engine.wanted import of_card, of_hub, refuse_installed
from spark_engine.engine.watching_folders import FolderWatch
from spark_engine.errors import NotFound, SparkError
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.components import missing_for
from spark_engine.types.conversions import ConversionTarget, Converted, Converting
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.fit import Fit
from spark_engine.types.hub import RepositoryOffer, TokenReport
from spark_engine.types.ids import AUTO, parse_model_ref
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import (
    LoadFailed,
    ModelEntry,
    NotInstalled,
    Unloaded,
    VariantEntry,
    is_installed,
)
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.selection import Choice, Needs
from spark_engine.types.state import (
    ConversionChanged,
    ConversionDropped,
    DefaultModelChanged,
    ModelsListed,
    VariantChanged,
    find_variant,
)

log = logging.getLogger(__name__)


class LocalLibrary:
    """Reads the library from disk, in a thread, and publishes it with what is known of runners and components."""

    def __init__(self, config: Config, base: BaseDir, bus: Bus, residency: Residency) -> None:
        self._config, self._base, self._bus, self._residency = config, base, bus, residency
        self._reading = asyncio.Lock()
        self._around = surroundings(config.text("models.folders"), config.flag("models.other_apps"))
        self._inspections = Inspections(base)
        self._conversions = Conversions(base, self._on_conversion)
        self._hub = HubDesk(config, base)
        self._watching: list[asyncio.Task[None]] = []
        self._downloads = Downloads(base, self._new_job, bus.publish, self._arrived)

    async def start(self) -> None:
        """Tell of Spark's own models and of others' as far as they are known; take up the downloads that an earlier
        engine left; then look at the disk in the background, and whenever something changes there."""
        await asyncio.to_thread(finish_removals, self._base)
        await inspect_own(self._base, self._inspections)
        self._publish(await read_known(self._base, self._around, self._inspections))
        self._downloads.restore()
        self._conversions.restore()
        watch = FolderWatch(lambda: watched_folders(self._base, self._around), self._look_again)
        self._watching = [create_task(watch.run(), name="watch folders")]
        self._look_again()

    async def close(self) -> None:
        """Stop what runs in the background; downloads go on when the engine starts again."""
        await cancel_and_wait(*self._watching)
        await self._conversions.close()
        await self._downloads.close()

    # --- what there is -------------------------------------------------------------------------------------

    def find(self, model: str) -> VariantEntry:
        """The variant that a name means; NotFound if none, or when its files are not here."""
        return find(self._bus.state.models, model, self._bus.state.default_model)

    def model_of(self, variant: VariantEntry) -> ModelEntry:
        """The model a variant is of."""
        return self._bus.state.models[parse_model_ref(variant.id).model]

    def choose(self, model: str, needs: Needs) -> Choice:
        """The variant that serves a request: the named one, or what suits it best where the name is `auto`. NotFound if
        there is none; where no model suits, the default one is left to say why."""
        if model != AUTO:
            return Choice(self.find(model).id, "")
        chosen = self._best(needs)
        return chosen if chosen.id else replace(chosen, id=self.find(AUTO).id)

    async def rescan(self) -> None:
        """Read the library anew from disk."""
        async with self._reading:
            self._publish(await read_inspected(self._base, self._around, self._inspections))

    def _look_again(self) -> None:
        """Read the library in the background."""
        self._watching = [task for task in self._watching if not task.done()]
        self._watching.append(create_task(self.rescan(), name="scan"))

    async def remove(self, model: str) -> str:
        """Unload a variant, delete Spark's own files of it or forget another program's. See `ModelLibrary.remove`."""
        variant = self._variant(model)
        await self._residency.ended(variant.id)
        await asyncio.to_thread(remove_variant, self._base, variant)
        await self.rescan()
        return variant.id

    async def adopt(self, path: str) -> None:
        """Use what lies at a path where it lies. See `ModelLibrary.adopt`."""
        await asyncio.to_thread(adopt, self._base, path)
        await self.rescan()

    # --- loading and keeping -------------------------------------------------------------------------------

    def load(self, model: str) -> str:
        """Begin to load a model; its variant's id. NotFound, Conflict (not trusted), NotEnoughMemory."""
        variant = self.find(model)
        self._residency.load(self.model_of(variant), variant)
        return variant.id

    def try_to_load(self, model: str) -> None:
        """As `load`, where nobody waits for an answer: a refusal is shown as the variant's status."""
        try:
            self.load(model)
        except SparkError as error:
            log.warning("%s is not loaded: %s", model, error)
            status = LoadFailed(error.code, error.title, error.message, error.remedy)
            self._bus.publish(VariantChanged(model, status))

    def reconnect(self) -> None:
        """Give up the connections of downloads, which a sleep has cut, and open new ones."""
        self._downloads.reconnect()

    def options(self, model: str) -> OptionsReport:
        """How a model or variant is loaded and kept. See `ModelLibrary.options`."""
        return self._residency.options.report(self._known(model))

    def set_options(self, model: str, options: LoadOptions) -> OptionsReport:
        """Save the options of a model or variant. See `ModelLibrary.set_options`."""
        id = self._known(model)
        self._residency.options.save(id, options)
        self._residency.options_changed(id)
        self.refresh()
        return self.options(id)

    def fit(self, model: str, options: LoadOptions) -> Fit:
        """Whether a variant would fit. See `ModelLibrary.fit`."""
        variant = find_variant(self._bus.state, model) or self.find(model)
        return self._residency.fit(self.model_of(variant), variant, options)

    def free_memory(self) -> tuple[str, ...]:
        """Begin to unload every model that is idle and not pinned; their variant ids."""
        return self._residency.free_memory()

    def inspection(self, variant: VariantEntry) -> Inspection | None:
        """What a variant's files say of themselves; None while they were not read, or are not trusted."""
        verdict = self._inspections.last(variant.path or "", variant.format)
        return verdict if isinstance(verdict, Inspection) else None

    def _known(self, id: str) -> str:
        """The id of a model or variant that is in the library."""
        if id not in self._bus.state.models:
            self._variant(id)
        return id

    # --- converting ----------------------------------------------------------------------------------------

    def convert(self, model: str, format: str, quantization: str) -> str:
        """Begin to convert a variant. See `ModelLibrary.convert`."""
        return self._conversions.start(self._variant(model), format, quantization, known=self._here)

    async def targets(self, model: str) -> tuple[ConversionTarget, ...]:
        """What a variant can become. See `ModelLibrary.targets`."""
        return await asyncio.to_thread(self._conversions.targets, self._variant(model), self._here)

    async def cancel_conversion(self, id: str) -> None:
        """End a conversion, or put the row of one away that is over."""
        entry = self._conversions.entries().get(id)
        if entry is not None and not isinstance(entry.status, Converting):
            self._conversions.dismiss(id)
        else:
            await self._conversions.cancel(id)

    def _on_conversion(self, event: ConversionChanged | ConversionDropped) -> None:
        self._bus.publish(event)
        if isinstance(event, ConversionChanged) and isinstance(event.conversion.status, Converted):
            self._look_again()

    async def duplicates(self, report: Report = lambda done, total: None) -> list[DuplicateGroup]:
        """Files that lie here more than once. See `ModelLibrary.duplicates`."""
        return await find_duplicates(self._base, self._bus.state.models.values(), report)

    @property
    def _here(self) -> set[str]:
        """The ids of the variants whose files are here."""
        return {v.id for m in self._bus.state.models.values() for v in m.variants if is_installed(v.status)}

    def _variant(self, id: str) -> VariantEntry:
        """The variant with just this id; NotFound when the name is not one or means several."""
        found = find_variant(self._bus.state, id)
        if found is None:
            raise NotFound(
                "variant_not_found",
                "No such variant",
                f"There is no variant named {id[:100]!r}.",
                "Name it whole, as `spark models list` shows it.",
                param="model",
            )
        return found

    # --- the hub -------------------------------------------------------------------------------------------

    async def offers(self, ref: str) -> RepositoryOffer:
        """What can be fetched under a name. See `ModelLibrary.offers`."""
        state = self._bus.state
        around = Surroundings(state.models, tuple(state.components.values()), self._residency.fits)
        return await self._hub.offers(ref, around)

    async def hub_token(self) -> TokenReport:
        """Whether a token for the hub is kept."""
        return await self._hub.token()

    async def set_hub_token(self, token: str) -> TokenReport:
        """Keep a token for the hub."""
        return await self._hub.set_token(token)

    async def forget_hub_token(self) -> TokenReport:
        """Keep no token for the hub any more."""
        return await self._hub.forget_token()

    # --- downloads -----------------------------------------------------------------------------------------

    async def download(self, model: str, *, load: bool = False) -> str:
        """Begin to fetch a model, or go on with it. See `ModelLibrary.download`."""
        cards = await asyncio.to_thread(library_cards, self._base)
        if is_repository_ref(model):
            id, variant = of_hub(cards.values(), await offered(self._config, self._base, model))
        else:
            id, variant = of_card(cards, model)
        refuse_installed(self._bus.state.models, id)
        self._downloads.start(id, variant, load=load)
        return id

    def pause_download(self, id: str) -> None:
        """Stop a download and keep what was fetched."""
        self._downloads.pause(id)

    def resume_download(self, id: str) -> None:
        """Go on with a download that was paused or failed."""
        self._downloads.resume(id)

    async def cancel_download(self, id: str) -> None:
        """Stop a download, delete what was fetched and drop its row."""
        await self._downloads.cancel(id)

    def _new_job(self, id: str, variant: CardVariant) -> Job:
        return new_job(
            self._base,
            id,
            variant,
            endpoint=self._config.text("hub.endpoint"),
            offline=self._config.flag("hub.offline"),
            parallel=self._config.integer("hub.parallel_files"),
        )

    async def _arrived(self, id: str, load: bool) -> None:
        """A download stands in the library."""
        await self.rescan()
        if load:
            self.try_to_load(id)

    # --- what is told --------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Tell what changed of runners and components, without reading the disk."""
        self._publish(self._bus.state.models)

    def choose_default(self) -> None:
        """Tell when `auto` means another model now."""
        chosen = self._best(Needs()).id
        if chosen != self._bus.state.default_model:
            self._bus.publish(DefaultModelChanged(chosen))

    def _best(self, needs: Needs) -> Choice:
        wished, free = self._config.text("models.default"), lambda: self._residency.free_bytes
        return choose(self._bus.state.models, needs, wished=wished, free_bytes=free)

    def _publish(self, models: dict[str, ModelEntry]) -> None:
        fits = self._residency.fits(models.values())
        self._bus.publish(ModelsListed({id: self._live(entry, fits) for id, entry in models.items()}))
        self.choose_default()

    def _live(self, entry: ModelEntry, fits: dict[str, Fit]) -> ModelEntry:
        variants = (replace(self._live_variant(v), fit=fits[v.id]) for v in entry.variants)
        return replace(entry, variants=tuple(variants))

    def _live_variant(self, variant: VariantEntry) -> VariantEntry:
        missing = missing_for(self._bus.state.components.values(), variant.format)
        status = self._residency.status(variant.id) or Unloaded()
        return replace(
            variant, component=missing, status=status if is_installed(variant.status) else NotInstalled()
        )
