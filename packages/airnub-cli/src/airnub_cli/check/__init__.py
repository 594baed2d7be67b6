"""Check: everything that must be true of the workspace, every mistake at once, with file and line. Nothing is changed.

- `command`: arguments in, mistakes out;
- `everything`: which looks there are, and their order;
- `conformance`: names and files that every member has;
- `placement`: where a member must be named besides;
- `imports`: who imports whom, as a graph with lines; `contracts` and `dependencies` ask it;
- `flows`: every flow deployed, every key of settings known;
- `configuration`: deployments, the root's `prefect.yaml`, and what the backend is to hold, in every environment;
- `publications`: what departments publish and read; `published` what their code makes, `readers` who would break;
- `lock`: whether `uv.lock` fits.
"""
