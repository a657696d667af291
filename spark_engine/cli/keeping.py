"""`spark models options`, `fit` and `free`: how models are loaded and kept, and whether they fit."""

from typing import Annotated, Any

import msgspec
import typer

from spark_engine.cli.models_arguments import ModelArgument
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import facts, marked, table
from spark_engine.cli.words import counted, printable
from spark_engine.errors import InvalidRequest
from spark_engine.types.fit import Fit
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.quantities import size, speed

ChangesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=VALUE]…", help="As in context=8192 pinned=true; `keep_alive_s=` forgets it."
    ),
]


def options(
    model: ModelArgument,
    changes: ChangesArgument = None,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Show or change how a model is loaded and kept.

    Names are context, slots, threads, cache_mb, prompt_lookup, kernels, keep_alive_s and pinned.
    """
    run(Shell(json, base_dir), lambda shell: _options(shell, model, changes or []))


def fit(
    model: ModelArgument,
    context: Annotated[int | None, typer.Option(help="Tokens of context to plan with.", min=128)] = None,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Whether a model would fit into memory now, and how fast it would be; nothing is loaded."""
    run(Shell(json, base_dir), lambda shell: _fit(shell, model, LoadOptions(context=context)))


def free(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Unload every model that is idle and not pinned."""
    run(Shell(json, base_dir), _free)


async def _options(shell: Shell, model: str, changes: list[str]) -> None:
    async with shell.client() as client:
        report = await client.options(model)
        if changes:
            report = await client.set_options(model, changed(report.saved, changes))
    if shell.terminal.json:
        shell.terminal.tell(report)
        return
    rows = table("Option", "Saved", "Holds", "Of the settings")
    for name, saved, effective, default in _layers(report):
        rows.add_row(name, saved, effective, default)
    shell.terminal.say(rows)


def changed(saved: LoadOptions, changes: list[str]) -> LoadOptions:
    """`saved` with `name=value` changes; an empty value forgets. InvalidRequest for what is none."""
    fields: dict[str, Any] = msgspec.to_builtins(saved)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in LoadOptions.__struct_fields__:
            raise _wrong(change, f"Options are {', '.join(LoadOptions.__struct_fields__)}.")
        fields[name] = value if value else None
    try:
        return msgspec.convert(fields, LoadOptions, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(" ".join(changes), f"{error}.") from error


async def _fit(shell: Shell, model: str, wanted: LoadOptions) -> None:
    async with shell.client() as client:
        found = await client.fit(model, wanted)
    if shell.terminal.json:
        shell.terminal.tell(found)
        return
    largest = found.largest_context
    shell.terminal.say(marked("ok" if found.verdict == "fits" else "bad", f"{model} {fit_words(found)}", ""))
    shell.terminal.say(
        facts(
            ("Weights", size(found.weights_bytes)),
            ("Cache", f"{size(found.cache_bytes)} for {counted(found.context, 'token')} of context"),
            ("Working memory", size(found.working_bytes)),
            ("Together", size(found.needed_bytes)),
            ("Free", size(found.free_bytes)),
            ("Largest context", counted(largest, "token") if largest else "none fits"),
            ("Speed", speed_words(found)),
        )
    )


def fit_words(found: Fit) -> str:
    """`fits`, `fits with 2,048 tokens of context`, `needs 3.1 GB more memory than is free`."""
    match found.verdict:
        case "fits":
            return "fits"
        case "smaller_context":
            return f"fits with {counted(found.largest_context, 'token')} of context"
        case _:
            return f"needs {size(found.missing_bytes)} more memory than is free"


async def _free(shell: Shell) -> None:
    async with shell.client() as client:
        unloaded = await client.free_memory()
    if shell.terminal.json:
        shell.terminal.tell(unloaded)
    else:
        names = ", ".join(map(printable, unloaded))
        shell.terminal.say(
            f"Being unloaded: {names}." if unloaded else "No loaded model is idle and free to go."
        )


def _layers(report: OptionsReport) -> list[tuple[str, str, str, str]]:
    def said(options: LoadOptions, name: str) -> str:
        value = getattr(options, name)
        return "" if value is None else str(value).lower()

    names = LoadOptions.__struct_fields__
    return [(n, said(report.saved, n), said(report.effective, n), said(report.default, n)) for n in names]


def speed_words(found: Fit) -> str:
    """`9.4 tok/s, measured here`, `about 9.4 tok/s`; empty where nothing is known."""
    if not found.tokens_per_second:
        return ""
    rate = speed(found.tokens_per_second)
    return f"{rate}, measured here" if found.measured else f"about {rate}"


def _wrong(change: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        "option_wrong",
        "This is not an option",
        f"{change[:100]!r} cannot be set. {why}",
        "Write it as context=8192.",
    )
