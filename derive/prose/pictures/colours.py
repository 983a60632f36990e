"""The colours of roles, and those by which equal weights are seen to be equal."""

FILLS = {
    "plain": "none", "input": "#dbe9f6", "output": "#dff0d8", "weight": "#fde7c3",
    "cotangent": "#f6d9d5", "zero": "none", "marked": "#fff3a3", "state": "#e6e0f3",
    "parameter": "#fde7c3",
}  # fmt: skip
"""Of cells; text on them has a contrast of at least 7 to 1."""

INKS = {"cotangent": "#9c1c14", "marked": "#6b4600", "zero": "#666666"}
"""Of lines and letters, where they are not those of the page."""

SHADES = (
    "#fbd38d", "#a7d8f0", "#f5b5c0", "#b5e0ad", "#d3c0ee", "#efe08a", "#a9e0d6", "#e3c5a5",
    "#cfd4da",
)  # fmt: skip


def shade(number: int) -> str:
    """The colour of a weight; there are as many as a kernel of three by three has entries."""
    return SHADES[number % len(SHADES)]
