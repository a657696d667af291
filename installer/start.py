"""Starts Spark: the tray app where there is a screen, else the engine in the foreground with a first answer."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from installer import environment
from installer.child import ROOT
from installer.console import Console, SetupError

QUESTION = "How do I download Phi-4-mini?"
READY_S, ANSWER_S, STOP_S = 60.0, 120.0, 5.0
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def has_display() -> bool:
    """Whether a window could be shown."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def tray_app(settings: Mapping[str, str], console: Console) -> int:
    """The tray app in the foreground, until it is quit."""
    console.say("● Starting Spark. Its icon appears in the tray; Quit in its menu ends it.")
    return _wait(_spawn([], settings))


def engine(settings: Mapping[str, str], console: Console) -> int:
    """The engine in the foreground; says its address and gives a first answer."""
    file = _endpoint_file(settings)
    running = _read(file)
    if running is not None:
        console.say(f"● Spark already runs as process {running['pid']}.")
        _introduce(running["address"], console)
        return 0
    console.say("● Starting Spark's engine")
    process = _spawn(["serve"], settings)
    try:
        endpoint = _endpoint(file, process)
        if endpoint is not None:
            _introduce(endpoint["address"], console)
            console.say("Spark serves until you press Ctrl-C.")
    except SetupError as error:  # the engine itself runs, so it stays
        console.problem(error)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return _wait(process)


def _spawn(arguments: Sequence[str], settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    command = [str(environment.python()), "-m", "spark_engine", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | dict(settings))
    signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    return process


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the end. Ctrl-C reaches Spark by itself and lets it end in order; where it did not, it is passed on."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.wait()


def _endpoint_file(settings: Mapping[str, str]) -> Path:
    """Where the engine of this base directory says that it runs."""
    code = "from spark_engine.paths import base_dir; print(base_dir().endpoint_file)"
    done = subprocess.run(
        [str(environment.python()), "-c", code],
        cwd=ROOT,
        env=os.environ | dict(settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def _read(file: Path) -> dict[str, Any] | None:
    """The endpoint file, if an engine answers at what it says."""
    try:
        endpoint: dict[str, Any] = json.loads(file.read_bytes())
        _get(endpoint["address"] + "/v1/models")
    except (OSError, ValueError, KeyError):
        return None
    return endpoint


def _endpoint(file: Path, process: "subprocess.Popen[bytes]") -> dict[str, Any] | None:
    """Wait until the engine that was just started answers; None when it has ended (and said why)."""
    deadline = time.monotonic() + READY_S
    while process.poll() is None:
        if endpoint := _read(file):
            return endpoint
        if time.monotonic() > deadline:
            raise SetupError(
                f"The engine does not answer after {READY_S:.0f} s.", "Look into its log, or wait."
            )
        time.sleep(0.05)
    return None


def _introduce(address: str, console: Console) -> None:
    """Say where Spark is, let it answer once, and show how to ask from elsewhere."""
    console.say(f"  Spark listens on {address} and reads its own guide model first …")
    reply, seconds = _ask(address)
    timings = reply.get("timings", {})
    speed = timings.get("tokens_per_second", 0)
    console.say(f"  Model ready: {reply['model']}")
    console.say(f"  You:   {QUESTION}")
    console.say(f"  Spark: {reply['choices'][0]['message']['content'].strip()}")
    console.say(f"         ({speed:.0f} tokens/s, {seconds:.1f} s with loading)")
    console.say("")
    console.say(f"Ask it yourself:\n{curl_line(address)}")


def curl_line(address: str) -> str:
    """A command that asks the model; the quoting is that of the system's own shell."""
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": QUESTION}]})
    quoted = '"' + body.replace('"', '\\"') + '"' if os.name == "nt" else f"'{body}'"
    return f'curl {address}/v1/chat/completions -H "Content-Type: application/json" -d {quoted}'


def _ask(address: str) -> tuple[dict[str, Any], float]:
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 80,
        "temperature": 0,
    }
    request = urllib.request.Request(
        address + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    started = time.monotonic()
    try:
        with _NO_PROXY.open(request, timeout=ANSWER_S) as answer:
            reply: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise SetupError("The engine runs but gave no answer.", _reason(error)) from error
    except OSError as error:
        raise SetupError("The engine runs but gave no answer.", f"It said: {error}.") from error
    return reply, time.monotonic() - started


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        message: str = json.load(error)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return f"It said: {error}."
    return message


def _get(url: str) -> None:
    with _NO_PROXY.open(url, timeout=2) as answer:
        answer.read()
