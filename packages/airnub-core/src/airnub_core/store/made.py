"""What is made from the answers of a URL: the records of an API, the list of a page's links."""


def made_url(url: str, file_name: str) -> str:
    """What such an object is known by: the URL may have an object of its own, the raw answer."""
    return f"{url}#{file_name}"


def records_name(source: str) -> str:
    """The file of the records of an API."""
    return f"{source}.jsonl"


def links_name(source: str) -> str:
    """The file that lists the links of a page."""
    return f"{source}.links.json"
