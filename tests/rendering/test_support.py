"""The functions that generated modules carry with them."""

from pathlib import Path

import black
import pytest

from derive.rendering.module import MODE

SUPPORT = sorted(
    (Path(__file__).parent.parent.parent / "templates" / "numpy" / "support").glob("*.py")
)


@pytest.mark.parametrize("path", SUPPORT, ids=lambda path: path.stem)
def test_support_is_laid_out_and_holds_the_function_it_is_named_after(path):
    """It is placed in modules as it stands."""
    text = path.read_text(encoding="utf-8")
    assert black.format_str(text, mode=MODE) == text
    assert text.startswith(f"def {path.stem}(")
