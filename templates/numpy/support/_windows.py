def _windows(array, taps, steps, dilations, places):
    """The view ``array[.., s*p + d*u]`` of the last axes, indexed by every p and then every u."""
    last = tuple(range(array.ndim - len(taps), array.ndim))
    reach = tuple(d * (u - 1) + 1 for u, d in zip(taps, dilations))
    view = np.lib.stride_tricks.sliding_window_view(
        array, reach, last, writeable=array.flags.writeable
    )
    at = tuple(slice(0, s * (p - 1) + 1, s) for s, p in zip(steps, places))
    return view[(..., *at, *(slice(None, None, d) for d in dilations))]
