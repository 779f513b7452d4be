"""The one task runner of crewgraph. It needs CPython 3.11 or newer with pip, and nothing else.

python3 dev.py demo [ARGS]     set up what crewgraph needs, then run the inbox example offline
python3 dev.py test [ARGS]     set up everything, then bench, then tests, and beside them lint, types, layers, docs, notebooks; ARGS go to pytest
python3 dev.py setup           only set up; a second time there is nothing to do
python3 dev.py lint | types | layers | docs | notebooks | bench     one step of `test`
python3 dev.py unit [ARGS]     the tests alone; ARGS go to pytest
python3 dev.py fix             format, and repair what ruff can repair
python3 dev.py lock [ARGS]     resolve the locks again with uv; ARGS go to it, for instance --upgrade
python3 dev.py clean           remove .venv and everything generated

Everything is installed into .venv from requirements/*.lock, by hash, and never outside of it; but for the Chromium that
tests of pages drive: where the machine has none, apt-get brings it (as root), or Playwright.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "crewgraph-setup.json"
# The interpreter that brings pip: not .venv's own, which has none.
HOST = getattr(sys, "_base_executable", sys.executable) if Path(sys.prefix) == VENV else sys.executable
CACHES = [".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"]
GENERATED = [".venv", "build", "dist", ".coverage", *CACHES]

BOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.py"))
CHECKS = {
    "lint": ["ruff check .", "ruff format --check ."],
    "types": ["mypy", "basedpyright"],
    "layers": ["lint-imports --no-logo"],
    "docs": ["sphinx-build -W -E --keep-going -q -b html docs build/docs"],
    "notebooks": [
        f"jupytext --quiet --to ../build/notebooks//ipynb {' '.join(f'notebooks/{name}' for name in BOOKS)}",
        f"pytest --nbmake --overwrite -n auto {' '.join(f'build/notebooks/{Path(name).stem}.ipynb' for name in BOOKS)}",
    ],
    "bench": ["python -m bench guard"],
    "unit": ["pytest"],
}
MEASURED = {"bench"}
# Kernels are .venv's own, see nothing of the machine's Jupyter (no kernels, settings or history), and call no real model.
JUPYTER = {
    "CREWGRAPH_NO_REAL_CALLS": "notebooks run offline",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "JUPYTER_NO_CONFIG": "1",
    "JUPYTER_PATH": "",
    **{f"JUPYTER_{kind}_DIR": str(ROOT / "build/jupyter" / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")},
    "IPYTHONDIR": str(ROOT / "build/jupyter/ipython"),
}
# For the whole suite only, not for a part: all cores, coverage, and not what runs notebooks: 1.3 s to import, in each process.
WHOLE = ["-pno:nbmake", "--numprocesses=auto", "--dist=loadfile", "--cov", "--cov-report=term-missing:skip-covered"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")  # tests/browser drives one of them
APT = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
FIXES = ["ruff format .", "ruff check --fix .", "ruff format ."]
COMPILE = (
    "uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --no-build"
    " --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet"
)
RUN, DEV = "requirements/run.lock", "requirements/dev.lock"
LOCKS = {RUN: "--group build", DEV: f"--group dev -c {RUN}"}


STOPPED = threading.Event()
"""Ctrl-C was heard: nothing more is begun."""


class Stop(Exception):
    """Ends the run with a message for the person at the keyboard."""


def interrupted(*_: object) -> None:
    """Ctrl-C."""
    STOPPED.set()
    raise KeyboardInterrupt


def own(command: list[str], **env: str) -> dict[str, Any]:
    """What `subprocess` takes for a command in the checkout, .venv's own if it has it."""
    program = shutil.which(command[0], path=str(PYTHON.parent)) or command[0]
    # Nothing is compiled when it is installed: without this each of hundreds of processes would compile what it imports.
    here = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"args": [program, *command[1:]], "cwd": ROOT, "env": {**here, **env}}


def run(command: list[str], **env: str) -> int:
    """Run a command and show what it prints; return its exit code."""
    with subprocess.Popen(**own(command, **env)) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child was told too: let it end in its own way
            child.wait()
            raise


def quiet(doing: str, command: list[str]) -> None:
    """Run a command that is only of interest when it fails; then stop with everything it printed."""
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, text=True, capture_output=True)
    if done.returncode:
        raise Stop(f"{doing} failed; {Path(command[0]).name} said:\n\n{(done.stdout + done.stderr).strip()}")


def pip(*args: str) -> list[str]:
    """The command for the host's pip working on .venv, which therefore needs no pip of its own."""
    return [HOST, "-m", "pip", "--python", str(PYTHON), "--quiet", *args]


def need_pip() -> None:
    """Stop unless the host has a pip that can install into another environment."""
    asked = subprocess.run([HOST, "-m", "pip", "--version"], check=False, text=True, capture_output=True)
    found = re.match(r"pip (\d+)\.(\d+)", asked.stdout)
    if not found:
        raise Stop(f"{HOST} has no pip. Install it (Debian, Ubuntu: apt install python3-pip) and run again.")
    if tuple(map(int, found.groups())) < (22, 3):
        raise Stop(f"{HOST} has {found[0]}; 22.3 or newer is needed. Upgrade pip, or use a newer Python.")


def digest(path: str) -> str:
    """The hash of a file of the checkout, to notice when it changes."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()


def install(packages: str) -> None:
    """Install a lock into .venv, checking each package against its recorded hash."""
    count = len(re.findall(r"^\w.*==", (ROOT / packages).read_text(encoding="utf-8"), re.MULTILINE))
    print(f"installing {count} packages into .venv (first time only) ...", end=" ", flush=True)
    start = time.monotonic()
    # The lock is complete, so nothing is resolved; wheels only, so nothing runs while installing.
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    quiet("installing the packages", pip("install", *options, "-r", packages))
    print(f"done in {time.monotonic() - start:.0f} s", flush=True)


def setup(packages: str) -> None:
    """Bring .venv to what a lock and pyproject.toml say; do nothing when it is there."""
    stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8")) if STAMP.exists() else {}
    here = f"{sys.version} in {ROOT}"
    stale = stamp.get("python") != here or not PYTHON.exists()
    stale = stale or any(stamp[name] != digest(name) for name in LOCKS if name in stamp)
    have = not stale and (packages in stamp or DEV in stamp)  # DEV holds all of RUN
    project = digest("pyproject.toml")
    if have and stamp.get("project") == project:
        return
    need_pip()
    if stale:
        quiet("making .venv", [HOST, "-m", "venv", "--clear", "--without-pip", str(VENV)])
        stamp = {"python": here}
    if not have:
        install(packages)
        stamp[packages] = digest(packages)
    if stamp.get("project") != project:
        editable = ["--no-deps", "--no-build-isolation", "--editable", "."]
        quiet("installing crewgraph", pip("install", *editable))
        stamp["project"] = project
    STAMP.write_text(json.dumps(stamp, indent=2), encoding="utf-8")


def need_browser() -> None:
    """Bring a Chromium for the tests that look at pages, where the machine has none; without one they skip and say so."""
    if any(map(shutil.which, BROWSERS)):
        return
    print("installing Chromium (first time only) ...", flush=True)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):  # a container, or CI
        quiet("reading the lists of packages", ["apt-get", "update"])
        quiet("installing Chromium", APT)
    else:  # Playwright's own, into the user's cache
        run(["playwright", "install", "chromium"])


def timed(step: str, words: list[str], *, is_beside: bool) -> tuple[int, float]:
    """Run a command of a step; return its exit code and the seconds it took. Beside others it is shown when it has ended."""
    start, env = time.monotonic(), JUPYTER if step == "notebooks" else {}
    title = f"\n== {step}: {' '.join(words)}"
    if STOPPED.is_set():
        code = 130
    elif is_beside:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(**own(words, **env), **pipes, check=False, text=True)
        code = done.returncode
        print(f"{title}\n{done.stdout.rstrip()}", flush=True)
    else:
        print(title, flush=True)
        code = run(words, **env)
    return code, time.monotonic() - start


def check(steps: list[str], args: list[str]) -> int:
    """Run the steps, all of them even when one fails; `args` go to pytest. Return the first failing code.

    What is measured runs first and alone. The last step is the long one, and waits a lot: the others run beside it, one
    after the other.
    """
    setup(DEV)
    if "unit" in steps:
        need_browser()
    told = {step: list[tuple[int, float]]() for step in steps}
    *others, last = [step for step in steps if step not in MEASURED] or steps
    for step in MEASURED & {*steps} - {last}:
        told[step] += [timed(step, command.split(), is_beside=False) for command in CHECKS[step]]
    with ThreadPoolExecutor(1) as beside:
        try:
            rest = [
                (step, beside.submit(timed, step, command.split(), is_beside=True))
                for step in others
                for command in CHECKS[step]
            ]
            for command in CHECKS[last]:
                words = [*command.split(), *((args or WHOLE) if last == "unit" else [])]
                told[last].append(timed(last, words, is_beside=False))
            for step, future in rest:
                told[step].append(future.result())
        except BaseException:
            beside.shutdown(cancel_futures=True)
            raise
    codes = {step: next(filter(None, (code for code, _ in each)), 0) for step, each in told.items()}
    for step, each in told.items():
        print(f"\n  {step:9} {'FAILED' if codes[step] else 'ok':7} {sum(took for _, took in each):6.1f} s", end="")
    print(flush=True)
    return next(filter(None, codes.values()), 0)


def lock(args: list[str]) -> int:
    """Resolve both locks again, for every platform and Python, the second within the first."""
    if not shutil.which("uv"):
        raise Stop("uv resolves the locks and was not found. Install it (pip install uv) and run again.")
    commands = [f"{COMPILE} {options} -o {name}".split() for name, options in LOCKS.items()]
    return run([*commands[0], *args]) or run([*commands[1], *args])


def clean() -> int:
    """Remove what set-up and the steps made."""
    for path in [*(ROOT / name for name in GENERATED), *ROOT.rglob("__pycache__")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return 0


def perform(task: str, args: list[str]) -> int:
    """Do one task and return its exit code."""
    if task == "test" or task in CHECKS:
        return check(list(CHECKS) if task == "test" else [task], args)
    if task == "lock":
        return lock(args)
    if task == "clean":
        return clean()
    setup(RUN if task == "demo" else DEV)
    if task == "demo":
        return run([str(PYTHON), "examples/inbox/demo.py", *args])
    if task == "fix":
        return max(run(command.split()) for command in FIXES)
    return 0


def main() -> int:
    """Read the command line; whatever goes wrong ends in a message and an exit code."""
    task, *args = sys.argv[1:] or ["help"]
    if task not in {"demo", "test", "setup", "fix", "lock", "clean", *CHECKS}:
        print(__doc__)
        if task in {"help", "-h", "--help"}:
            return 0
        print(f"error: there is no '{task}'", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, interrupted)
    try:
        if sys.version_info < (3, 11) and task != "clean":
            raise Stop(f"crewgraph needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
        return perform(task, args)
    except Stop as stop:
        print(f"\nerror: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
