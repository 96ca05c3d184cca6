"""Middleware for agents of LangChain.

It needs `langchain` and a LangGraph that knows where in a graph it runs: install
`langchain-daytona-toolkit[middleware]`.
"""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, cast

try:
    import langchain as langchain
except ImportError as error:
    raise ImportError(
        'WorkspaceMiddleware needs LangChain: pip install "langchain-daytona-toolkit[middleware]"'
    ) from error

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import (
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import ToolMessage
from langchain_core.messages.content import create_text_block
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import NotRequired, TypedDict

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.tools import check_session, use, valid_unicode, wait_for
from langchain_daytona_toolkit.tools import SandboxTool

logger = logging.getLogger("daytona_toolkit")

_NOT_RECORDED = (
    "The files could not be recorded, so going back to this step brings back those of an earlier "
    "one"
)

_WITHIN_ANOTHER = (
    "The agent runs within another graph. When that one goes back, the files do not: it keeps no "
    "checkpoint of them in its state. Invoke the agent by itself to have its files go back"
)

# How LangGraph separates the nodes of a graph within a graph.
_NESTED = "|"

# Conversations that are remembered here; the sandbox knows where the files of all of them stand.
_BOUND = 10_000


class WorkspaceAt(TypedDict):
    """Which files belong to a state of the graph.

    Attributes:
        checkpoint: The id of a checkpoint of the session.
        step: Counts the checkpoints of a conversation.
    """

    checkpoint: str
    step: int


def _newest(old: WorkspaceAt, new: WorkspaceAt) -> WorkspaceAt:
    """Of calls at the same time, the last to end has seen what all of them did."""
    return new if new["step"] > old.get("step", 0) else old


class WorkspaceState(AgentState[Any]):
    """The state of an agent, and which files belong to it."""

    workspace: NotRequired[Annotated[WorkspaceAt, PrivateStateAttr, _newest]]


class _Head(NamedTuple):
    """Where files stand: at a checkpoint that was made in the step after one of the graph."""

    checkpoint: str
    graph: str
    step: int = 0


# Where files stand during a restore, and after one that failed: it may have done a part.
_NOWHERE = _Head("", "")


@dataclass
class _Conversation:
    """What is remembered of one.

    Attributes:
        head: Where its files stand.
        step: The number of its newest checkpoint.
        graph: The checkpoint of the graph after which a step has begun.
        arrival: Done when the files of that step are there.
    """

    head: _Head | None = None
    step: int = 0
    graph: str = ""
    arrival: Future[None] | None = None


@dataclass(frozen=True)
class _Place:
    """Where in a conversation a hook runs.

    Attributes:
        thread: The conversation.
        graph: The checkpoint of the graph that this step began with.
        checkpoint: That of the files that belongs to it; empty if there is none yet.
        step: Its number.
        is_nested: Whether the agent is a node of another graph.
    """

    thread: str
    graph: str
    checkpoint: str
    step: int
    is_nested: bool

    @classmethod
    def of(cls, state: Any, runtime: Any) -> "_Place":
        info = runtime.execution_info
        if info is None or info.thread_id is None:
            raise ValueError(
                "WorkspaceMiddleware ties files to checkpoints of the graph, and this run has "
                "none. Give the agent a checkpointer, and invoke it with "
                'config={"configurable": {"thread_id": ...}}.'
            )
        at: Mapping[str, Any] = state.get("workspace") or {}
        return cls(
            info.thread_id,
            info.checkpoint_id,
            at.get("checkpoint", ""),
            at.get("step", 0),
            _NESTED in info.checkpoint_ns,
        )

    @property
    def label(self) -> str:
        """What a checkpoint that is made here is called."""
        return f"langgraph {self.thread} {self.graph}"

    def belongs_to(self, head: _Head | None) -> bool:
        """Whether the files are those of this place, or of a call beside it."""
        return head is not None and (head.checkpoint == self.checkpoint or head.graph == self.graph)


class WorkspaceMiddleware(AgentMiddleware[WorkspaceState, Any, Any]):
    """Takes the files along when an agent goes back in its conversation.

    It makes a checkpoint of the workspace when a run begins and after each call of a tool that
    may have changed something, and keeps its id in the state of the graph, under `workspace`.
    When the graph goes on from one of its earlier checkpoints, the files become what they were
    there, before the model or a tool is called. Each checkpoint costs one request. Where none can
    be made after a call, the model and the log are told, and the run goes on.

    The files are those under the session's root, without what a `.gitignore` leaves out, and the
    sandbox must have git. A local sandbox loses its checkpoints when it is closed, and with them
    what a conversation could go on from. One workspace belongs to one conversation: a restore
    would take away what others have done there. An agent that is a node of another graph has a
    state of its own, so its files stay as they are when that graph goes back; the log says so.

    Args:
        session: The workspace, open or not; or a `SessionPool`, which has one for each
            `thread_id`. The tools must have the same, so they have no `key` of their own.

    Raises:
        TypeError: `session` is neither a session nor a pool.

    Example:
        ```python
        agent = create_agent(
            model,
            DaytonaToolkit(session).get_tools(),
            middleware=[WorkspaceMiddleware(session)],
            checkpointer=InMemorySaver(),
        )
        agent.invoke(request, thread)
        before = next(s for s in agent.get_state_history(thread) if s.next == ("tools",))
        agent.invoke(None, before.config)  # the files are what they were before the last call
        ```
    """

    state_schema = WorkspaceState

    def __init__(self, session: SandboxSession | SessionPool) -> None:
        super().__init__()
        check_session(session, type(self).__name__)
        self._session = session
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()

    def before_agent(self, state: WorkspaceState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Record what a run begins with, or bring back what it goes on from."""
        place = _Place.of(state, runtime)
        with use(self._session, place.thread) as session:
            return wait_for(session, self._begin, session, place)

    async def abefore_agent(
        self, state: WorkspaceState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`before_agent` for async code."""
        place = _Place.of(state, runtime)
        async with use(self._session, place.thread) as session:
            return await self._begin(session, place)

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Bring the files back before the model is asked, if it is asked again."""
        place = _Place.of(request.state, request.runtime)
        with use(self._session, place.thread) as session:
            wait_for(session, self._arrive, session, place)
        return handler(request)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """`wrap_model_call` for async code."""
        place = _Place.of(request.state, request.runtime)
        async with use(self._session, place.thread) as session:
            await self._arrive(session, place)
        return await handler(request)

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Bring the files back before a tool runs again, and record what it leaves."""
        place = _Place.of(request.state, request.runtime)
        with use(self._session, place.thread) as session:
            wait_for(session, self._arrive, session, place)
            result = handler(request)
            if _is_read_only(request):
                return result
            return wait_for(session, self._settle, session, place, result)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """`wrap_tool_call` for async code."""
        place = _Place.of(request.state, request.runtime)
        async with use(self._session, place.thread) as session:
            await self._arrive(session, place)
            result = await handler(request)
            if _is_read_only(request):
                return result
            return await self._settle(session, place, result)

    async def _begin(self, session: SandboxSession, place: _Place) -> dict[str, Any] | None:
        """What a run begins with."""
        if place.is_nested:
            logger.warning(_WITHIN_ANOTHER)
        await self._arrive(session, place)
        try:
            return {"workspace": await self._record(session, place)}
        except RecoverableError as error:
            if not place.checkpoint:
                raise
            logger.warning("%s: %s", _NOT_RECORDED, error)
            return None

    async def _settle(
        self, session: SandboxSession, place: _Place, result: ToolMessage | Command[Any]
    ) -> ToolMessage | Command[Any]:
        """What a tool gives the graph, and which files belong to it."""
        try:
            return _with_workspace(result, await self._record(session, place))
        except RecoverableError as error:
            logger.warning("%s: %s", _NOT_RECORDED, error)
            return _with_note(result, f"[{_NOT_RECORDED}: {valid_unicode(error)}]")

    async def _arrive(self, session: SandboxSession, place: _Place) -> None:
        """Have the files be those of this place; calls at the same time do it once."""
        with self._lock:
            conversation = self._conversation(place)
            arrival, is_first = conversation.arrival, False
            if arrival is None or conversation.graph != place.graph or _has_failed(arrival):
                arrival, is_first = Future(), True
                conversation.graph, conversation.arrival = place.graph, arrival
        if not is_first:
            await asyncio.shield(asyncio.wrap_future(arrival))
            return
        with _settling(arrival):
            await _bring_back(session, conversation, place)

    async def _record(self, session: SandboxSession, place: _Place) -> WorkspaceAt:
        """Make a checkpoint."""
        with self._lock:
            # Of calls at the same time, the last one that asks has all of their changes.
            conversation = self._conversation(place)
            conversation.step = step = max(conversation.step, place.step) + 1
        made = await session.acheckpoint(place.label)
        with self._lock:
            if conversation.head is None or conversation.head.step < step:
                conversation.head = _Head(made.id, place.graph, step)
        return {"checkpoint": made.id, "step": step}

    def _conversation(self, place: _Place) -> _Conversation:
        conversation = self._conversations.setdefault(place.thread, _Conversation())
        self._conversations.move_to_end(place.thread)
        if len(self._conversations) > _BOUND:
            self._conversations.popitem(last=False)
        return conversation


async def _bring_back(session: SandboxSession, conversation: _Conversation, place: _Place) -> None:
    """Restore the files of a place, if they stand elsewhere."""
    head = conversation.head
    if not place.checkpoint or place.belongs_to(head):
        return
    if head is not _NOWHERE:
        # Another process may have gone on with the conversation: the sandbox knows.
        own, head = place.label.rpartition(" ")[0], None
        for each in await session.acheckpoints():
            label, _, graph = each.label.rpartition(" ")
            if label == own:
                head = _Head(each.id, graph)
    if not place.belongs_to(head):
        conversation.head = _NOWHERE
        await session.arestore(place.checkpoint)
        head = _Head(place.checkpoint, place.graph)
    conversation.head = head


@contextmanager
def _settling(arrival: Future[None]) -> Iterator[None]:
    """Tell those who wait how it went."""
    try:
        yield
    except BaseException as error:
        arrival.set_exception(error)
        raise
    arrival.set_result(None)


def _has_failed(arrival: Future[None]) -> bool:
    return arrival.done() and arrival.exception() is not None


def _is_read_only(request: ToolCallRequest) -> bool:
    return isinstance(request.tool, SandboxTool) and request.tool.row.read_only


def _with_workspace(result: Any, at: WorkspaceAt) -> ToolMessage | Command[Any]:
    """What a tool gives the graph, and which files belong to it.

    LangGraph takes several messages and commands too, though the types of a middleware do not
    say so.
    """
    several: Any
    update = {"workspace": at}
    match result:
        case ToolMessage():
            return Command(update={"messages": [result], **update})
        case Command(graph=None, update=dict() | None as given):
            return replace(result, update={**(given or {}), **update})
        case Command(graph=None):  # its update can be of any class
            several = [result]
        case list():
            several = result
        case _:  # it is for another graph, which knows of no files
            return cast("Command[Any]", result)
    return cast("Command[Any]", [*several, Command(update=update)])


def _with_note(result: ToolMessage | Command[Any], note: str) -> ToolMessage | Command[Any]:
    """What a tool gives the graph, with something that the model is to know."""
    if not isinstance(result, ToolMessage):
        return result
    content: Any = result.content
    if isinstance(content, str):
        content = f"{content}\n{note}"
    else:
        content = [*content, create_text_block(note)]
    return result.model_copy(update={"content": content})
