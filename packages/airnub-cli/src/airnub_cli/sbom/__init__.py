"""Bills of materials: what an image holds of others, from the lock, with the licence of each.

- `command`: `airnub sbom`;
- `bill`: the bill of an image, CycloneDX, as uv exports it and with what uv does not know;
- `platform`: which of the lock's packages an image gets;
- `licences`: what installed packages say of theirs.
"""
