def _first(condition, count):
    """The number of the first point that meets the condition, along the last `count` axes; or -1."""
    kept = condition.ndim - count
    points = condition.reshape((*condition.shape[:kept], _count(condition.shape[kept:])))
    return np.where(points.any(axis=-1), points.argmax(axis=-1), -1) if points.size else -1
