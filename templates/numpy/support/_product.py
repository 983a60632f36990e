def _product(left, right):
    """The matrix product; over an axis of length 1 it is an outer product, which BLAS is slow at."""
    return left * right if left.shape[-1] == 1 else left @ right
