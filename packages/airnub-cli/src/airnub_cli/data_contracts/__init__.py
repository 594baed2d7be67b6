"""Data contracts: what departments publish and read, checked against their code and readers."""
