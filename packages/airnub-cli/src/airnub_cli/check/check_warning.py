"""Warnings of `airnub check`: reported beside mistakes, with file and line; the exit status stays 0."""

from dataclasses import dataclass

from airnub_prefect.errors import Diagnostic


@dataclass(frozen=True, slots=True)
class CheckWarning(Diagnostic):
    """Something that is probably unfinished, and that may be meant as it is."""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: warning: {self.message}"


def mistakes_in(found: list[Diagnostic]) -> list[Diagnostic]:
    """Those that are no warnings."""
    return [one for one in found if not isinstance(one, CheckWarning)]
