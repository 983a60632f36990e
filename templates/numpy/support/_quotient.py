def _quotient(over, under, dtype):
    """A quotient of two numbers; infinite, and no error, where a size is 0."""
    return _real(over, dtype) / under if under else over * float("inf")
