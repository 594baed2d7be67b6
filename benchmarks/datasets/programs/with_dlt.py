"""Load the same API to Parquet with dlt, in a separate environment. It makes nested records columns, and lists tables.

Arguments: the URL of the API, and a folder.
"""

import json
import os
import resource
import sys
import time

FOLDER = sys.argv[2]
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{FOLDER}/lake",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
}

import dlt  # noqa: E402  # dlt reads its settings when it is imported
from dlt.sources.rest_api import rest_api_source  # noqa: E402


def main(url: str) -> None:
    """Extract, normalize and load."""
    started, cpu = time.perf_counter(), _cpu()
    base, _, path = url.rpartition("/")
    source = rest_api_source(
        {
            "client": {"base_url": f"{base}/"},
            "resources": [
                {
                    "name": "records",
                    "endpoint": {
                        "path": path,
                        "data_selector": "records",
                        "paginator": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=f"{FOLDER}/pipelines", destination="filesystem", dataset_name="bench", progress=None
    )
    pipeline.run(source, loader_file_format="parquet")
    seconds = time.perf_counter() - started
    cpu = _cpu() - cpu
    rows = pipeline.last_trace.last_normalize_info.row_counts["records"]
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rows": rows}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main(sys.argv[1])
