"""`spark apps` and what `spark doctor` says of health and ecosystem, against a real engine."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from spark_engine.types.ecosystem import MEMBERS
from tests.integration.test_cli_commands import as_json, refused, said, spark
from tests.support.served import Served, serve, wait_until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {f"ecosystem_{id}": "" for id in MEMBERS} | {"ecosystem_forge": "1"}
    with serve(tmp_path_factory.mktemp("spark"), models_default="echo:plain", **settings) as running:
        yield running


def recognised(served: Served) -> tuple[str, str]:
    """Ask until this program is known: a connection that closes too soon does not tell whose it was."""
    for _ in range(20):
        assert "choices" in served.ask("hi", "echo")
        apps = as_json(spark(served.base.root, "apps", "list", "--json"))
        for app in apps.values():
            if app["path"]:
                assert app["usage"]["requests"] >= 1
                return app["id"], app["name"]
    raise AssertionError(f"nobody was recognised: {apps}")


def test_apps(served: Served) -> None:
    root = served.base.root
    assert "No program has used Spark yet." in said(spark(root, "apps", "list"))
    id, name = recognised(served)
    assert id in said(spark(root, "apps", "list"))
    assert f"{name} is blocked." in said(spark(root, "apps", "block", id))
    assert served.ask("hi", "echo")["error"]["code"] == "app_blocked"  # type: ignore[index]
    assert "blocked" in said(spark(root, "apps", "list"))
    assert "may ask again" in said(spark(root, "apps", "unblock", name))
    assert "choices" in served.ask("hi", "echo")
    assert as_json(spark(root, "apps", "pause", id, "--json")) == {"id": id, "accepted": True}
    assert "goes on" in said(spark(root, "apps", "resume", id))
    assert "goes last" in said(spark(root, "apps", "rank", id, "last"))
    assert as_json(spark(root, "apps", "list", "--json"))[id]["rank"] == "last"


def test_pause_and_resume(served: Served) -> None:
    root = served.base.root
    assert "new requests wait" in said(spark(root, "pause"))
    assert "Serving is paused" in said(spark(root, "status"))
    with ThreadPoolExecutor() as pool:
        held = pool.submit(served.ask, "hi", "echo")
        wait_until(lambda: "1 request waits" in said(spark(root, "status")), 10, "the request waits")
        assert not held.done()
        assert as_json(spark(root, "resume", "--json")) == {"id": "serving", "accepted": True}
        assert "choices" in held.result(20)
    assert "Spark is ready" in said(spark(root, "status"))


def test_wrong_names(served: Served) -> None:
    root = served.base.root
    assert refused(spark(root, "apps", "pause", "nobody", "--json")) == "app_not_found"
    assert refused(spark(root, "apps", "rank", "nobody", "best", "--json")) == "rank_wrong"


def test_doctor_looks_at_every_part_and_the_ecosystem(served: Served) -> None:
    text = said(spark(served.base.root, "doctor"))
    lines = {line[2:].split("  ")[0]: line for line in text.splitlines()}
    assert {
        "API",
        "Queue",
        "Library",
        "Downloads",
        "Hardware readings",
        "Store",
        "Event stream",
    } <= lines.keys()
    assert "nothing listens there" in lines["FORGE"]
    assert "not looked for (ecosystem.zsei is empty)" in lines["ZSEI"]
