"""``crewgraph check``: everything that is wrong or doubtful with a pipeline, before anything is paid for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from crewgraph.cli.choice import Choice
from crewgraph.cli.files import is_file_target, names_option
from crewgraph.cli.findings import echo_findings, plain, summary
from crewgraph.cli.github import findings_github
from crewgraph.cli.records import findings_json
from crewgraph.cli.sarif import COMMAND_LINE, findings_sarif
from crewgraph.cli.source import relative, source_of
from crewgraph.cli.target import Target, load
from crewgraph.cli.trouble import Exit, Mistake
from crewgraph.compiler import analyse
from crewgraph.compiler.verdict import strict_in
from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity, counted, strict_of
from crewgraph.errors import PipelineInvalid, TargetError
from crewgraph.syntax import Pipeline

__all__ = ["check"]

FORMATS: dict[str, Callable[[Target, Findings], str]] = {
    "text": lambda target, findings: plain(findings, target.title),
    "json": lambda _, findings: findings_json(findings),
    "sarif": lambda target, findings: findings_sarif(findings, source_of(target), target=target.name),
    "github": lambda target, findings: findings_github(findings, source_of(target)),
}


@click.command()
@click.argument("target")
@click.option("--format", "name", type=Choice(list(FORMATS)), help="How findings are written; text if not given.")
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option("--error", "errors", multiple=True, metavar="CODE", help="This finding is an error. Repeatable.")
@click.option("--ignore", "ignored", multiple=True, metavar="CODE[:NODE]", help="Leave this out. Repeatable.")
@click.option("--no-notes", is_flag=True, help="Leave notes out.")
@click.option("--inputs", metavar="KEY,…", help="What a kickoff of a crewAI project brings; any key if not given.")
@names_option
def check(
    target: str,
    *,
    name: str | None,
    as_json: bool,
    output: str | None,
    no_notes: bool,
    **options: Any,
) -> None:
    """Check a pipeline without running it. TARGET may also be a document, or the folder of a crewAI project.

    CODE is the code of a finding or its short name; `crewgraph explain` lists them. Exit code 3 where there are
    errors, 0 where the pipeline can run.
    """
    if as_json and name not in {None, "json"}:
        raise Mistake(f"--json and --format {name} are two formats. hint: leave one of them out")
    chosen = name or ("json" if as_json else "text")
    try:
        loaded, findings = _checked(target, **options)
    except TargetError as error:
        if chosen != "text":  # what reads it learns of it, too
            _put(chosen, output, Target(target, Pipeline()), Findings([_unloadable(error)]))
        raise
    shown = _without_notes(findings) if no_notes else findings
    _put(chosen, output, loaded, shown)
    if chosen == "text" and output in (None, "-") and loaded.project is not None and options["inputs"] is None:
        click.echo(f"inputs it needs: {', '.join(loaded.project.needs) or 'none'}")
    sys.exit(Exit.OK if findings.ok else Exit.INVALID)


def _put(chosen: str, output: str | None, loaded: Target, shown: Findings) -> None:
    """Write findings to where they are wanted."""
    if output not in (None, "-"):
        _write(output or "", FORMATS[chosen](loaded, shown))
        click.echo(f"wrote {output}: {counted(shown)}", err=True)
    elif chosen == "text":
        echo_findings(shown)
        gap = "\n" if shown else ""
        click.echo(f"{gap}{loaded.title}: {summary(shown)}")
    else:
        text = FORMATS[chosen](loaded, shown)
        click.echo(text, nl=bool(text))


def _unloadable(error: TargetError) -> Diagnostic:
    """What keeps a target from being loaded, as a finding."""
    message, _, hint = error.brief.partition(". hint: ")
    source = None if error.source is None else (str(relative(Path(error.source[0]))), error.source[1])
    return Diagnostic("CG712", message, (), hint, source=source)


def _checked(
    target: str,
    *,
    names: Sequence[str],
    inputs: str | None,
    strict: bool,
    errors: Iterable[str],
    ignored: Iterable[str],
) -> tuple[Target, Findings]:
    try:
        ignore = [_ignore(text) for text in ignored]
        asked = strict_of(strict, list(errors))
    except ValueError as error:
        raise Mistake(str(error)) from None
    try:
        loaded = load(target, names=names, projects="all")
    except PipelineInvalid as error:  # a document that says no pipeline, or code that cannot build one
        return Target(target, Pipeline()), Findings(error.findings)
    if loaded.project is not None:
        keys = None if inputs is None else [key for each in inputs.split(",") if (key := each.strip())]
        return loaded, loaded.project.check(inputs=keys, ignore=ignore, strict=asked)
    if inputs is not None:
        raise Mistake("--inputs is for crewAI projects. hint: a pipeline declares them, Pipeline(…, inputs=Model)")
    together = strict_of(strict_in(loaded.pipeline), asked)
    findings = analyse(loaded.pipeline, ignore=ignore, strict=together)[1]
    if not is_file_target(target):
        return loaded, findings
    from crewgraph.document.lines import located  # documents only: a quarter of the time of a check

    return loaded, located(findings, Path(target))


def _ignore(text: str) -> Ignore:
    code, _, node = text.partition(":")
    return Ignore(code, COMMAND_LINE, node=node or None)


def _without_notes(findings: Findings) -> Findings:
    return Findings(
        (finding for finding in findings if finding.severity is not Severity.INFO), suppressed=findings.suppressed
    )


def _write(output: str, text: str) -> None:
    try:
        Path(output).write_text(f"{text}\n" if text else "", encoding="utf-8")
    except OSError as error:
        raise Mistake(f"'{output}' cannot be written: {error.strerror}") from error
