# SymPy annotates most results as Basic, which has neither arithmetic nor attributes.
from typing import Any

def __getattr__(name: str) -> Any: ...
