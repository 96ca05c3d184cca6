"""Sandbox sessions that the OpenAI Agents SDK makes, finds again and closes."""

from collections.abc import Callable
from uuid import uuid4

from agents.sandbox import Manifest, SnapshotSpec, resolve_snapshot
from agents.sandbox.session import (
    BaseSandboxClient,
    Dependencies,
    Instrumentation,
    SandboxSessionState,
)
from agents.sandbox.session import SandboxSession as AgentsSession
from agents.sandbox.snapshot import SnapshotBase

from daytona_toolkit import DaytonaSandbox, SandboxSession
from openai_agents_daytona_toolkit.sandbox import DaytonaSandboxSession, DaytonaSandboxSessionState


def _get_or_create(key: str) -> SandboxSession:
    return SandboxSession(DaytonaSandbox.get_or_create(key))


class DaytonaSandboxClient(BaseSandboxClient[None]):
    """Makes a session for each run, and finds it again when the run goes on.

    The `RunState` of a run that was interrupted leads back to its session, also in another
    process. What is left of a session between the two is up to `make`: a sandbox of
    `DaytonaSandbox.get_or_create(key)` is there with all its files, while one of
    `DaytonaSandbox.create()` was deleted, and a new one gets the files of the run's snapshot.

    Args:
        make: Makes our session of a key, which is new for each run and the same again when the
            run goes on. Unless given, a Daytona sandbox that is kept under the key.
        instrumentation: As for the SDK's own clients.
        dependencies: As for the SDK's own clients.

    Example:
        ```python
        client = DaytonaSandboxClient(lambda key: SandboxSession(LocalSandbox(f"./runs/{key}")))
        config = RunConfig(sandbox=SandboxRunConfig(client=client))
        result = await Runner.run(SandboxAgent("coder"), "Go on.", run_config=config)
        ```
    """

    backend_id = "daytona-toolkit"
    supports_default_options = True

    def __init__(
        self,
        make: Callable[[str], SandboxSession] = _get_or_create,
        *,
        instrumentation: Instrumentation | None = None,
        dependencies: Dependencies | None = None,
    ) -> None:
        self._make = make
        self._instrumentation = instrumentation
        self._dependencies = dependencies

    async def create(
        self,
        *,
        snapshot: SnapshotSpec | SnapshotBase | None = None,
        manifest: Manifest | None = None,
        options: None = None,
    ) -> AgentsSession:
        """Make a session, and its sandbox."""
        manifest = self._validate_manifest_for_create(manifest or Manifest())
        id = uuid4()
        kept = resolve_snapshot(snapshot, str(id))  # before there is a sandbox that could be left
        session = await self._open(id.hex)
        state = DaytonaSandboxSessionState(
            session_id=id,
            snapshot=kept,
            manifest=manifest.model_copy(update={"root": session.root}),
            sandbox_id=session.sandbox.id,
        )
        return self._wrapped(DaytonaSandboxSession(session, state=state, owned=True))

    async def resume(self, state: SandboxSessionState) -> AgentsSession:
        """Find a session's sandbox again, or make another in its place."""
        if not isinstance(state, DaytonaSandboxSessionState):
            raise TypeError(f"This is no state of a DaytonaSandboxSession: {state.type!r}.")
        state.assert_path_grants_rebound()
        session = await self._open(state.session_id.hex)
        found = session.sandbox.id == state.sandbox_id
        state.sandbox_id = session.sandbox.id
        state.workspace_root_ready = found and state.workspace_root_ready
        state.manifest = state.manifest.model_copy(update={"root": session.root})
        inner = DaytonaSandboxSession(session, state=state, owned=True)
        inner._set_start_state_preserved(found)
        return self._wrapped(inner)

    async def delete(self, session: AgentsSession) -> AgentsSession:
        """Close a session; what becomes of its sandbox is up to that."""
        await session.shutdown()
        return session

    def deserialize_session_state(self, payload: dict[str, object]) -> SandboxSessionState:
        """Read what `serialize_session_state` has written."""
        return self._deserialize_session_state_payload(payload, DaytonaSandboxSessionState)

    async def _open(self, key: str) -> SandboxSession:
        session = self._make(key)
        return await session.__aenter__()  # which closes it where it does not open

    def _wrapped(self, inner: DaytonaSandboxSession) -> AgentsSession:
        return self._wrap_session(inner, instrumentation=self._instrumentation)
