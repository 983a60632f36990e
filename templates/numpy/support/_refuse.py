def _refuse(words, values):
    """A requirement of the operation does not hold."""
    raise ValueError(f"{words} ({', '.join(f'{name} = {value}' for name, value in values)})")
