"""The store: events in, one collated signal per changed part out."""

from typing import Any

from app.link import Connected, Lost, Starting
from app.store import PARTS, Store
from spark_engine.types.components import Installing
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import Loading, Ready
from spark_engine.types.state import (
    ComponentChanged,
    DefaultModelChanged,
    MetricsSampled,
    StateSnapshot,
    VariantChanged,
    find_variant,
)
from tests.gui.states import NANO, PHI, sample_state


def told(store: Store) -> list[str]:
    """The list that the store's signals write themselves into."""
    heard: list[str] = []
    for part in (*PARTS, "link"):
        getattr(store, f"{part}_changed").connect(lambda part=part: heard.append(part))
    return heard


def test_a_snapshot_tells_every_part_once(qtbot: Any) -> None:
    store = Store()
    heard = told(store)
    with qtbot.waitSignal(store.metrics_changed, timeout=1000):
        store.apply(StateSnapshot(sample_state()))
        store.apply(StateSnapshot(sample_state()))
    assert heard == list(PARTS)


def test_events_before_the_snapshot_change_nothing(qtbot: Any) -> None:
    store = Store()
    store.apply(VariantChanged(NANO, Loading(0.5, "reading")))
    assert store.state is None


def test_many_changes_of_one_part_are_one_signal(qtbot: Any) -> None:
    store = Store()
    store.apply(StateSnapshot(sample_state()))
    store.flush()
    heard = told(store)
    for percent in range(100):
        store.apply(VariantChanged(PHI, Loading(percent / 100, "reading")))
    store.flush()
    assert heard == ["models"]
    assert store.state is not None
    variant = find_variant(store.state, PHI)
    assert variant is not None
    assert variant.status == Loading(0.99, "reading")


def test_each_event_reaches_its_part(qtbot: Any) -> None:
    store = Store()
    store.apply(StateSnapshot(sample_state()))
    store.flush()
    assert store.state is not None
    gguf = store.state.components["gguf"]
    heard = told(store)
    store.apply(MetricsSampled(MetricsSample(2.0, 9.5)))
    store.flush()
    store.apply(
        ComponentChanged(type(gguf)(gguf.id, gguf.name, gguf.formats, True, 1, Installing(0.5, "building")))
    )
    store.flush()
    store.apply(DefaultModelChanged(PHI))
    store.flush()
    assert heard == ["metrics", "components", "models"]
    assert (store.state.metrics.tokens_per_second, store.state.default_model) == (9.5, PHI)


def test_the_state_is_live_only_while_connected(qtbot: Any) -> None:
    store = Store()
    heard = told(store)
    store.apply(StateSnapshot(sample_state()))
    store.set_link(Starting())
    assert store.live is None
    store.set_link(Connected(True))
    assert store.live == store.state
    store.set_link(Connected(True))
    store.set_link(Lost("It ended.", 1, 0.5))
    assert store.live is None
    assert isinstance(find_variant(store.state, NANO).status, Ready)  # type: ignore[arg-type, union-attr]
    assert heard == ["link"] * 3


def test_changes_show_within_a_twentieth_of_a_second(qtbot: Any) -> None:
    store = Store()
    with qtbot.waitSignal(store.models_changed, timeout=500):
        store.apply(StateSnapshot(sample_state()))
