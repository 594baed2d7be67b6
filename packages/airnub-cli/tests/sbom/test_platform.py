"""Platform: what of a lock for all systems is in an image."""

import pytest

from airnub_cli.sbom.platform import only_installed


def component(name, marker=None):
    """As uv exports it."""
    properties = {"properties": [{"name": "uv:package:marker", "value": marker}]} if marker else {}
    return {"bom-ref": name, "name": name, "version": "1"} | properties


@pytest.mark.parametrize(
    ("marker", "python", "kept"),
    [
        (None, "3.13", True),
        ("sys_platform == 'win32'", "3.13", False),
        ("sys_platform == 'win32'", None, False),
        ("sys_platform != 'win32'", "3.13", True),
        ("platform_machine == 'aarch64'", "3.13", True),
        ("platform_machine == 's390x'", "3.13", False),
        ("python_full_version < '3.12'", "3.13", False),
        ("python_full_version < '3.12'", "3.11", True),
        ("python_full_version < '3.12'", None, True),
        ("python_full_version < '3.13.4'", "3.13", True),
        ("python_full_version >= '3.13.4'", "3.13", True),
        ("implementation_name != 'PyPy'", "3.13", True),
    ],
)
def test_who_is_installed(marker, python, kept):
    """On Linux, with the Python of the base; in doubt it is told."""
    bill = {
        "bomFormat": "CycloneDX",
        "components": [component("a"), component("b", marker)],
        "dependencies": [{"ref": "a", "dependsOn": ["b"]}, {"ref": "b"}],
    }
    found = only_installed(bill, python)
    assert found["bomFormat"] == "CycloneDX"
    assert [one["name"] for one in found["components"]] == (["a", "b"] if kept else ["a"])
    assert found["dependencies"] == (bill["dependencies"] if kept else [{"ref": "a", "dependsOn": []}])
