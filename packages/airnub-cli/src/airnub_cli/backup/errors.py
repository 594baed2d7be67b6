"""What can go wrong with a backup or a restore, beside mistakes of the configuration and errors of stores."""


class BackupError(Exception):
    """A part of the system does not do what is needed, or a restore is refused; it says which, and what to do."""
