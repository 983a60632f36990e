def _add_rows(array, rows, values):
    """``array[rows] += values`` where a row may come several times; `array` is contiguous."""
    if values.size < 1024:
        np.add.at(array, (rows,), values)
        return
    # NumPy is several times as fast at single entries as at rows.
    width = _count(array.shape[1:])
    entries = (rows.reshape((rows.size, 1)) * width + np.arange(width)).reshape(
        (rows.size * width,)
    )
    values = np.broadcast_to(values, (*rows.shape, *array.shape[1:]))
    np.add.at(array.reshape((array.size,)), entries, values.reshape((values.size,)))
