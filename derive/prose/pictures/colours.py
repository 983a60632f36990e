"""The colours of roles, and those by which equal weights are seen to be equal.

Letters and lines of a cell are in one ink, so a page that sets its own fills sets the ink as well.
"""

FILLS = {
    "plain": "none", "input": "#dbe9f6", "output": "#dff0d8", "weight": "#fde7c3",
    "cotangent": "#f6d9d5", "zero": "none", "marked": "#fff3a3", "state": "#e6e0f3",
    "parameter": "#fde7c3",
}  # fmt: skip
"""Of cells."""

SHADES = (
    "#fbd38d", "#a7d8f0", "#f5b5c0", "#b5e0ad", "#d3c0ee", "#efe08a", "#a9e0d6", "#e3c5a5",
    "#cfd4da",
)  # fmt: skip
"""Of weights; there are as many as a kernel of three by three has entries."""

INKS = {"cotangent": "#9c1c14", "marked": "#6b4600", "zero": "#5f5f5f"}
"""Of the lines and letters of a role, where they are not those of all others."""

INK = "#1f2328"

NAMED = (
    {"ink": INK}
    | FILLS
    | {f"{role}-ink": colour for role, colour in INKS.items()}
    | {f"weight-{number + 1}": colour for number, colour in enumerate(SHADES)}
)
"""All of them by name, as a page finds them behind ``--derive-``."""

DARK = {
    "ink": "#e6edf3", "input": "#17324d", "output": "#1c3b20", "weight": "#4a3410",
    "cotangent": "#4d1f1a", "marked": "#4d4300", "state": "#352a52", "parameter": "#4a3410",
    "cotangent-ink": "#ffa198", "marked-ink": "#f2cc60", "zero-ink": "#a5adb5",
    "weight-1": "#664407", "weight-2": "#0f4a66", "weight-3": "#6b2334", "weight-4": "#22521b",
    "weight-5": "#46307a", "weight-6": "#534c00", "weight-7": "#125249", "weight-8": "#5c4022",
    "weight-9": "#414950",
}  # fmt: skip
"""The same for light letters on a dark page."""


def properties(colours: dict[str, str]) -> str:
    """Declarations of custom properties, for a rule of a page: ``@media ... {:root{...}}``."""
    return "".join(f"--derive-{name}:{colour};" for name, colour in colours.items())


def shade(number: int) -> str:
    """The colour of a weight."""
    return NAMED[shade_name(number)]


def shade_name(number: int) -> str:
    """What the colour of a weight is called."""
    return f"weight-{number % len(SHADES) + 1}"


def ink(role: str) -> str:
    """What the colour of lines and letters of a role is called."""
    return f"{role}-ink" if role in INKS else "ink"
