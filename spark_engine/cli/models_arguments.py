"""The arguments that several of the `spark models` commands take."""

from typing import Annotated

import typer

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model (spark-nano), one of its variants, or auto.")
]
VariantArgument = Annotated[
    str, typer.Argument(metavar="VARIANT", help="A variant as `spark models list` shows it.")
]
