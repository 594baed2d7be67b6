"""department_template: a department of airnub."""
