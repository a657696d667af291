"""The hub over Spark's own calls: what a name offers, the token that opens what is gated, and that nobody hears it."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from spark_engine.catalog.hub.token import FILE
from spark_engine.paths import resources
from spark_engine.types.hub import RepositoryOffer, TokenReport, recommended
from spark_engine.types.models import Unloaded
from tests.support.downloading import NO_KEYRING
from tests.support.hub_mirror import PHI_ONNX, HubMirror, add_phi_onnx
from tests.support.served import Served, serve, wait_until

GOOD, BAD = "hf_goodgoodgoodgood", "hf_badbadbadbadbad"
TINY = "org/tiny-GGUF"


@pytest.fixture(scope="module")
def mirror() -> Iterator[HubMirror]:
    with HubMirror() as hub:
        add_phi_onnx(hub)
        file = next((resources() / "spark_nano" / "gguf-q8_0").glob("*.gguf"))
        hub.add(TINY, {"tiny-Q8_0.gguf": file, "tiny-Q4_K_M.gguf": b"x" * 5000}, gated="manual", token=GOOD)
        yield hub


@pytest.fixture
def hub(mirror: HubMirror) -> HubMirror:
    """As if nobody had asked it yet."""
    mirror.sent.clear()
    mirror.requests.clear()
    return mirror


@pytest.fixture(scope="module")
def served(mirror: HubMirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"models_preload": "false", "models_other_apps": "false", "log_level": "debug"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NO_KEYRING.items():
            patch.setenv(name, value)
        with serve(tmp_path_factory.mktemp("hub"), hub_endpoint=mirror.url, **settings) as served:
            yield served


def ask(served: Served, method: str, path: str, body: object = None) -> httpx.Response:
    url = f"{served.address}/spark/v1/hub/{path}"
    return httpx.request(method, url, json=body, headers=served.owner, timeout=60)


def offers(served: Served, ref: str) -> RepositoryOffer:
    reply = ask(served, "POST", "offers", {"ref": ref})
    assert reply.status_code == 200, reply.text
    return msgspec.json.decode(reply.content, type=RepositoryOffer)


def spark(served: Served, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_engine", "models", *arguments]
    where = ["--base-dir", str(served.base.root)]
    return subprocess.run([*command, *where], input=stdin, capture_output=True, text=True, timeout=60)


def test_what_a_repository_offers(hub: HubMirror, served: Served) -> None:
    offer = offers(served, PHI_ONNX)
    files = hub.repositories[PHI_ONNX].files
    assert (offer.gated, offer.chosen, offer.page) == (False, "onnx-int4-cpu", f"{hub.url}/{PHI_ONNX}")
    assert [v.slug for v in offer.variants] == ["onnx-int4-cpu", "onnx-int4-gpu"]
    first = offer.variants[0]
    assert (first.id, first.name) == ("phi-4-mini:onnx-int4-cpu", f"{PHI_ONNX}:onnx-int4-cpu")
    assert first.size_bytes == sum(file.size for path, file in files.items() if "cpu-int4" in path)
    assert first.fit is not None
    assert (first.installed, first.component) == (False, None)
    assert not hub.sent, "nothing may be fetched"
    asked_for = offers(served, f"{PHI_ONNX}:onnx-int4-gpu")
    chosen = recommended(asked_for)
    assert chosen is not None
    assert chosen.slug == "onnx-int4-gpu"


def test_a_card_offers_without_asking_anybody(hub: HubMirror, served: Served) -> None:
    offer = offers(served, "phi-4-mini")
    assert offer.chosen == "onnx-int4-cpu"
    assert {v.id for v in offer.variants} >= {"phi-4-mini:onnx-int4-cpu", "phi-4-mini:safetensors"}
    assert offer.variants[0].fit is not None
    assert not hub.requests


@pytest.mark.parametrize(
    ("ref", "status", "code"),
    [
        ("org/none", 404, "repository_not_found"),
        ("nobody", 404, "model_not_found"),
        ("", 400, "invalid_value"),
    ],
)
def test_what_offers_nothing_says_so(served: Served, ref: str, status: int, code: str) -> None:
    reply = ask(served, "POST", "offers", {"ref": ref})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_a_token_opens_what_is_gated_and_is_told_to_nobody(hub: HubMirror, served: Served) -> None:
    refused = ask(served, "POST", "offers", {"ref": TINY})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "repository_gated")
    assert report(ask(served, "GET", "token")) == TokenReport(hub.url)

    replies = [ask(served, "PUT", "token", {"token": BAD})]
    assert report(replies[0]) == TokenReport(hub.url, "file")
    wrong = ask(served, "POST", "offers", {"ref": TINY})
    assert wrong.json()["error"]["code"] == "hub_token_refused"

    replies.append(ask(served, "PUT", "token", {"token": GOOD}))
    offer = offers(served, TINY)
    assert offer.gated
    assert [v.name for v in offer.variants] == [f"{TINY}:gguf-q4_k_m", f"{TINY}:gguf-q8_0"]
    assert all(v.fit is not None for v in offer.variants), "the names of their quantizations tell the bits"
    pulled = spark(served, "pull", f"{TINY}:gguf-q8_0", "--no-load")
    assert pulled.returncode == 0, pulled.stderr
    wait_until(lambda: isinstance(served.status("tiny:gguf-q8_0"), Unloaded), 30)

    replies.append(ask(served, "GET", "token"))
    everything = "".join(reply.text for reply in [*replies, wrong, refused])
    state = httpx.get(f"{served.address}/spark/v1/state", headers=served.owner).text
    for token in (GOOD, BAD):
        assert token not in everything + state + served.log()
    kept = served.base.state / FILE
    assert GOOD in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert report(ask(served, "DELETE", "token")) == TokenReport(hub.url)
    assert not kept.exists()
    assert ask(served, "POST", "offers", {"ref": TINY}).status_code == 403


def report(reply: httpx.Response) -> TokenReport:
    assert reply.status_code == 200, reply.text
    return msgspec.json.decode(reply.content, type=TokenReport)


@pytest.mark.parametrize("token", ["two words", "", "x" * 600, "h\u00e9", 5])
def test_what_is_no_token_is_refused_and_not_repeated(served: Served, token: object) -> None:
    reply = ask(served, "PUT", "token", {"token": token})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "token"
    assert not token or str(token) not in reply.text
    assert not (served.base.state / FILE).exists()


def test_only_the_owner_may_ask_and_set(served: Served) -> None:
    for method, path in (("POST", "offers"), ("GET", "token"), ("PUT", "token"), ("DELETE", "token")):
        reply = httpx.request(
            method, f"{served.address}/spark/v1/hub/{path}", json={"token": GOOD, "ref": TINY}
        )
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "owner_required")
    assert not (served.base.state / FILE).exists()


def test_the_command_line_shows_offers_and_keeps_a_token(hub: HubMirror, served: Served) -> None:
    gated = spark(served, "offers", TINY)
    assert gated.returncode == 1
    assert "accept its terms" in gated.stderr
    told = spark(served, "token", "set", stdin=f"{GOOD}\n")
    assert "a file that only you can read" in told.stdout
    assert "no keyring" in told.stdout
    shown = spark(served, "offers", f"{TINY}:gguf-q8_0")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[1].startswith(f"{TINY}:gguf-q8_0")
    assert "recommended" in lines[1]
    assert f"{hub.url}/{TINY}" in shown.stdout
    assert spark(served, "token", "show").stdout.startswith("● A token")
    assert "No token" in spark(served, "token", "forget").stdout
    assert GOOD not in told.stdout + shown.stdout + served.log()
    assert spark(served, "token", "set", GOOD).returncode == 2, "never as an argument"
    assert spark(served, "token", "set", stdin="\n").returncode == 1
