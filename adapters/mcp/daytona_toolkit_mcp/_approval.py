"""A person's consent before a call that changes something."""

import json
import secrets
from hashlib import sha256

import mcp_types as types
from mcp.server import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from daytona_toolkit.tools import Tool

# Questions that may be open at once; the oldest is forgotten, and asked again if need be.
_OPEN = 1000

_NO_FIELDS: types.ElicitRequestedSchema = {"type": "object", "properties": {}}


class Approval:
    """Asks a person, through the client, about one call at a time.

    In the revision of 2026-07-28 the question is the answer to the call, and the client then
    calls again. The state that it brings along was never seen before, and is good for one
    call with the same arguments: a yes to `ls` is none to `rm`.
    """

    def __init__(self) -> None:
        self._asked: dict[str, bytes] = {}

    async def of(
        self, ctx: ServerRequestContext, params: types.CallToolRequestParams, row: Tool
    ) -> types.InputRequiredResult | str | None:
        """None if the person agrees; else the question, or why the call is not run."""
        capabilities = ctx.session.client_capabilities
        asks = capabilities.elicitation if capabilities else None
        # A client that names no mode shows forms, as all did before there were others.
        if asks is None or (asks.form is None and asks.url is not None):
            return "it needs the approval of a person, and this client cannot ask for it"
        question = row.question(params.arguments or {})
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            given = await ctx.session.elicit_form(question, _NO_FIELDS, ctx.request_id)
            return _reason(given)
        call = json.dumps([params.name, params.arguments], sort_keys=True)
        digest = sha256(call.encode()).digest()
        if self._asked.pop(params.request_state or "", None) == digest:
            return _reason((params.input_responses or {}).get("approval"))
        while len(self._asked) >= _OPEN:
            del self._asked[next(iter(self._asked))]
        state = secrets.token_urlsafe()
        self._asked[state] = digest
        form = types.ElicitRequestFormParams(message=question, requested_schema=_NO_FIELDS)
        request = types.ElicitRequest(params=form)
        return types.InputRequiredResult(input_requests={"approval": request}, request_state=state)


def _reason(answer: object) -> str | None:
    if isinstance(answer, types.ElicitResult) and answer.action == "accept":
        return None
    return "the person did not approve of it"
