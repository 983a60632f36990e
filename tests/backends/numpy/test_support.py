"""The functions that generated modules carry with them."""

from pathlib import Path
from typing import Any

import black
import numpy as np
import pytest

from derive.backends.numpy.functions import FUNCTIONS as NAMES
from derive.backends.numpy.module import MODE

SUPPORT = sorted((Path(__file__).parents[3] / "templates" / "numpy" / "support").glob("*.py"))


@pytest.mark.parametrize("path", SUPPORT, ids=lambda path: path.stem)
def test_support_is_laid_out_and_holds_the_function_it_is_named_after(path):
    """It is placed in modules as it stands."""
    text = path.read_text(encoding="utf-8")
    assert black.format_str(text, mode=MODE) == text
    assert text.startswith(f"def {path.stem}(")


FUNCTIONS: dict[str, Any] = {"np": np}
for _path in SUPPORT:
    exec(_path.read_text(encoding="utf-8"), FUNCTIONS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [(5, 3), (3, 5000), ()])
@pytest.mark.parametrize("name", [name for name in NAMES.values() if name[0] == "_"])
def test_scalar_functions_can_be_told_where_to_write(name, size, dtype):
    """Into another array, or over their argument, as NumPy's own can; loops over time do."""
    x = np.asarray(np.random.default_rng(0).standard_normal(size), dtype)
    y, elsewhere, over = FUNCTIONS[name](x), np.empty_like(x), x.copy()
    assert y.dtype == dtype and y.shape == size
    assert FUNCTIONS[name](x, out=elsewhere) is elsewhere
    assert FUNCTIONS[name](over, out=over) is over
    assert np.array_equal(elsewhere, y) and np.array_equal(over, y)
