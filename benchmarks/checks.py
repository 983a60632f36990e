"""What the checks before writing cost: CPU seconds for each shipped operation.

    python benchmarks/checks.py

The module and the statements exist by then; importing, drawing calls and running them is timed.
"""

from __future__ import annotations

import statistics
import time
import warnings
from pathlib import Path

from derive.calculus.lift import to_system
from derive.ops import shipped
from derive.verification.gate import examine

GENERATED = Path(__file__).resolve().parent.parent / "generated"


def main() -> None:
    warnings.simplefilter("ignore")
    seconds: dict[str, float] = {}
    for family, operations in shipped().items():
        for operation in operations:
            text = (GENERATED / family / f"{operation.name}.py").read_text(encoding="utf-8")
            to_system(operation)
            begin = time.process_time()
            examine(operation, text)
            seconds[operation.name] = time.process_time() - begin
    slowest = sorted(seconds, key=lambda name: -seconds[name])
    print(f"{len(seconds)} operations, {sum(seconds.values()):.1f} s of CPU")
    print(f"median {statistics.median(seconds.values()):.2f} s")
    print(f"95 % below {statistics.quantiles(seconds.values(), n=20)[-1]:.2f} s")
    print("longest: " + ", ".join(f"{name} {seconds[name]:.2f} s" for name in slowest[:5]))


if __name__ == "__main__":
    main()
