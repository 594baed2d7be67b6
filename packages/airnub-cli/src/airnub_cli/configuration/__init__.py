"""Configuration: the files that `airnub apply` and deployments both read, each understood in one place.

- `environment`: `configs/environments/<name>.yaml`, what is different there;
- `overlay`: how what is different is laid over what is written;
- `registry`: `configs/departments.yaml`, who owns a department;
- `pools`: which work pools are files;
- `templates`: what a pool's worker understands, by its type.
"""
