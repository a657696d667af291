"""`spark bench`: how fast models run here, beside other engines; or how far the files of a model agree."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spark_engine.cli.shell import BaseDirOption, Shell, told
from spark_engine.errors import InvalidRequest
from spark_engine.types.bench import (
    SIZES,
    AgreementPlan,
    AgreementReport,
    Plan,
    Report,
    Size,
    SpeedPlan,
    SpeedReport,
)

BUNDLED = "spark-nano"
STDOUT = "-"
_defaults = SpeedPlan("")


def bench(
    model: Annotated[
        str | None,
        typer.Option(metavar="ID", help="An installed model or variant.", show_default="a synthetic model"),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="|".join(SIZES), help="The synthetic model; made once, then kept.")
    ] = _defaults.size,
    streams: Annotated[
        str, typer.Option(metavar="N,N,…", help="How many answers at once; each number is measured.")
    ] = ",".join(map(str, _defaults.streams)),
    rounds: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="How often everybody is measured.")
    ] = _defaults.rounds,
    tokens: Annotated[
        int, typer.Option(min=2, max=2048, metavar="N", help="Tokens of an answer.")
    ] = _defaults.tokens,
    prompt: Annotated[
        int,
        typer.Option(min=4, max=2048, metavar="N", help="Tokens of a prompt; of many streams, on average."),
    ] = _defaults.prompt,
    contestants: Annotated[
        str | None, typer.Option(metavar="ID,ID,…", help="Only these; all that can run the file.")
    ] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON; - is stdout.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with a report that --json wrote.")
    ] = None,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Compare what a model's files predict, not how fast.")
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(metavar="ID", help="With --agreement: the exact file.", show_default="the most exact"),
    ] = None,
    spread: Annotated[
        float,
        typer.Option(
            min=0.0, max=60.0, metavar="X", help="Many streams arrive within X times a lone answer."
        ),
    ] = _defaults.spread,
    prompt_lookup: Annotated[
        bool, typer.Option("--prompt-lookup", help="Let Spark guess repeated text and check it.")
    ] = False,
    threads: Annotated[
        int, typer.Option(min=0, max=256, metavar="N", help="Threads; 0 takes every physical core.")
    ] = 0,
    python: Annotated[
        str | None, typer.Option(metavar="FILE", help="The Python that has the other engines' libraries.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where synthetic models are kept.")
    ] = None,
    base_dir: BaseDirOption = None,
) -> None:
    """Measure how fast models run here, beside other engines.

    Without --model a synthetic model is measured: the layers of Phi-4-mini, a quarter as many, random weights, 600 MB.

    Contestants: spark, runner and bare (over HTTP, the runner alone, its decoder alone), og-generator,
    og-generator-default, og-engine, llama-cpp, xllamacpp, transformers.
    """
    shell = Shell(json == STDOUT, base_dir)
    base = shell.base
    with told(shell):
        saved = _saved(compare) if compare else None
        if agreement:
            plan: Plan = AgreementPlan(str(base.root), model or BUNDLED, reference or "", tokens)
        else:
            plan = SpeedPlan(
                str(base.root),
                model=model or "",
                size=_size(size),
                streams=_numbers(streams),
                rounds=rounds,
                tokens=tokens,
                prompt=prompt,
                spread=spread,
                threads=threads,
                contestants=_listed(contestants),
                python=python or "",
                prompt_lookup=prompt_lookup,
                cache=str((cache or base.cache / "bench").absolute()),
            )
        _run(shell, plan, json, saved)


def _run(shell: Shell, plan: Plan, json: str | None, saved: SpeedReport | None) -> None:
    from spark_engine.cli.bench_run import run_plan
    from spark_engine.cli.bench_table import show_agreement, show_speed

    report = run_plan(plan, shell.terminal, "Measuring")
    if json == STDOUT:
        shell.terminal.tell(report)
    elif json:
        _write(Path(json), report)
    if isinstance(report, AgreementReport):
        show_agreement(shell.terminal, report)
    else:
        show_speed(shell.terminal, report, saved)
    if json and json != STDOUT:
        shell.terminal.note(f"The report is in {json}.")


def _write(file: Path, report: Report) -> None:
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    except OSError as error:
        raise InvalidRequest(
            "not_written",
            "The report cannot be written",
            f"{file}: {error.strerror}.",
            "Choose another file.",
        ) from error


def _saved(file: Path) -> SpeedReport:
    """A report of an earlier run."""
    try:
        report = msgspec.json.decode(file.read_bytes(), type=SpeedReport)
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidRequest(
            "not_a_report",
            "There is no run to compare with",
            f"{file}: {error}.",
            "Name a file that `spark bench --json FILE` wrote.",
        ) from error
    return report


def _size(text: str) -> Size:
    for size in SIZES:
        if text == size:
            return size
    raise typer.BadParameter(f"{text!r} is not one of {', '.join(SIZES)}.", param_hint="--size")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in _listed(text)}))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers.", param_hint="--streams") from None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
