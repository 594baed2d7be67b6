"""Ingestion: a stage with categories, each with a flow of its own."""

from project_alpha.flows.ingestion.stage import ingestion

__all__ = ["ingestion"]
