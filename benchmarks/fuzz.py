"""Read millions of damaged files: nothing may end the process, take long or take memory.

    nice -n 19 python -m benchmarks.fuzz --count 1000000

Small genuine files of every kind that the plugin reads, written by each format's own library, are
changed at random and read in child processes. Each must be read or refused by an InputError of at
most 300 characters; a file may take ten seconds of the processor and 500 MB more than the genuine
one. What is refused otherwise is kept in `--folder` with what it did. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from napari_fcn_crf.input_error import InputError

SECONDS = 10
"""Of the processor: others may use the machine, too."""

SILENT_SECONDS = 600
"""By the clock: a child of which nothing is heard for so long hangs."""

EXTRA_BYTES = 500 * 10**6
BATCH = 2000
# A tenth as many of what takes a tenth of a second each.
SLOW = {"network.keras": 0.02, "optimizer.keras": 0.1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="files (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=[], help="e.g. weights.npz; all if not given")
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), help="for what went wrong")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child, arguments.seed, arguments.count, arguments.folder)
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    totals: Counter[str] = Counter()
    for name, seed, count in _batches(arguments):
        outcome = _run(name, seed, count, arguments.folder)
        totals.update(outcome)
        shown = ", ".join(f"{number} {what}" for what, number in sorted(outcome.items()))
        print(f"{time.strftime('%H:%M:%S')} {name:22} {shown}; {totals.total()} in all", flush=True)
    print(json.dumps(totals))
    if set(totals) - {"read", "refused"}:
        sys.exit(1)


def _batches(arguments: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Iterate over kinds, seeds and counts, a batch of each kind in turn."""
    from tests.fuzzing import kinds

    chosen = [kind.name for kind in kinds() if not arguments.kinds or kind.name in arguments.kinds]
    total = sum(SLOW.get(name, 1) for name in chosen)
    left = {name: round(arguments.count * SLOW.get(name, 1) / total) for name in chosen}
    seed = arguments.seed
    while any(left.values()):
        for name, count in left.items():
            batch = min(count, max(1, round(BATCH * SLOW.get(name, 1))))
            if batch:
                yield name, seed, batch
                left[name] -= batch
        seed += 1


def _run(name: str, seed: int, count: int, folder: Path) -> Counter[str]:
    """Read so many files in a child, and in another one what follows a file that ended it."""
    outcome: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "benchmarks.fuzz", "--child", name, "--seed", str(seed)]
        command += ["--count", str(count), "--folder", work]
        log = Path(work, "log")
        with log.open("w") as errors:
            process = subprocess.Popen(command, stdout=errors, stderr=errors)
            ended = _wait(process, Path(work, "progress"))
        progress = Path(work, "progress")
        states = json.loads(progress.read_text()) if progress.exists() else {}
        outcome.update(states.get("outcome", {}))
        for failure in Path(work).glob("failure-*"):
            failure.rename(folder / f"{name}-{seed}-{failure.name}")
        if ended:
            outcome[ended] += 1
            broken = Path(work, "current", name)
            if broken.exists():
                broken.rename(folder / f"{name}-{seed}-{ended}.file")
            (folder / f"{name}-{seed}-{ended}.log").write_text(log.read_text(errors="replace"))
    return outcome


def _wait(process: subprocess.Popen[bytes], progress: Path) -> str:
    """Wait for a child; return how it ended where it did not end by itself."""
    started = time.time()
    while process.poll() is None:
        time.sleep(0.2)
        last = progress.stat().st_mtime if progress.exists() else started
        if time.time() - last > SILENT_SECONDS:
            process.kill()
            process.wait()
            return "hang"
    return "" if process.returncode == 0 else f"exit {process.returncode}"


def _child(name: str, seed: int, count: int, folder: Path) -> None:
    import pytest

    from tests.fuzzing import kinds, mutate, tiny_widths

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")
    (kind,) = (kind for kind in kinds() if kind.name == name)
    tiny_widths(pytest.MonkeyPatch())
    path = folder / "current" / name
    path.parent.mkdir()
    kind.write(path)
    kind.read(path)
    content = path.read_bytes()
    generator = random.Random(f"{name} {seed}")
    # An allocation far beyond it fails, so that the machine is safe.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_status_kb("VmSize") * 1024 + 4 * EXTRA_BYTES, hard))
    signal.signal(signal.SIGPROF, _too_long)
    outcome: Counter[str] = Counter()
    saved = 0.0
    for number in range(count):
        path.write_bytes(mutate(content, generator))
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_kb("VmRSS")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        what, told = _read(kind.read, path)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if (_status_kb("VmHWM") - before) * 1024 > EXTRA_BYTES:
            what, told = "memory", f"{_status_kb('VmHWM') - before} kB"
        outcome[what] += 1
        if what not in ("read", "refused"):
            stem = folder / f"failure-{number}-{what}"
            stem.with_suffix(".log").write_text(told)
            stem.with_suffix(".file").write_bytes(path.read_bytes())
        if time.time() - saved > 1 or number == count - 1:
            saved = time.time()
            (folder / "progress.new").write_text(json.dumps({"outcome": outcome}))
            (folder / "progress.new").replace(folder / "progress")
    # With so little memory left, TensorFlow may not find the way out.
    os._exit(0)


def _read(read: object, path: Path) -> tuple[str, str]:
    try:
        read(path)  # type: ignore[operator]
    except InputError as error:
        sentence = str(error)
        if len(sentence) <= 300 and sentence.isprintable() and sentence.endswith("."):
            return "refused", ""
        return "no sentence", sentence + "\n" + traceback.format_exc()
    except TimeoutError:
        return "time", traceback.format_exc()
    except BaseException as error:  # noqa: BLE001 - that there is none is what this tests.
        return type(error).__name__, traceback.format_exc()
    return "read", ""


def _too_long(*_: object) -> None:
    raise TimeoutError


def _status_kb(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise LookupError(key)


if __name__ == "__main__":
    main()
