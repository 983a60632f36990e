def _first(condition, count, begin=0):
    """The number of the first point that meets the condition, along the last `count` axes; or -1.

    Numbers are counted from `begin`.
    """
    kept = condition.ndim - count
    points = condition.reshape((*condition.shape[:kept], _count(condition.shape[kept:])))
    if points.size < 4096 or points.shape[-1] > 16:
        return (
            np.where(points.any(axis=-1), begin + points.argmax(axis=-1), -1) if points.size else -1
        )
    none = points[..., 0] == 0  # NumPy is slow along short axes
    number = none + begin
    for place in range(1, points.shape[-1]):
        none = none & (points[..., place] == 0)
        number += none
    return np.where(none, -1, number)
