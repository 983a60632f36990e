"""Is what was generated what was defined?"""

from derive.verification.verify import Report, verify

__all__ = ["Report", "verify"]
