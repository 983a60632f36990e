def _says(value, word):
    """Whether the caller spelled an option with this word (or None, True or False)."""
    value = bool(value) if isinstance(value, np.bool_) else value
    return type(value) is type(word) and value == word
