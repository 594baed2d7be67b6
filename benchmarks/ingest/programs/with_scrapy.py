"""scrapy's FilesPipeline. Arguments: the folder, a file of URLs, the number of connections."""

import json
import sys
import time
from pathlib import Path

import scrapy
from scrapy.crawler import CrawlerProcess


class Files(scrapy.Spider):
    """One item that names all URLs; no page is fetched."""

    name = "files"
    urls: list[str]

    async def start(self):
        yield {"file_urls": self.urls}


def main(folder: str, listed: str, connections: int) -> None:
    """Crawl, and print the seconds that it took."""
    process = CrawlerProcess(
        {
            "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
            "FILES_STORE": folder,
            "CONCURRENT_REQUESTS": connections,
            "CONCURRENT_REQUESTS_PER_DOMAIN": connections,
            "DOWNLOAD_DELAY": 0,
            "DOWNLOAD_MAXSIZE": 0,
            "DOWNLOAD_WARNSIZE": 0,
            "ROBOTSTXT_OBEY": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_ENABLED": False,
        }
    )
    process.crawl(Files, urls=Path(listed).read_text().split())
    started = time.perf_counter()
    process.start()
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
