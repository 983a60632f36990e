def _word(name, value, words):
    """What a word stands for; True, False and None are words, too."""
    value = bool(value) if isinstance(value, np.bool_) else value
    if not isinstance(value, (str, bool, type(None))) or value not in words:
        listed = ", ".join(f"{word!r}" for word in words)
        raise ValueError(f"{name} must be one of {listed}, not {value!r}")
    return words[value]
