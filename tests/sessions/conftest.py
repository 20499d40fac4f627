from tests.doubles.golden_session import session

__all__ = ["session"]
