"""The flows of department_template: one for each stage, and `pipeline`, which runs all stages."""
