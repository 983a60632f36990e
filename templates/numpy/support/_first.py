def _first(condition, count, begin=0):
    """The number of the first point that meets the condition, along the last `count` axes; or -1.

    Numbers are counted from `begin`.
    """
    kept = condition.ndim - count
    points = condition.reshape((*condition.shape[:kept], _count(condition.shape[kept:])))
    return np.where(points.any(axis=-1), begin + points.argmax(axis=-1), -1) if points.size else -1
