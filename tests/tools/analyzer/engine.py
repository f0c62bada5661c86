"""GoogleSQL's own library, with that part of the language that BigQuery has; in .tools/analyzer."""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

import zetasql.core.wasm_client
from google._upb import _message
from wasmtime import Config
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.types import (
    AnalyzerOptions,
    ErrorMessageMode,
    LanguageFeature,
    LanguageOptions,
    ProductMode,
    ZetaSQLBuiltinFunctionOptions,
)
from zetasql.wasi._pb2.zetasql.public import type_pb2

#: What the open analyzer can be asked to take, and BigQuery does not know.
NOT_IN_BIGQUERY = [
    "AGGREGATE_FILTERING", "ARRAY_AGGREGATION_FUNCTIONS", "ARRAY_EQUALITY", "ARRAY_FIND_FUNCTIONS",
    "ARRAY_GREATEST_LEAST", "ARRAY_ORDERING", "ARRAY_ZIP", "BARE_ARRAY_ACCESS",
    "CAST_DIFFERENT_ARRAY_TYPES", "CBRT_FUNCTIONS", "DML_RETURNING", "DOT_PRODUCT",
    "ENABLE_MEASURES", "FIRST_AND_LAST_N", "FOR_UPDATE", "INLINE_LAMBDA_ARGUMENT",
    "INSERT_ON_CONFLICT_CLAUSE", "JSON_CONTAINS_FUNCTION", "JSON_FLATTEN_FUNCTION",
    "JSON_QUERY_LAX", "JSON_TYPE_COMPARISON", "LATERAL_JOIN", "LITERAL_CONCATENATION",
    "MULTILEVEL_AGGREGATION", "MULTIWAY_UNNEST", "NULLIFZERO_ZEROIFNULL", "PI_FUNCTIONS",
    "STRUCT_POSITIONAL_ACCESSOR", "TIMESTAMP_NANOS", "TIMESTAMP_PICOS", "TYPEOF_FUNCTION",
    "UNNEST_AND_FLATTEN_ARRAYS", "UUID_TYPE",
]  # fmt: skip


#: Any other than UTC: a project may have one, and nothing may depend on it.
ANY_ZONE = "America/Los_Angeles"


def prepare() -> None:
    """Once per process, before the first call."""
    _cache_compiled_module(Path(sys.prefix) / "cache")
    _copy_blocks()
    # Deep queries make deep answers.
    _message.SetAllowOversizeProtos(True)


def options(time_zone: str = ANY_ZONE) -> tuple[Any, Any]:
    """How statements are read, and which functions there are: two messages."""
    language = LanguageOptions.maximum_features()
    language.product_mode = ProductMode.PRODUCT_EXTERNAL
    unknown = {LanguageFeature[f"FEATURE_{name}"] for name in NOT_IN_BIGQUERY}
    language.enabled_language_features = [
        feature for feature in language.enabled_language_features if feature not in unknown
    ]
    # None: all kinds.
    language.supported_statement_kinds = []
    analyzer = AnalyzerOptions(
        language_options=language,
        default_timezone=time_zone,
        error_message_mode=ErrorMessageMode.ERROR_MESSAGE_MULTI_LINE_WITH_CARET,
    )
    functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
    return analyzer.to_proto(), functions.to_proto()


def call(method: str, request: Any, answer: Any) -> Any:
    """Calls a method of the library's service; the answer is a message of the given class."""
    client = ZetaSqlLocalService.get_instance().wasm_client
    return client.call_grpc_func(f"ZetaSqlLocalService_{method}", request, answer)


def type_name(kind: Any) -> str:
    """The type in BigQuery's words."""
    if kind.HasField("array_type"):
        return f"array<{type_name(kind.array_type.element_type)}>"
    if kind.HasField("struct_type"):
        fields = (
            f"{field.field_name} {type_name(field.field_type)}" for field in kind.struct_type.field
        )
        return f"struct<{', '.join(fields)}>"
    name = type_pb2.TypeKind.Name(kind.type_kind).removeprefix("TYPE_").lower()
    return "float64" if name == "double" else str(name)


def _cache_compiled_module(directory: Path) -> None:
    """Keeps what wasmtime compiled: half a minute the first time, a second from then on."""
    settings = directory.with_suffix(".toml")
    settings.write_text(f"[cache]\ndirectory = {json.dumps(str(directory))}\n")

    def cached() -> Config:
        config = Config()
        config.cache = str(settings)
        return config

    zetasql.core.wasm_client.Config = cached


def _copy_blocks() -> None:
    """Requests and answers in one piece: as released they are copied byte by byte, in Python."""

    def address(client: Any, pointer: int) -> int:
        return ctypes.addressof(client.memory.data_ptr().contents) + pointer

    def write(client: Any, pointer: int, data: bytes) -> None:
        ctypes.memmove(address(client, pointer), data, len(data))

    def read(client: Any, pointer: int, size: int) -> bytes:
        return ctypes.string_at(address(client, pointer), size)

    zetasql.core.wasm_client.WasmClient.write_bytes = write
    zetasql.core.wasm_client.WasmClient.read_bytes = read
