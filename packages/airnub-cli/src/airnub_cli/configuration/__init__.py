"""Configuration: the files that `airnub apply` and deployments both read, each understood in one place.

- `environment`: `configs/environments/<name>.yaml`, what is different there;
- `overlay`: how what is different is laid over what is written;
- `registry`: `configs/departments.yaml`, who owns a department;
- `contract`: `contracts/` of a department, what it publishes; `reads`: its `reads.yaml`, what it reads of others;
- `entry`: what files that stand for one object of the backend have in common;
- `pools`: work pools as their files say them, and of which type one is in an environment;
- `templates`: what a pool's worker understands, by its type.
"""
