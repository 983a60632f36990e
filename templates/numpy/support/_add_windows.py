def _add_windows(array, columns, taps, steps, dilations, places):
    """Add ``columns[u.., .., p..]`` to ``array[.., s*p + d*u]``: the transpose of `_windows`."""
    if columns.size == 0:
        return
    if all(s > d * (u - 1) for u, s, d in zip(taps, steps, dilations)):
        # No two windows share an entry, so all taps can be added at once.
        view = _windows(array, taps, steps, dilations, places)
        count = len(taps)
        view += columns.transpose(*range(count, columns.ndim), *range(count))
        return
    for tap in np.ndindex(*taps):
        at = tuple(
            slice(d * u, d * u + s * (p - 1) + 1, s)
            for u, s, d, p in zip(tap, steps, dilations, places)
        )
        array[(..., *at)] += columns[tap]
