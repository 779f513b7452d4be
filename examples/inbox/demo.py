"""Run the inbox example and show what came of it: results, traces, a picture and a report in ``build/inbox``.

python3 dev.py demo [--limit N] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pipeline import MODEL, inbox

from crewgraph import Budget
from crewgraph.report import Report, TraceFile
from crewgraph.usage import UsageMetrics

SHOWN = 3
"""How many of the results are shown; all of them are in the file."""
MOST = 2.0
"""USD that all mails together may cost."""
HERE = Path(__file__).resolve().parent


def emails(limit: int | None) -> list[dict[str, Any]]:
    """The mails of the data file."""
    lines = (HERE / "emails.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line][:limit]


def budget_for(mails: list[dict[str, Any]]) -> Budget:
    """What all mails together may cost: money where the price of the model is known, else calls."""
    forecast = inbox.plan(mails)
    print(f"\nplanned, before any call:\n{forecast.table()}")
    return Budget(usd=MOST) if forecast.usd else Budget(calls=10 * len(mails))


async def run(mails: list[dict[str, Any]], folder: Path, budget: Budget) -> int:
    """Stream the mails through the pipeline; every result is on disk as soon as it is there.

    Returns:
        How many failed.
    """
    routes, failed, spent, began = Counter[str](), 0, UsageMetrics(), time.perf_counter()
    with (
        (folder / "results.jsonl").open("w", encoding="utf-8") as results,
        TraceFile(folder / "traces.jsonl", inbox) as traces,
        Report(inbox) as report,
    ):
        async for result in inbox.stream(mails, on_error="collect", budget=budget):
            route = next((item["route_taken"] for item in result.trace[1:] if isinstance(item, dict)), "none")
            routes[route if result.ok else "failed"] += 1
            failed += not result.ok
            traces.add(result)
            report.add(result)
            spent.add_usage_metrics(result.usage)
            mail = mails[result.index]["id"]
            row = {
                "mail": mail,
                "route": route,
                "status": result.status,
                "answer": result.raw,
                "error": str(result.error or ""),
            }
            print(json.dumps(row, ensure_ascii=False), file=results, flush=True)
            if result.index < SHOWN:
                subject, ran = mails[result.index]["subject"], sum(span.attempts for span in result.spans)
                print(f"\n{mail}  {subject}\n  → {route}: {ran} nodes ran, {result.usage.total_tokens:,} tokens")
                print(f"  {result.error or result.raw}")
        report.write(folder / "report.html")
    seconds = time.perf_counter() - began
    many = f"{len(mails)} {'mail' if len(mails) == 1 else 'mails'}"
    print(f"\n{many}, model {MODEL}: {seconds:.1f} s, {spent.total_tokens:,} tokens, {spent.dollars()}")
    for route, count in routes.most_common():
        print(f"  {route:<10} {count:>3}  {'█' * count}")
    return failed


def draw(folder: Path) -> list[Path]:
    """The picture, in every form that needs no other program."""
    return [inbox.draw(folder / f"inbox.{ending}") for ending in ("svg", "txt", "dot", "mmd")]


def main() -> int:
    """Parse the arguments and do everything; 1 where mails failed."""
    parser = argparse.ArgumentParser(description="Run the inbox example.")
    parser.add_argument("--limit", type=int, help="only the first N mails")
    parser.add_argument("--out", type=Path, default=Path("build/inbox"), help="where to write (build/inbox)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(inbox.to_text())
    findings = inbox.check()
    print(f"checked: {findings}")
    mails = emails(options.limit)
    failed = asyncio.run(run(mails, options.out, budget_for(mails)))
    written = [options.out / "results.jsonl", options.out / "traces.jsonl", *draw(options.out)]
    print("\nwritten:", *written, sep="\n  ")
    print(f"\nwhat every mail went through, in a browser:\n  {options.out / 'report.html'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
