"""A model hub of the tests' own: a real server of folders as repositories, with faults on demand and counted bytes."""

import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from spark_engine.paths import resources
from tests.support.hub_files import Repository, Request, Source
from tests.support.hub_handler import Server

FaultKind = Literal[
    "cut", "stall", "status", "announce", "no_range", "etag", "wrong_bytes", "html", "redirect", "endless", "packed",
    "vouch", "unannounced",
]  # fmt: skip
Cdn = Literal["none", "same", "other"]
LARGE = (".onnx", ".data", ".gguf", ".safetensors", ".bin")
PHI_ONNX = "microsoft/Phi-4-mini-instruct-onnx"
PHI_CPU = "cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4"
PHI_GPU = "gpu/gpu-int4-rtn-block-32"


@dataclass
class Fault:
    """What goes wrong the next `times` times: `cut` or `stall` after `at` bytes of the file, `status` with `headers`,
    `announce` a length that is wrong by `at`, `no_range` answers 200 to a range, `etag` is another one, `wrong_bytes`
    from `at` on, `html` instead of the answer, `redirect` to `location`, `endless` body, `packed` by gzip, `vouch` for
    another hash, `unannounced` length."""

    kind: FaultKind
    at: int = 0
    times: int = 1
    status: int = 500
    seconds: float = 60.0
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class HubMirror:
    """`with HubMirror() as hub:` serves at `hub.url`. `sent` counts bytes of bodies by file, `requests` are all that
    came. `cdn`: files come by a redirect to the same or another port. `bytes_per_second`: of each connection.
    `send_buffer`: of the system, in bytes, so that `sent` tells what really went out (0: as the system likes)."""

    def __init__(
        self,
        *,
        cdn: Cdn = "none",
        page: int = 1000,
        tls: ssl.SSLContext | None = None,
        bytes_per_second: float = 0,
        send_buffer: int = 0,
    ) -> None:
        self.cdn, self.page, self.tls, self.bytes_per_second = cdn, page, tls, bytes_per_second
        self.repositories: dict[str, Repository] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.sent: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.extra: list[dict[str, object]] = []
        self._lock = threading.Lock()
        self.send_buffer = send_buffer
        self._servers = [Server(self) for _ in range(2 if cdn == "other" else 1)]

    def add(self, name: str, files: Mapping[str, Path | bytes], **fields: object) -> Repository:
        """Serve these files, by their path, as the repository `name`."""
        sources = {path: Source(content, path.endswith(LARGE)) for path, content in files.items()}
        self.repositories[name] = Repository(sources, **fields)  # type: ignore[arg-type]
        return self.repositories[name]

    def fault(self, where: str, fault: Fault) -> None:
        """Let it happen to a file (its path), to the list of files (`@tree`) or to the commit (`@revision`)."""
        self.faults.setdefault(where, []).append(fault)

    def take_fault(self, where: str, *kinds: FaultKind) -> Fault | None:
        """The next fault of these kinds, used up by one."""
        with self._lock:
            for fault in self.faults.get(where, []):
                if fault.kind in kinds and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def count(self, path: str, count: int) -> None:
        """So many bytes went out."""
        with self._lock:
            self.sent[path] += count

    @property
    def url(self) -> str:
        """The address of the hub."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Of the hub."""
        return self._servers[0].server_port

    @property
    def cdn_url(self) -> str:
        """Where the files' bytes come from."""
        return f"http://127.0.0.1:{self._servers[-1].server_port}"

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def add_phi_onnx(hub: HubMirror, **fields: object) -> Repository:
    """The repository `microsoft/Phi-4-mini-instruct-onnx`, laid out as it is, with the bytes of spark-nano."""
    nano = resources() / "spark_nano" / "onnx-int4"
    files: dict[str, Path | bytes] = {
        ".gitattributes": b"*.data filter=lfs diff=lfs merge=lfs -text\n",
        "LICENSE": b"MIT\n",
        "README.md": b"# Phi-4-mini\n",
        "config.json": b'{"model_type": "phi3"}\n',
    }
    for folder in (PHI_CPU, PHI_GPU):
        files |= {f"{folder}/{file.name}": file for file in sorted(nano.iterdir()) if file.is_file()}
        for name in ("added_tokens.json", "special_tokens_map.json", "vocab.json", "config.json"):
            files[f"{folder}/{name}"] = b'{"name": "%s"}\n' % name.encode()
        files[f"{folder}/merges.txt"] = b"#version: 0.2\n"
    return hub.add(PHI_ONNX, files, **fields)
