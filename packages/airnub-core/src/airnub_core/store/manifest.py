"""Manifests: what is known of one object, as JSON beside it."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from airnub_common import ALGORITHM, sha256_hex
from airnub_core.errors import DamagedManifestError
from airnub_core.store.provenance import SCHEMA_VERSION

Digest = Annotated[str, Field(pattern=rf"^{ALGORITHM}:[0-9a-f]{{64}}$")]


class Manifest(BaseModel):
    """One URL's claim on one object. URLs are redacted; `url_digest` is the SHA-256 of the whole URL."""

    # Manifests of newer versions may say more: what is not known is left alone.
    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    source: str
    url: str
    url_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    page: str | None = None
    """The page that the link was found on."""
    title: str | None = None
    """The text of the link."""
    final_url: str
    """Where the bytes came from after redirects."""
    path: str
    """Of the object, relative to the store's root, with `/`."""
    file_name: str
    original_file_name: str
    """As the server or the URL wrote it."""
    digest: Digest
    algorithm: Literal["sha256"] = "sha256"
    size: Annotated[int, Field(ge=0)]
    """In bytes."""
    content_type: str | None = None
    headers: dict[str, str] = {}
    fetched_at: AwareDatetime
    """When the bytes were asked for, by the clock of the index; in UTC."""
    previous_digest: Digest | None = None
    """Of the same URL before, as the index knew it when the bytes were asked for."""
    derived_from: tuple[Digest, ...] = ()
    """For an object made here: the objects that it was made from."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest in a file.

        Raises:
            DamagedManifestError: it cannot be read, or is not a manifest.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedManifestError(str(path), error.strerror or str(error)) from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """The manifest in some bytes; `where` they come from is for messages.

        Raises:
            DamagedManifestError: they are not a manifest.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            at = ".".join(map(str, first["loc"])) or "the whole file"
            raise DamagedManifestError(where, f"not a manifest: {at}: {first['msg']}") from error

    def as_bytes(self) -> bytes:
        """The JSON that is written beside the object."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def url_digest(url: str) -> str:
    """What a URL is known by: the 64 hexadecimal digits of its SHA-256, so that no secret in it is written down."""
    return sha256_hex(url.encode())
