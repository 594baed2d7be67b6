"""A module that cannot be imported."""

raise RuntimeError("expected a licence, found none")
