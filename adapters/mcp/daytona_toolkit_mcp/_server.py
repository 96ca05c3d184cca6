"""The server: rows of the tool table as tools of the protocol."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server import CacheHint, Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from daytona_toolkit import Limits, SandboxSession, SessionPool, TerminalError
from daytona_toolkit.tools import (
    Choice,
    Key,
    Rendered,
    Tool,
    check_key,
    check_session,
    choose,
    key_in,
    use,
)
from daytona_toolkit_mcp._approval import Approval
from daytona_toolkit_mcp._files import Files, SessionOf
from daytona_toolkit_mcp._progress import progress_of

# Bytes of text in a result. Clients show a model 25,000 tokens, of two bytes at the least. What
# is more has both its ends: the last line of a command says how it went.
_LARGEST_TEXT = 50_000

# With these only long lists come up to that. Claude Desktop takes no result above a megabyte,
# and a picture grows by a third on its way.
LIMITS = Limits(output_bytes=24_000, read_bytes=36_000, image_bytes=700_000, entries=500)

# Characters of the arguments of one call.
LARGEST_CALL = 4 * 1024 * 1024

# Seconds that a call waits for a command: most clients give up on it after a minute.
_PATIENCE = 45

_INSTRUCTIONS = (
    "These tools work in one workspace, a sandbox with its own files and processes. They see "
    "each other's changes. Relative paths start at the workspace's root."
)
_OF_COMMANDS = (
    f" A command that still runs after {_PATIENCE} s goes on as a job until its timeout: look "
    "after it with the tool {}."
)


def make_server(
    session: SandboxSession | SessionPool,
    *,
    key: Key[ServerRequestContext] | None = None,
    tools: Choice = "all",
    prefix: str = "",
    approval: bool = False,
    shell: str | None = None,
) -> Server[dict[str, Any]]:
    """The workspace of a session as an MCP server, for clients of each revision.

    The server neither opens nor closes the session: the first call that needs the workspace
    opens it. One server may serve many connections, also at once.

    Args:
        session: The workspace; give it `LIMITS`, or smaller ones. Or a `SessionPool`, with a
            `key`.
        key: Which session of the pool: a fixed key, or a function of the request's
            `ServerRequestContext`, which may be a coroutine function. Over HTTP, `request` there
            has the headers.
        tools: `"core"`, `"read_only"`, `"all"`, or a list of names. With `exec` there is
            always `job`, because a client's patience with a call ends before many commands.
        prefix: Put before the name of each tool.
        approval: Whether a person is asked, through the client, before each call that
            changes something. A client that cannot ask has such calls refused.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: `cd` and
            exported variables carry over from each to the next. Unless given, each starts fresh.

    Raises:
        TypeError: `session` is neither a session nor a pool, or has no fitting `key`.
        ValueError: There is no such tool, or the prefix makes no name.

    Example:
        ```python
        async with SandboxSession(LocalSandbox("./work"), limits=LIMITS) as session:
            async with mcp.Client(make_server(session)) as client:
                print(await client.call_tool("exec", {"command": "ls"}))
        ```
    """
    check_session(session, "make_server")
    check_key(session, key, "ServerRequestContext")

    @asynccontextmanager
    async def session_of(ctx: ServerRequestContext) -> AsyncIterator[SandboxSession]:
        async with use(session, await key_in(ctx, key)) as one:
            yield one

    rows, told = choose(tools, prefix, session=session, shell=shell), _INSTRUCTIONS
    if prefix + "exec" in rows:
        rows |= choose(["job"], prefix, session=session)
        told += _OF_COMMANDS.format(prefix + "job")
    calls = _Calls(session_of, rows, Approval() if approval else None)
    files = Files(session_of)
    return Server(
        "daytona-toolkit-mcp",
        version=version("daytona-toolkit-mcp"),
        title="Workspace",
        instructions=told,
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000)},
        get_tool_input_schema=lambda name: rows[name].schema() if name in rows else None,
        on_list_tools=calls.list,
        on_call_tool=calls.call,
        on_list_resources=files.list,
        on_list_resource_templates=files.templates,
        on_read_resource=files.read,
    )


class _Calls:
    """The tools, and what a call of one does."""

    def __init__(
        self, session_of: SessionOf, rows: dict[str, Tool], approval: Approval | None
    ) -> None:
        self._session_of = session_of
        self._rows = rows
        self._approval = approval

    async def list(
        self, ctx: ServerRequestContext, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_tool(name, row) for name, row in self._rows.items()])

    async def call(
        self, ctx: ServerRequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        row = self._rows.get(params.name)
        if row is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        arguments = params.arguments or {}
        size = len(json.dumps(arguments, ensure_ascii=False))
        if size > LARGEST_CALL:
            return _failed(
                f"{params.name} was not run: its arguments have {size:,} characters, more than "
                f"the {LARGEST_CALL:,} of one call. Write a large file in parts, each to a file "
                "of its own, and join them with exec and cat; or let a command make it."
            )
        if self._approval and row.needs_approval(arguments):
            answer = await self._approval.of(ctx, params, row)
            if isinstance(answer, types.InputRequiredResult):
                return answer
            if answer:
                return _failed(f"{params.name} was not run: {answer}.")
        async with progress_of(ctx) as on_output:
            try:
                async with self._session_of(ctx) as session:
                    shown = await row.arun(session, arguments, on_output, yield_after=_PATIENCE)
            except TerminalError as error:  # the model has to learn why, and not only the client
                return _failed(str(error))
        return _result(shown)


def _tool(name: str, row: Tool) -> types.Tool:
    return types.Tool(
        name=name,
        title=row.title,
        description=row.description,
        input_schema=row.schema(),
        annotations=types.ToolAnnotations.model_validate(row.hints()),
    )


def _result(shown: Rendered) -> types.CallToolResult:
    """What a model sees as text and pictures, and the rest where only programs look.

    Clients differ in whether they show a model the text or the structured content, and some
    drop the text when there is both.
    """
    text = types.TextContent(text=shown.within(_LARGEST_TEXT).text)
    pictures = [types.ImageContent(data=i.data, mime_type=i.media_type) for i in shown.images]
    return types.CallToolResult(
        content=[text, *pictures],
        is_error=shown.is_error,
        _meta={"daytona-toolkit/data": shown.data},
    )


def _failed(message: str) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=f"Error: {message}")], is_error=True
    )
