"""The one error of an operation that could not be done."""


class OperationError(Exception):
    """Says in one sentence what is wrong and, after a line break, what to do about it."""
