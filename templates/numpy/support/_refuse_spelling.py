def _refuse_spelling(name, value, words):
    """The option is none of its words."""
    raise ValueError(f"{name} must be one of {words}, not {value!r}")
