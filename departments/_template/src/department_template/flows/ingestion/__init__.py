"""Ingestion: a stage with categories, each with a flow of its own."""

from department_template.flows.ingestion.stage import ingestion

__all__ = ["ingestion"]
