"""Adding a model: what a repository offers before anything is fetched, a token where it takes one, what is missing."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from app.dashboard.models_page import ModelsPage
from app.link import Connected
from spark_engine.errors import InvalidRequest, NotAllowed, NotFound
from spark_engine.paths import BaseDir
from spark_engine.types.components import ComponentEntry, Missing, Verified
from spark_engine.types.downloads import DownloadFailed, Fetching
from spark_engine.types.hub import OfferedVariant, RepositoryOffer, TokenReport, recommended
from spark_engine.types.models import NotInstalled, VariantEntry
from spark_engine.types.state import ComponentChanged, DownloadChanged, ModelsListed, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.library import CPU, FITS, HUB, LARGE, download, library, state_of

LEFT = Qt.MouseButton.LeftButton
GGUF = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 80_000_000, Missing())
SITE = "https://huggingface.co"
GATED = NotAllowed(
    "repository_gated", "The model asks for your consent", "Accept its terms.", "Open the page."
)
TOKEN = "hf_secretsecret"


def variant(slug: str, size: int, fit: Any = FITS) -> OfferedVariant:
    quantization = slug.removeprefix("gguf-").upper()
    return OfferedVariant(f"tiny:{slug}", f"org/tiny:{slug}", slug, "gguf", quantization, size, fit=fit)


def offer(*more: OfferedVariant, gated: bool = False) -> RepositoryOffer:
    variants = (variant("gguf-q8_0", 4_280_000_000, LARGE), variant("gguf-q4_k_m", 2_500_000_000), *more)
    return RepositoryOffer("org/tiny", "0" * 40, gated, "gguf-q8_0", variants, f"{SITE}/org/tiny")


@pytest.fixture
def page(stage: Stage, base: BaseDir) -> ModelsPage:
    stage.client.replies |= {"offers": offer(), "hub_token": TokenReport(SITE)}
    stage.feed(
        StateSnapshot(state_of(folder=str(base.models))),
        ComponentChanged(replace(GGUF, status=Verified("1"))),
    )
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


async def looked(page: ModelsPage, qtbot: Any, name: str = "org/tiny") -> Any:
    qtbot.keyClicks(page.head.add.field, name)
    qtbot.keyClick(page.head.add.field, Qt.Key.Key_Return)
    await until(lambda: page.head.add.offer.isVisible(), what="the offer")
    return page.head.add.offer


async def test_a_repository_shows_what_it_has_before_anything_is_fetched(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    add = page.head.add
    assert not add.button.isEnabled()
    stage.client.gate = asyncio.Event()
    qtbot.keyClicks(add.field, "org/tiny")
    qtbot.mouseClick(add.button, LEFT)
    assert "org/tiny" in add.hint.text()
    assert not add.button.isEnabled()
    stage.client.gate.set()
    await until(add.offer.isVisible)
    assert stage.client.calls == [("offers", "org/tiny")]
    assert add.hint.isHidden()
    rows = list(add.offer.rows.values())
    assert [r.variant.slug for r in rows] == ["gguf-q4_k_m", "gguf-q8_0"], (
        "what fits is recommended, and first"
    )
    assert [r.button.text() for r in rows] == ["Download 2.5 GB", "Download 4.3 GB"]
    assert [r.button.property("look") for r in rows] == ["primary", ""]
    assert [r.fit.word for r in rows] == ["fits", "needs 3.0 GB more"]
    qtbot.mouseClick(add.offer.copy, LEFT)
    assert QGuiApplication.clipboard().text() == f"{SITE}/org/tiny"


class Windows(QObject):
    """Notes every window that is shown."""

    shown: list[QObject]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(watched)
        return False


async def test_no_part_flashes_as_a_window_of_its_own(
    page: ModelsPage, qtbot: Any, qapp: QApplication
) -> None:
    windows = Windows()
    windows.shown = []
    qapp.installEventFilter(windows)
    try:
        await looked(page, qtbot)
    finally:
        qapp.removeEventFilter(windows)
    assert windows.shown == []


async def test_one_variant_is_fetched_and_its_row_follows(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    shown = (await looked(page, qtbot)).rows["gguf-q8_0"]
    qtbot.mouseClick(shown.button, LEFT)
    await until(lambda: ("download", "org/tiny:gguf-q8_0", "load=True") in stage.client.calls)
    stage.feed(DownloadChanged(download(Fetching(1e6), 1e6, "tiny:gguf-q8_0")))
    assert (shown.button.isVisible(), shown.state.text()) == (False, "downloading")
    models = library() | {"tiny": replace(library()["qwen"], id="tiny", variants=(_here(),))}
    stage.feed(ModelsListed(models))
    assert page.head.add.offer.rows["gguf-q4_k_m"].state.text() == "is here"


def _here() -> VariantEntry:
    return replace(library()["qwen"].variants[0], id="tiny:gguf-q4_k_m")


async def test_many_variants_are_not_shown_at_once(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    more = [variant(f"gguf-q{n}", 10**9) for n in range(6)]
    stage.client.replies["offers"] = offer(*more)
    shown = await looked(page, qtbot)
    assert sum(r.isVisible() for r in shown.rows.values()) == 5
    assert shown.more.text().strip() == "Show 3 more"
    qtbot.mouseClick(shown.more, LEFT)
    assert all(r.isVisible() for r in shown.rows.values())
    qtbot.mouseClick(shown.close_button, LEFT)
    assert shown.isHidden()


@pytest.mark.parametrize(("answer", "calls"), [
    ("go_on", {("install_component", "gguf"), ("download", "org/tiny:gguf-q4_k_m", "load=True")}),
    ("other", {("download", "org/tiny:gguf-q4_k_m", "load=False")}),
    ("keep", set()),
])  # fmt: skip
async def test_a_missing_component_is_told_before_the_download(
    stage: Stage, page: ModelsPage, qtbot: Any, answer: str, calls: set[Any]
) -> None:
    stage.feed(ComponentChanged(GGUF))
    shown = await looked(page, qtbot)
    assert "GGUF runs with the component “llama.cpp”, which is not installed (80 MB" in shown.needs.text()
    question = shown.rows["gguf-q4_k_m"].question
    qtbot.mouseClick(shown.rows["gguf-q4_k_m"].button, LEFT)
    assert question.isVisible()
    assert question.keep.hasFocus()
    qtbot.mouseClick(getattr(question, answer), LEFT)
    await until(lambda: set(stage.client.calls[1:]) == calls)
    stage.feed(ComponentChanged(replace(GGUF, status=Verified("1"))))
    assert shown.needs.isHidden()


async def test_a_row_of_the_library_asks_the_same(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    models = library()
    lacking = VariantEntry(
        "qwen:gguf-q6_k", "gguf", "Q6_K", 10**9, NotInstalled(), component="gguf", repository="Q/q"
    )
    stage.feed(ComponentChanged(GGUF))
    stage.feed(ModelsListed(models | {"qwen": replace(models["qwen"], variants=(lacking,))}))
    row = page.cards["qwen"].rows[lacking.id]
    assert "It runs with the component “llama.cpp”" in row._detail.text()
    qtbot.mouseClick(row.button, LEFT)
    assert row.download_question.isVisible()
    assert stage.client.calls == []
    qtbot.keyClick(row.download_question.keep, Qt.Key.Key_Escape)
    assert row.button.hasFocus()
    qtbot.mouseClick(row.button, LEFT)
    qtbot.mouseClick(row.download_question.other, LEFT)
    await until(lambda: stage.client.calls == [("download", lacking.id, "load=False")])


async def test_what_names_nothing_and_what_is_refused(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    add = page.head.add
    qtbot.keyClicks(add.field, "nonsense")
    qtbot.keyClick(add.field, Qt.Key.Key_Return)
    assert "organisation/name" in add.hint.text()
    assert stage.client.calls == []
    add.field.clear()
    stage.client.answers["offers"] = NotFound(
        "repository_not_found", "No such repository", "Not there.", "Look."
    )
    qtbot.keyClicks(add.field, "org/nmae")
    qtbot.keyClick(add.field, Qt.Key.Key_Return)
    await until(lambda: add.hint.text() == "No such repository. Not there. Look.")
    assert add.field.text() == "org/nmae"
    assert add.button.isEnabled()
    assert add.token.isHidden()
    assert stage.board.notices == []


async def test_another_name_forgets_the_answer_to_the_first(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    add = page.head.add
    stage.client.gate = asyncio.Event()
    qtbot.keyClicks(add.field, "org/tiny")
    qtbot.keyClick(add.field, Qt.Key.Key_Return)
    await until(lambda: stage.client.calls)
    qtbot.keyClicks(add.field, "2")
    stage.client.gate.set()
    await asyncio.sleep(0.05)
    assert add.offer.isHidden()
    assert add.hint.isHidden()


async def test_a_gated_repository_takes_a_token_and_asks_again(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    add = page.head.add
    stage.client.answers["offers"] = GATED
    qtbot.keyClicks(add.field, "org/tiny:gguf-q8_0")
    qtbot.keyClick(add.field, Qt.Key.Key_Return)
    await until(lambda: add.token.isVisible() and add.token.page.text())
    assert add.token.page.text().replace("\u200b", "") == f"{SITE}/org/tiny"
    qtbot.mouseClick(add.token.copy, LEFT)
    assert QGuiApplication.clipboard().text() == f"{SITE}/org/tiny"
    assert add.token.field.echoMode() == QLineEdit.EchoMode.Password
    assert not add.token.save.isEnabled()

    stage.client.answers["set_hub_token"] = InvalidRequest(
        "hub_token_wrong", "This is not a token", "One word."
    )
    qtbot.keyClicks(add.token.field, "no good")
    qtbot.mouseClick(add.token.save, LEFT)
    await until(lambda: "This is not a token" in add.token.words.text())
    del stage.client.answers["set_hub_token"], stage.client.answers["offers"]
    stage.client.replies["set_hub_token"] = TokenReport(SITE, "file")
    add.token.field.setText(f" {TOKEN} ")
    qtbot.mouseClick(add.token.save, LEFT)
    await until(add.offer.isVisible)
    assert ("set_hub_token", TOKEN) in stage.client.calls
    assert "a file that only you can read" in add.token.words.text()
    assert add.token.isHidden()
    assert add.token.field.text() == ""
    assert not any(TOKEN in notice.as_text() for notice in stage.board.notices)


async def test_a_gated_download_takes_a_token_and_goes_on(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.client.replies["set_hub_token"] = TokenReport(SITE, "keyring")
    failed = DownloadFailed(
        "repository_gated", "The model asks for your consent", "Accept.", "Open the page."
    )
    stage.feed(DownloadChanged(download(failed, 0)))
    shown = page.cards["phi-4-mini"].rows[CPU].download
    await until(lambda: shown.token.isVisible() and shown.token.page.text())
    assert shown.token.page.text().replace("\u200b", "") == f"{SITE}/{HUB}"
    assert shown.bar.remedy.isHidden(), "the panel says it"
    shown.token.field.setText(TOKEN)
    qtbot.mouseClick(shown.token.save, LEFT)
    await until(lambda: stage.client.calls[-2:] == [("set_hub_token", TOKEN), ("resume_download", CPU)])
    assert "keyring" in shown.token.words.text()
    stage.feed(DownloadChanged(download(Fetching(1e6), 0)))
    assert shown.token.isHidden()
    stage.feed(DownloadChanged(download(replace(failed, code="hub_token_refused"), 0)))
    assert shown.token.isVisible()
    assert shown.token.title._whole == "Another token is needed"
    qtbot.mouseClick(shown.token.cross, LEFT)
    stage.feed(DownloadChanged(download(replace(failed, code="hub_token_refused"), 5)))
    assert shown.token.isHidden(), "closed is closed"


async def test_a_token_that_is_kept_already_is_told(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.client.replies["hub_token"] = TokenReport(SITE, "keyring")
    failed = DownloadFailed("repository_gated", "T", "M")
    stage.feed(DownloadChanged(download(failed, 0)))
    shown = page.cards["phi-4-mini"].rows[CPU].download
    await until(lambda: "kept already" in shown.token.words.text())


async def test_other_failures_ask_for_no_token(stage: Stage, page: ModelsPage) -> None:
    stage.feed(DownloadChanged(download(DownloadFailed("disk_full", "The disk is full", "M"), 0)))
    assert "token" not in page.cards["phi-4-mini"].rows[CPU].download.__dict__


def test_the_recommended_one_fits() -> None:
    best = recommended(offer())
    assert best is not None
    assert best.slug == "gguf-q4_k_m"
    none = replace(offer(), variants=(variant("gguf-q8_0", 1, LARGE),))
    assert recommended(none) is None
