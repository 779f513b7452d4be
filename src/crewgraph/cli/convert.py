"""``crewgraph convert``: a pipeline or a crewAI project as a document."""

from __future__ import annotations

from pathlib import Path

import click

from crewgraph.cli.files import is_file_target, names_option, one_crew
from crewgraph.cli.target import code_of, load
from crewgraph.cli.trouble import Mistake
from crewgraph.document.names import Names
from crewgraph.document.text import Form, dumps, form_of

__all__ = ["convert"]


@click.command()
@click.argument("target")
@click.option("-o", "--output", metavar="FILE", help="Where to: .yaml, .yml or .json; - is standard output, in YAML.")
@names_option
def convert(target: str, *, output: str | None, names: tuple[str, ...]) -> None:
    """Write a pipeline as a document. It is data, with code by its names in the module of TARGET and in others.

    Of a crewAI project what its files of YAML say is written. Tools, models and shapes that they name stay names, to be
    given with --names where the document is used; what stands in the code alone is not in the document.
    """
    form: Form = "yaml" if output in (None, "-") else form_of(Path(output or ""))
    is_code = not is_file_target(target)
    loaded = load(target, names=() if is_code else names, projects="one")
    if loaded.project is not None:
        code = one_crew(target, loaded.project).names
    else:
        code = Names(loaded.module).things | code_of(names)
    text = dumps(loaded.pipeline, names=code, form=form)
    if output in (None, "-"):
        click.echo(text, nl=False)
        return
    try:
        Path(output or "").write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Mistake(f"'{output}' cannot be written: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)
