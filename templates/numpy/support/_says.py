def _says(value, word):
    """Whether the caller spelled an option with this word."""
    return isinstance(value, str) and value == word
