"""Source settings: the public format of what is ingested."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from airnub_common import MASK, is_masked_name, redact_url
from airnub_core.http.settings import LARGEST, Count, NetworkOverrides
from airnub_core.http.url import check_url
from airnub_core.sources.package_files import read_inside
from airnub_core.store.layout import SOURCE_PATTERN, checked_source_name
from airnub_core.tolerance import Tolerance

Secret = Callable[[str], str]
"""Gives the value of a secret, by a reference such as `secret/usgs-token`."""


MAX_URLS_FILE = 64 * 1024**2
"""Bytes; about a million URLs."""


def _selector(selector: str) -> str:
    from airnub_core.sources.links import check_selector  # it brings a parser of HTML, which files do without

    return check_selector(selector)


def _without_secrets(values: Mapping[str, object]) -> dict[str, object]:
    return {name: MASK if is_masked_name(name) else value for name, value in values.items()}


def _dotted(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError("expected a dotted path such as 'data.items'")
    return path


# As JSON, settings end up in databases and logs: credentials that somebody wrote into them do not.
_masked = PlainSerializer(_without_secrets, return_type=dict[str, object], when_used="json")
Url = Annotated[str, AfterValidator(check_url), PlainSerializer(redact_url, return_type=str, when_used="json")]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
"""What HTTP can send: visible ASCII."""
Number = Annotated[float, Field(allow_inf_nan=False)]
DottedPath = Annotated[str, AfterValidator(_dotted)]
SourceName = Annotated[str, AfterValidator(checked_source_name), Field(json_schema_extra={"pattern": SOURCE_PATTERN})]
SecretReference = Annotated[str, Field(pattern=r"^secret/[a-z0-9][a-z0-9-]*$")]
"""A Prefect Secret block by name, `secret/usgs-token`."""


class Source(NetworkOverrides):
    """What every source has: a name, and any key of `network` for itself."""

    name: SourceName
    on_gone: Literal["keep", "withdraw"] = "keep"
    """What becomes of a URL that answers 404 or 410, or that its page does not name any more, in two runs in a row."""

    tolerated_failures: Tolerance | None = None
    """Items of this source that may fail before the run fails, or a share such as `5%`; `None`: they count with those
    of all sources that say nothing of their own."""

    @property
    def withdraws(self) -> bool:
        """Whether such a URL is withdrawn."""
        return self.on_gone == "withdraw"

    @property
    def home(self) -> str | None:
        """The URL whose origin the headers of the source are for."""
        return None

    def request_headers(self, secret: Secret | None) -> dict[str, str]:  # noqa: ARG002  # as an API has them
        """What the source sends with each request, secrets among them; names in lower case."""
        return {}


class FileSource(Source):
    """Files at known URLs."""

    urls: list[Url] = []
    urls_file: str | None = None
    """A file in the folder of the department's package, one URL a line; empty lines and lines from `#` on are left out.
    """

    @model_validator(mode="after")
    def _some_urls(self) -> Self:
        if not self.urls and self.urls_file is None:
            raise ValueError("expected urls or urls_file, found neither")
        return self

    def with_urls_from(self, folder: Path) -> Self:
        """This source with the URLs of its `urls_file` behind its own.

        Args:
            folder: of the department's package. The file lies in it after links are resolved: a Variable and the
                parameter of a flow can name any path, and the file that it names is not shown.

        Raises:
            ValueError: the file is outside of `folder`, is not a regular file, is larger than `MAX_URLS_FILE` or cannot
                be read; a line is not a URL, named by its number alone; or there is no URL.
        """
        if self.urls_file is None:
            return self
        try:
            lines = read_inside(folder, self.urls_file, MAX_URLS_FILE).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            # The error of Python quotes what it found.
            raise ValueError(f"{self.name}: urls_file {self.urls_file}: expected text in UTF-8, found others") from None
        except ValueError as error:
            raise ValueError(f"{self.name}: urls_file {self.urls_file}: {error}") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"{self.name}: urls_file {self.urls_file} cannot be read: {reason}") from None
        path = folder / self.urls_file
        urls = list(self.urls)
        for number, line in enumerate(lines, 1):
            url = line.partition(" #")[0].strip()
            if not url or url.startswith("#"):
                continue
            try:
                urls.append(check_url(url))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}, found other text, which is not shown") from None
        if not urls:
            raise ValueError(f"{path}: expected at least one URL, found none")
        return self.model_copy(update={"urls": urls, "urls_file": None})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auth(_Part):
    """A secret that is sent as a header."""

    block: SecretReference
    header: HeaderName = "Authorization"
    prefix: HeaderText = ""


Start = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
"""The number of the first page, or the first offset."""


class _Pages(_Part):
    max: Count = 1000
    """The largest number of pages; an API that goes on is an error."""


class NumberedPages(_Pages):
    """`?page=1`, `?page=2`, … up to the first page without records.

    An error 400, 404, 410, 416 or 422 instead of that page is the end too, where the page before had fewer records than
    `size`, or than one before it. With `total` nothing is asked for behind the last page.
    """

    kind: Literal["page"]
    param: str = "page"
    start: Start = 1
    size_param: str | None = None
    size: Count | None = None
    """Records of a full page; sent where there is a `size_param`."""
    total: DottedPath | None = None
    """Where an answer says how many records there are in all; an API that ends before is an error."""


class OffsetPages(_Pages):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, … up to the first page without records.

    The offset goes on by the records that came, which may be fewer than were asked for. Ends and `total` are those of
    `NumberedPages`.
    """

    kind: Literal["offset"]
    param: str = "offset"
    start: Start = 0
    limit_param: str = "limit"
    limit: Count = 100
    total: DottedPath | None = None
    """Where an answer says how many records there are in all; an API that ends before is an error."""


class CursorPages(_Pages):
    """The next page's cursor stands in the answer, at the dotted path `next`; the last page has none.

    A cursor that is an http or https URL is that of the next page, and is asked for as it is.
    """

    kind: Literal["cursor"]
    param: str = "cursor"
    next: DottedPath


class LinkPages(_Pages):
    """The next page's URL stands in the Link header (RFC 8288), with `rel="next"`."""

    kind: Literal["link"]


class Incremental(_Part):
    """Only what is new: `field` of the records grows, and its largest value so far is sent as `param`.

    Records of this very value that were there before are left out when the API gives them again.
    """

    field: DottedPath
    param: str


class ApiSource(Source):
    """A public JSON API."""

    url: Url
    params: Annotated[dict[str, str | int | Number | bool], _masked] = {}
    headers: Annotated[dict[HeaderName, HeaderText], _masked] = {}
    auth: Auth | None = None
    records: DottedPath | None = None
    """Where the list of records stands in an answer; without it the whole answer is kept."""
    pages: Annotated[NumberedPages | OffsetPages | CursorPages | LinkPages, Field(discriminator="kind")] | None = None
    incremental: Incremental | None = None

    @property
    def home(self) -> str | None:
        """The URL whose origin the headers of the source are for."""
        return self.url

    def request_headers(self, secret: Secret | None) -> dict[str, str]:
        """What the source sends with each request, secrets among them; names in lower case.

        Args:
            secret: gives the value of a secret by its reference.

        Raises:
            ValueError: the source has `auth`, and there is no `secret`.
        """
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.auth is not None:
            if secret is None:
                raise ValueError(f"{self.name}: expected a function that gives {self.auth.block} (auth), found none")
            headers[self.auth.header.lower()] = self.auth.prefix + secret(self.auth.block)
        return headers

    @model_validator(mode="after")
    def _incremental_records(self) -> Self:
        if self.incremental is not None and self.records is None:
            raise ValueError("incremental reads a field of the records: expected records, found none")
        return self


class PageSource(Source):
    """Links on a web page, or the URLs of a sitemap."""

    page: Url | None = None
    sitemap: Url | None = None
    links: Annotated[str, AfterValidator(_selector)] | None = None
    """CSS selector of the links on the page."""
    download: bool = True
    """`False`: the list of links is stored, what they point at is not."""

    @model_validator(mode="after")
    def _page_or_sitemap(self) -> Self:
        if (self.page is None) == (self.sitemap is None):
            raise ValueError("expected either page or sitemap")
        if (self.page is None) != (self.links is None):
            raise ValueError("links is the selector of a page: expected it with page, and only there")
        return self
