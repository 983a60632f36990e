def _at_least(what, size, minimum):
    """Refuse an extent that is too small."""
    if size < minimum:
        raise ValueError(f"{what} must be at least {minimum}, not {size}")
