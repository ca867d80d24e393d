"""After the warm-up no plan waits for a compiler."""

import os
import subprocess
import sys
from pathlib import Path

UNCOMPILED = """
import importlib, pkgutil
import solvers.placement
from numba.core.dispatcher import Dispatcher

names = [m.name for m in pkgutil.iter_modules(solvers.placement.__path__, "solvers.placement.")]
modules = [importlib.import_module(name) for name in names]
solvers.placement.warm_up()
kernels = {o for m in modules for o in vars(m).values() if isinstance(o, Dispatcher)}
assert len(kernels) > 10
print(*sorted(k.py_func.__qualname__ for k in kernels if not k.signatures))
"""


def test_the_warm_up_compiles_every_kernel_of_the_planner(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCOMPILED], env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert not done.stdout.strip()
