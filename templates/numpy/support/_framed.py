def _framed(array, lows, extents):
    """The last axes from ``-low`` on, `extents` long: cropped, or zero where there is no entry."""
    plain = array.ndim - len(extents)
    inner, outer, whole = [slice(None)] * plain, [slice(None)] * plain, True
    for size, low, extent in zip(array.shape[plain:], lows, extents):
        first, last = max(0, -low), max(0, -low, min(size, extent - low))
        inner.append(slice(first, last))
        outer.append(slice(first + low, last + low))
        whole = whole and last - first == extent
    if whole:
        return array[tuple(inner)]
    shape = (*array.shape[:plain], *(max(0, extent) for extent in extents))
    framed = np.zeros(shape, array.dtype)
    framed[tuple(outer)] = array[tuple(inner)]
    return framed
