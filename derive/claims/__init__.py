"""Claims about operations, tried: is a gradient that somebody derived by hand right?"""

from derive.claims.verdict import Answer, Verdict, audit

__all__ = ["Answer", "Verdict", "audit"]
