"""Letters can be read on every cell, on a light page and on a dark one."""

import pytest

from derive.prose.pictures.colours import DARK, FILLS, INKS, NAMED, properties

PAGES = {"light": (NAMED, "#ffffff"), "dark": (DARK, "#0d1117")}


def luminance(colour: str) -> float:
    """As the Web Content Accessibility Guidelines define it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_contrast(page):
    colours, ground = PAGES[page]
    fills = [c for name, c in colours.items() if not name.endswith("ink") and c != "none"]
    assert all(contrast(colours["ink"], fill) >= 7 for fill in (*fills, ground))
    for role in INKS:
        on = colours.get(role, "none") if FILLS[role] != "none" else ground
        assert contrast(colours[f"{role}-ink"], on) >= 4.5, role
        assert contrast(colours[f"{role}-ink"], ground) >= 4.5, role


def test_a_dark_page_sets_every_colour_anew():
    assert DARK.keys() == {name for name, colour in NAMED.items() if colour != "none"}
    assert properties({"ink": "#fff"}) == "--derive-ink:#fff;"
