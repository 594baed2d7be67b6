"""Readers: parse the bytes of one object into chunks of raw rows; only one chunk is in memory at a time.

chunk        result of a reader
csv, json_lines, json, excel, parquet   one format each
zip          members of an archive, each parsed by a different reader
function     a function of a department as a reader
text         decoding
whole_file   formats that cannot be read from beginning to end
"""

from airnub_data.readers.chunk import CHUNK, Chunk, Reader
from airnub_data.readers.csv import Csv
from airnub_data.readers.excel import Excel
from airnub_data.readers.function import Function
from airnub_data.readers.json import Json
from airnub_data.readers.json_lines import JsonLines
from airnub_data.readers.parquet import Parquet
from airnub_data.readers.zip import Zip

__all__ = ["CHUNK", "Chunk", "Csv", "Excel", "Function", "Json", "JsonLines", "Parquet", "Reader", "Zip"]
