"""Markup as a browser reads it: what every formula and every page keeps to."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

# How many children an element has where that is fixed.
_CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2}
_ELEMENTS = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable", "mtr", "mtd"}
_ELEMENTS |= _CHILDREN.keys()
_ATTRIBUTES = {
    "class", "displaystyle", "mathvariant", "stretchy", "form", "accent", "minsize", "maxsize",
    "lspace", "rspace", "width",
}  # fmt: skip
_LEAVES = {"mi", "mn", "mo", "mtext", "mspace"}


def checked_mathematics(root: ET.Element) -> ET.Element:
    """The tree, of which all mathematics is MathML Core with what it must have."""
    for math in root.iter("math"):
        for element in math.iter():
            assert element.tag in _ELEMENTS, element.tag
            assert set(element.keys()) <= _ATTRIBUTES, element.attrib
            assert len(element) == _CHILDREN.get(element.tag, len(element)), element.tag
            if element.tag in _LEAVES:
                assert len(element) == 0, element.tag
            else:  # text between elements is shown by no browser
                between = [element.text, *(child.tail for child in element)]
                assert not "".join(filter(None, between)).strip(), ET.tostring(element, "unicode")
    return root


def checked_page(markup: str) -> ET.Element:
    """A page that is whole, in order, and needs nothing from elsewhere."""
    root = checked_mathematics(ET.fromstring(markup))
    levels = [int(e.tag[1]) for e in root.iter() if e.tag in ("h1", "h2", "h3", "h4", "h5")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    places = [href[1:] for e in root.iter("a") if (href := e.get("href", "")).startswith("#")]
    assert set(places) <= set(ids)
    for element in root.iter():
        for name in ("src", "href"):
            assert "//" not in element.get(name, "")
    return root


def said(element: ET.Element) -> str:
    """All text of an element."""
    return "".join(element.itertext())
