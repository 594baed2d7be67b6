"""The flows of project_alpha: one for each stage, and `pipeline`, which runs all stages."""
