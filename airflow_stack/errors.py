"""What goes wrong in a way that a user can mend."""


class StackError(Exception):
    """``str()`` is the whole text for the user: what is wrong and what to do. No traceback belongs to it."""

    exit_code = 1
    """Of the command that ends with it."""


class OperationError(StackError):
    """Something that the machine, Docker or Pulumi does not allow or have."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, of a cancelled job: it ends a command as Ctrl-C does, which cleans up behind itself.

    A terminal sends Ctrl-C to the commands that were started as well; of this signal they know nothing.
    """
