"""department_template, the living template: the smallest department that is complete."""
