"""One command, from its line of JSON to the line that answers it: the same with and without a running service."""

from dataclasses import replace

import structlog

from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.control.table import OPERATIONS
from cloud.control.wire import decode_request, encode_error, encode_result, from_json
from cloud.errors import CloudError, InvalidRequest

_log = structlog.get_logger()


async def perform(administration: Administration, line: bytes, operator: str) -> bytes:
    """Do what the line asks, in that user's name, and answer with a line, also where the answer is an error."""
    try:
        return await _perform(replace(administration, operator=operator), line)
    except CloudError as error:
        _log.info("command.refused", reason=error.reason, error=type(error).__name__, **error.fields)
        return encode_error(error)


async def _perform(administration: Administration, line: bytes) -> bytes:
    request = decode_request(line)
    operation = _known(request.operation)
    try:
        params = from_json(operation.params, request.params)
    except ValueError as error:
        raise InvalidRequest(f"{operation.name} can't take these parameters: {error}") from error
    result = await operation.run(administration, params)
    _log.info("command.done", operation=operation.name, operator=administration.operator)
    return encode_result(result)


def _known(name: str) -> "Operation[object, object]":
    operation = OPERATIONS.get(name)
    if operation is None:
        raise InvalidRequest(
            "there is no such operation", next_step="Run the srx-cloud of the same version as the service."
        )
    return operation
