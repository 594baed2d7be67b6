"""Names of the settings of a stage."""

from airnub_prefect.settings import StageSettings
from airnub_prefect.settings_names import variable_of, yaml_name_of


def test_names_are_those_of_the_model():
    """They can be printed without importing the model."""

    class Settings(StageSettings, department="orders", stage="ingestion"):
        pass

    assert Settings.variable() == variable_of("orders", "ingestion") == "dept_orders_ingestion_config"
    assert Settings.yaml_name() == yaml_name_of("orders", "ingestion") == "configs/variables/orders/ingestion.yaml"
