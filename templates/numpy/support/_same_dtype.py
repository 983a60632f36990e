def _same_dtype(names, arrays):
    """Refuse arrays of different precision: NumPy would silently compute in the wider one."""
    found = [(n, a.dtype.name) for n, a in zip(names, arrays) if a is not None]
    if len({dtype for _, dtype in found}) > 1:
        listed = ", ".join(f"{name} is {dtype}" for name, dtype in found)
        raise TypeError(f"all arrays must have one dtype, but {listed}")
