"""Downloads in tests: a job against the tests' hub, the real process that carries it out, and what it left."""

import hashlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from msgspec.structs import replace

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job, command, new_job, write_job
from spark_engine.catalog.download.messages import Message, parse_message
from spark_engine.catalog.hub.patience import Patience
from spark_engine.paths import BaseDir
from tests.support.hub_mirror import PHI_CPU, PHI_ONNX, HubMirror

QUICK = Patience(connect_s=5, stall_s=0.5, tries=4, first_delay_s=0.01, most_delay_s=0.05)
PHI_ID = "phi-4-mini:onnx-int4-cpu"
PHI = CardVariant("onnx-int4-cpu", "onnx", "int4", repository=PHI_ONNX, folder=PHI_CPU)
WEIGHTS = f"{PHI_CPU}/model.onnx.data"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def phi_job(base: BaseDir, hub: HubMirror, *, patience: Patience = QUICK, **fields: object) -> Job:
    """The download of Phi-4-mini as ONNX from the tests' hub."""
    return job_of(base, hub, PHI_ID, PHI, patience=patience, **fields)


def job_of(
    base: BaseDir,
    hub: HubMirror,
    id: str,
    variant: CardVariant,
    *,
    patience: Patience = QUICK,
    **fields: object,
) -> Job:
    """The download of a variant from the tests' hub."""
    made = new_job(base, id, variant, endpoint=hub.url, offline=False, parallel=4)
    return replace(made, patience=patience, **fields)


class Download:
    """The process of a job. `messages` are what it has said; `status` its exit status once it ended."""

    def __init__(self, job: Job, env: dict[str, str] | None = None, **popen: object) -> None:
        self.messages: list[Message] = []
        self.noise: list[str] = []
        self.process = subprocess.Popen(
            command(write_job(job)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **NO_KEYRING, **(env or {})}, **popen,  # type: ignore[call-overload]
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            message = parse_message(line)
            if message is None:
                self.noise.append(line)
            else:
                self.messages.append(message)

    def wait(self, timeout_s: float = 60) -> int:
        """Its exit status; what it said is complete."""
        status = self.process.wait(timeout_s)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        assert not self.noise, self.noise
        return status

    def wait_for(self, kind: type[Message], timeout_s: float = 30) -> None:
        """Until it said something of this kind."""
        until = time.monotonic() + timeout_s
        while not any(isinstance(m, kind) for m in self.messages):
            assert time.monotonic() < until and self.process.poll() is None, (self.messages, self.noise)
            time.sleep(0.005)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send it a signal; its exit status."""
        self.process.send_signal(number)
        return self.wait()


def run_job(job: Job, env: dict[str, str] | None = None) -> tuple[int, list[Message]]:
    """Carry a job out to its end: exit status and messages."""
    running = Download(job, env)
    return running.wait(), running.messages


def parts(job: Job) -> dict[str, int]:
    """Bytes in the files that are being fetched, by their names."""
    return {file.name: file.stat().st_size for file in (Path(job.staging) / "parts").glob("*.part")}


def assert_whole(job: Job, hub: HubMirror) -> None:
    """The model stands in the library with the right bytes, and nothing is left of the download."""
    repository, folder = hub.repositories[job.variant.repository], job.variant.folder
    target = Path(job.target)
    for file in (f for f in target.rglob("*") if f.is_file() and f.name != ".spark-origin.json"):
        path = file.relative_to(target).as_posix()
        source = repository.files[f"{folder}/{path}" if folder else path]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == source.sha256, path
    assert not Path(job.staging).exists()


def assert_no_half_files(job: Job, hub: HubMirror) -> None:
    """Nothing stands in the library, and what looks finished in the staging folder is."""
    assert not Path(job.target).exists()
    repository, folder = hub.repositories[job.variant.repository], job.variant.folder
    files = Path(job.staging) / "files"
    for file in (f for f in files.rglob("*") if f.is_file()):
        path = file.relative_to(files).as_posix()
        source = repository.files[f"{folder}/{path}" if folder else path]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == source.sha256, path
