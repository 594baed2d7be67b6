"""project_alpha: the example department."""
