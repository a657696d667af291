"""The runner process: greet the engine, load one model, run generations until stdin ends."""

import faulthandler
import os
import signal
import sys

from spark_engine.errors import SparkError
from spark_engine.protocol import PROTOCOL_VERSION
from spark_engine.protocol.messages import Hello, Load, Loaded, LoadProgress, LoadRefused
from spark_engine.runner import device_env
from spark_engine.runner.pipe import Commands, Sender, claim_streams, end_now, start_reader

EXIT_NO_LOAD = 64
EXIT_REFUSED = 69


def main() -> int:
    """Run until the engine closes stdin; the exit status is 0 when that was the reason."""
    source, sink = claim_streams()
    device_env.prepare(os.environ)
    faulthandler.enable(file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send, commands = Sender(sink), Commands()
    start_reader(source, commands)
    send(Hello(PROTOCOL_VERSION, os.getpid()))
    status = _serve(send, commands)
    sys.stderr.flush()
    end_now(status)
    return status


def _serve(send: Sender, commands: Commands) -> int:
    first = commands.get()
    if not isinstance(first, Load):
        print(f"spark runner: expected load first, got {type(first).__name__}", file=sys.stderr)
        return EXIT_NO_LOAD
    # Imported late: numpy and the rest must see the environment prepared above.
    from spark_engine.runner.loop import MainLoop
    from spark_engine.runner.model import Model

    try:
        model = Model.load(first.plan, lambda step: send(LoadProgress(step.fraction, step.step)))
    except SparkError as error:
        send(LoadRefused(error.code, error.title, error.message, error.remedy))
        return EXIT_REFUSED
    loop = MainLoop(model, send, commands)
    decoder = model.decoder
    send(Loaded(decoder.device, decoder.max_context, decoder.max_slots, loop.memory_bytes()))
    return loop.run()
