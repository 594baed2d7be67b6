"""Names of a department."""

from airnub_cli.configuration.names import Names, renamed


def test_each_form_of_the_name_becomes_that_of_the_department():
    """The name for people is left alone where none is said."""
    text = "department_template department-template Department Template dept_department_template_x"
    assert renamed(text, Names("my_orders", "Mine")) == "my_orders my-orders Mine dept_my_orders_x"
    assert renamed("Department Template", Names("my_orders")) == "Department Template"
