"""Functions that every other package depends on; only the standard library is required.

atomic_files   files that are written completely or not at all
checkout       the repository around a file, and the data root of relative paths
digests        SHA-256 of bytes, as text
file_names     names that are safe in every file system
moved          deprecated import paths and names
redaction      credentials removed from URLs and texts

The public API is `__all__`.
"""

from airnub_common.atomic_files import atomic_file, write_atomic
from airnub_common.checkout import DATA_ROOT, checkout_around, named_data_root
from airnub_common.digests import ALGORITHM, digest_of, hex_of, sha256_hex
from airnub_common.file_names import MAX_NAME_BYTES, is_reserved_name, safe_file_name
from airnub_common.redaction import MASK, is_masked_name, is_secret_name, redact_text, redact_url

__all__ = [
    "ALGORITHM",
    "DATA_ROOT",
    "MASK",
    "MAX_NAME_BYTES",
    "atomic_file",
    "checkout_around",
    "digest_of",
    "hex_of",
    "is_masked_name",
    "is_reserved_name",
    "is_secret_name",
    "named_data_root",
    "redact_text",
    "redact_url",
    "safe_file_name",
    "sha256_hex",
    "write_atomic",
]
