"""Readers: the bytes of one object become chunks of raw rows; only a chunk is in memory at a time."""

from airnub_data.readers.chunk import CHUNK, Chunk, Reader
from airnub_data.readers.csv import Csv
from airnub_data.readers.function import Function
from airnub_data.readers.json_lines import JsonLines

__all__ = ["CHUNK", "Chunk", "Csv", "Function", "JsonLines", "Reader"]
