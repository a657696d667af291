"""Who gets in and who hears the token: gated repositories, other hosts, proxies, certificates, what a ref offers."""

import datetime
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import json as msgjson

from spark_engine.catalog.download.messages import Failed
from spark_engine.catalog.hub.failures import Failed as HubFailed
from spark_engine.catalog.hub.offer import Answer, Offered
from spark_engine.catalog.hub.token import FILE
from spark_engine.paths import BaseDir
from tests.support.downloading import NO_KEYRING, WEIGHTS, assert_whole, phi_job, run_job
from tests.support.hub_mirror import PHI_ONNX, Fault, HubMirror, add_phi_onnx

GOOD = "hf_goodgoodgood"


def keep_token(base: BaseDir, token: str, host: str = "127.0.0.1") -> None:
    (base.state / FILE).write_text(json.dumps({host: token}))


def code_of(messages: list) -> str:
    assert isinstance(messages[-1], Failed), messages
    return messages[-1].code


def test_a_gated_repository_asks_for_consent(base: BaseDir):
    with HubMirror() as hub:
        add_phi_onnx(hub, gated="manual", token=GOOD)
        job = phi_job(base, hub)
        assert code_of(run_job(job)[1]) == "repository_gated"
        keep_token(base, "hf_another")
        assert code_of(run_job(job)[1]) == "hub_token_refused"
        keep_token(base, GOOD)
        assert run_job(job)[0] == 0
        assert_whole(job, hub)


def test_consent_that_was_not_given_is_told(base: BaseDir):
    with HubMirror() as hub:
        add_phi_onnx(hub, gated="manual", token=GOOD, forbidden=True)
        keep_token(base, GOOD)
        assert code_of(run_job(phi_job(base, hub))[1]) == "repository_gated"


def test_the_token_goes_to_the_hub_alone_and_only_when_it_asks(base: BaseDir):
    keep_token(base, GOOD)
    with HubMirror(cdn="other") as hub:
        add_phi_onnx(hub, token=GOOD)
        job = phi_job(base, hub)
        assert run_job(job)[0] == 0
        assert_whole(job, hub)
        at_cdn = [r for r in hub.requests if r.path.startswith("/cdn/")]
        assert at_cdn and not any("authorization" in r.headers for r in at_cdn)
        assert any(r.headers.get("authorization") == f"Bearer {GOOD}" for r in hub.requests)
    with HubMirror() as hub:
        add_phi_onnx(hub)
        assert run_job(phi_job(base, hub, target=str(base.models / "other" / "x")))[0] == 0
        assert not any("authorization" in r.headers for r in hub.requests)


def test_interrupted_at_another_host_it_asks_the_hub_again(base: BaseDir):
    with HubMirror(cdn="other") as hub:
        add_phi_onnx(hub)
        hub.fault(WEIGHTS, Fault("cut", at=1_000_000))
        job = phi_job(base, hub)
        assert run_job(job)[0] == 0
        assert_whole(job, hub)
        assert hub.sent[WEIGHTS] == hub.repositories[PHI_ONNX].files[WEIGHTS].size
        ranges = [r.headers for r in hub.requests if r.path.startswith("/cdn/") and "range" in r.headers]
        assert [h["range"] for h in ranges] == ["bytes=1000000-"]
        assert ranges[0]["if-range"].startswith('"cdn-')


def offer(base: BaseDir, hub: HubMirror, ref: str, **env: str) -> tuple[int, Answer]:
    """What the command for a ref prints."""
    command = [
        sys.executable,
        "-m",
        "spark_engine.catalog.hub",
        ref,
        "--endpoint",
        hub.url,
        "--state",
        str(base.state),
    ]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **NO_KEYRING, **env}
    )
    assert not ended.stderr
    return ended.returncode, msgjson.decode(ended.stdout, type=Answer)


def test_a_ref_shows_what_there_is_and_fetches_nothing(base: BaseDir):
    with HubMirror() as hub:
        repository = add_phi_onnx(hub, gated="auto")
        status, answer = offer(base, hub, PHI_ONNX)
        assert status == 0 and isinstance(answer, Offered)
        assert (answer.revision, answer.gated, answer.chosen) == (repository.commit, True, "onnx-int4-cpu")
        assert [v.slug for v in answer.variants] == ["onnx-int4-cpu", "onnx-int4-gpu"]
        first = answer.variants[0]
        assert first.size_bytes == sum(repository.files[f].size for f in first.files)
        assert not hub.sent
        assert offer(base, hub, f"{PHI_ONNX}:onnx-int4-gpu")[1].chosen == "onnx-int4-gpu"


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        (f"{PHI_ONNX}:q4", "variant_not_found"),
        ("org/none", "repository_not_found"),
        ("org/texts", "no_model_in_repository"),
        ("x", "repository_name_wrong"),
    ],
)
def test_a_ref_to_nothing_says_so(ref: str, code: str, base: BaseDir):
    with HubMirror() as hub:
        add_phi_onnx(hub)
        hub.add("org/texts", {"README.md": b"texts"})
        status, refused = offer(base, hub, ref)
        assert status == 1 and isinstance(refused, HubFailed) and refused.code == code


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for hub.test and 127.0.0.1 that nobody trusts, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub.test")])
    names = [x509.DNSName("hub.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "hub.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


def test_a_certificate_must_be_trusted(base: BaseDir, certificate: tuple[Path, ssl.SSLContext]):
    file, context = certificate
    with HubMirror(tls=context) as hub:
        add_phi_onnx(hub)
        job = phi_job(base, hub)
        assert code_of(run_job(job)[1]) == "hub_certificate_refused"
        assert run_job(job, {"SSL_CERT_FILE": str(file)})[0] == 0
        assert_whole(job, hub)


class Proxy:
    """A proxy that connects every host through to one port of this machine, and remembers the heads it read."""

    def __init__(self, port: int) -> None:
        self._port, self.heads = port, list[str]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://name:pass%20word@127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.heads.append(head.decode())
        there = socket.create_connection(("127.0.0.1", self._port))
        if head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        else:
            method, target, rest = head.split(b" ", 2)
            there.sendall(method + b" /" + target.split(b"/", 3)[3] + b" " + rest)
        threading.Thread(target=_copy, args=(client, there), daemon=True).start()
        _copy(there, client)

    def close(self) -> None:
        self._listening.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        target.close()


@pytest.fixture
def proxy() -> Iterator[Callable[[int], Proxy]]:
    made: list[Proxy] = []

    def make(port: int) -> Proxy:
        made.append(Proxy(port))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_an_encrypted_hub_is_reached_through_the_proxy(
    base: BaseDir, certificate: tuple[Path, ssl.SSLContext], proxy: Callable[[int], Proxy]
):
    file, context = certificate
    with HubMirror(tls=context) as hub:
        add_phi_onnx(hub)
        through = proxy(hub.port)
        env = {"SSL_CERT_FILE": str(file), "HTTPS_PROXY": through.url, "NO_PROXY": ""}
        job = phi_job(base, hub, endpoint="https://hub.test")
        assert run_job(job, env)[0] == 0
        assert_whole(job, hub)
        assert all(h.startswith("CONNECT hub.test:443 HTTP/1.1\r\n") for h in through.heads)
        assert all("Proxy-Authorization: Basic bmFtZTpwYXNzIHdvcmQ=" in h for h in through.heads)
        assert not any("proxy-authorization" in r.headers for r in hub.requests)


def test_a_plain_mirror_of_the_network_is_reached_through_the_proxy(
    base: BaseDir, proxy: Callable[[int], Proxy]
):
    with HubMirror() as hub:
        add_phi_onnx(hub)
        through = proxy(hub.port)
        job = phi_job(base, hub, endpoint="http://10.1.2.3")
        assert run_job(job, {"HTTP_PROXY": through.url, "http_proxy": through.url, "NO_PROXY": ""})[0] == 0
        assert_whole(job, hub)
        assert through.heads[0].startswith("GET http://10.1.2.3/api/models/")


def test_this_machine_is_never_reached_through_a_proxy(base: BaseDir, proxy: Callable[[int], Proxy]):
    with HubMirror() as hub:
        add_phi_onnx(hub)
        through = proxy(hub.port)
        assert run_job(phi_job(base, hub), {"HTTP_PROXY": through.url, "http_proxy": through.url})[0] == 0
        assert not through.heads


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://8.8.8.8", "hub_address_refused"),
        ("http://169.254.169.254", "hub_address_refused"),
        ("http://0.0.0.0", "hub_address_refused"),
        ("ftp://hub.test", "hub_address_wrong"),
        ("http://user:secret@127.0.0.1", "hub_address_wrong"),
    ],
)
def test_addresses_that_no_hub_may_have(address: str, code: str, base: BaseDir):
    with HubMirror() as hub:
        assert code_of(run_job(phi_job(base, hub, endpoint=address))[1]) == code


def test_a_hub_of_this_machine_may_not_send_on_to_the_network_around_it(base: BaseDir):
    with HubMirror(cdn="other") as hub:
        add_phi_onnx(hub)
        hub.fault("@revision", Fault("redirect", location="http://192.168.1.1/"))
        assert code_of(run_job(phi_job(base, hub))[1]) == "hub_redirect_refused"
        assert run_job(phi_job(base, hub))[0] == 0
