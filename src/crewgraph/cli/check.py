"""``crewgraph check``: everything that is wrong or doubtful with a pipeline, before anything is paid for."""

from __future__ import annotations

import json
import sys

import click

from crewgraph.cli.findings import counted, echo_findings
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Exit
from crewgraph.diagnostics import Diagnostic

__all__ = ["check"]


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
def check(target: str, *, as_json: bool) -> None:
    """Check a pipeline without running it.

    Exit code 3 where there are errors, 0 where it can run.
    """
    loaded = load(target)
    findings = loaded.pipeline.check()
    if as_json:
        click.echo(json.dumps([_record(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        echo_findings(findings)
        told = click.style(counted(findings), fg="green" if findings.ok else "red", bold=True)
        click.echo(f"{loaded.title}: {told}")
    sys.exit(Exit.OK if findings.ok else Exit.INVALID)


def _record(finding: Diagnostic) -> dict[str, object]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "path": list(finding.path),
        "hint": finding.hint,
        "node": finding.node,
    }
