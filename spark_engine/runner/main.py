"""The runner process: greet the engine, load one model, run generations until stdin ends."""

import faulthandler
import logging
import os
import signal
from typing import TYPE_CHECKING

from spark_engine import logs
from spark_engine.backends import device_env
from spark_engine.errors import SparkError
from spark_engine.protocol import PROTOCOL_VERSION
from spark_engine.protocol.messages import Hello, Load, Loaded, LoadPlan, LoadProgress, LoadRefused
from spark_engine.runner.pipe import Commands, Sender, claim_streams, end_now, start_reader

if TYPE_CHECKING:
    from spark_engine.runner.command_loop import CommandLoop

log = logging.getLogger(__name__)

EXIT_NO_LOAD = 64
EXIT_REFUSED = 69
EXIT_BROKEN = 70


def main() -> int:
    """Run until the engine closes stdin; the exit status is 0 when that was the reason."""
    source, sink = claim_streams()
    device_env.prepare(os.environ)
    faulthandler.enable(file=2)
    logs.setup("runner", None, os.environ.get(logs.LEVEL_VARIABLE, "warning"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send, commands = Sender(sink), Commands()
    start_reader(source, commands)
    send(Hello(PROTOCOL_VERSION, os.getpid()))
    try:
        status = _serve(send, commands)
    except BaseException as error:
        log.critical("the runner cannot go on", exc_info=error)
        status = EXIT_BROKEN
    end_now(status)
    return status


def _serve(send: Sender, commands: Commands) -> int:
    first = commands.get()
    if not isinstance(first, Load):
        log.critical("expected load first, got %s", type(first).__name__)
        return EXIT_NO_LOAD
    load = _load_decoder if first.plan.kind == "generator" else _load_encoder
    try:
        loop = load(first.plan, send, commands)
    except SparkError as error:
        send(LoadRefused(error.code, error.title, error.message, error.remedy))
        return EXIT_REFUSED
    return loop.run()


# Imported late: numpy and the rest must see the environment that main prepares.
def _load_decoder(plan: LoadPlan, send: Sender, commands: Commands) -> "CommandLoop":
    from spark_engine.runner.loop import MainLoop
    from spark_engine.runner.model import Model

    model = Model.load(plan, lambda step: send(LoadProgress(step.fraction, step.step)))
    loop = MainLoop(model, send, commands)
    decoder = model.decoder
    send(Loaded(decoder.device, model.kv.context, decoder.max_slots, loop.memory_bytes()))
    return loop


def _load_encoder(plan: LoadPlan, send: Sender, commands: Commands) -> "CommandLoop":
    from spark_engine.runner.encoder_loop import EncoderLoop
    from spark_engine.runner.encoder_model import EncoderModel

    model = EncoderModel.load(plan, lambda step: send(LoadProgress(step.fraction, step.step)))
    loop = EncoderLoop(model, send, commands)
    send(Loaded(model.encoder.device, model.encoder.max_length, plan.slots, loop.memory_bytes()))
    return loop
