"""From an equation to a derivation, a NumPy module, and a proof that the two agree."""

__version__ = "0.1.0"
