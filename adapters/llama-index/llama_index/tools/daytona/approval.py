"""A call that changes something waits for a person."""

import hashlib
import itertools
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from llama_index.core.workflow import Context, Event
from llama_index.tools.daytona.events import Approval, ApprovalRequest

from daytona_toolkit.tools import Tool

# Calls that were answered. Second answers come soon after the first.
_REMEMBERED = 1000


class Approvals:
    """Asks about calls, one by one.

    LlamaIndex runs a step again when the event arrives that it waits for, and looks for the
    answer under a name that the step gives. Two calls with the same arguments must not share
    that name: the first answer would let both run, and again with the second. So the name
    has the number that LlamaIndex gives each piece of work of a step and keeps when it runs
    the step again.
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[int, str], Event] = OrderedDict()

    @asynccontextmanager
    async def answer(
        self, ctx: Context, tool: str, row: Tool, arguments: dict[str, Any]
    ) -> AsyncIterator[Approval]:
        """Ask about a call, and have the answer for as long as it runs.

        Nothing may be done before, as the step runs again.
        """
        step = _step()
        call = _name_of(step, tool, arguments)
        request = ApprovalRequest(
            call=call,
            tool=tool,
            tool_id=tool_id(),
            arguments=arguments,
            question=row.question(arguments),
        )
        for question in itertools.count(1):
            answer = await _wait(ctx, call, f"{call}-{question}", request)
            # To a context that was written down and read again, LlamaIndex hands each
            # Approval for all that it waits for.
            if answer.call == call:
                break
        run = (id(step.event), call)
        if run in self._begun:
            # There was a second answer, and the step runs again. The first one counts; this
            # run shall neither do anything nor have a result, and waits for nothing.
            await _wait(ctx, f"{call}-answered", f"{call}-answered", None)
        self._begun[run] = step.event  # kept, so that its id is that of no other
        if len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
        try:
            yield answer
        except BaseException:
            self._begun.pop(run, None)
            raise


def tool_id() -> str:
    """The id of the call that an agent's step makes."""
    step = _step()
    return str(getattr(step.event, "tool_id", "")) if step else ""


def _step() -> Any:
    """The piece of work that a workflow does here; None outside of one."""
    # LlamaIndex has no public name for it. Where this one is gone, all but events still works.
    from workflows.runtime.types.results import StepWorkerStateContextVar

    return StepWorkerStateContextVar.get(None)


def _name_of(step: Any, tool: str, arguments: dict[str, Any]) -> str:
    named = [step.state.work_item_id, tool_id(), tool, arguments]
    text = json.dumps(named, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


async def _wait(
    ctx: Context, call: str, waiter_id: str, request: ApprovalRequest | None
) -> Approval:
    return await ctx.wait_for_event(
        Approval,
        waiter_event=request,
        waiter_id=waiter_id,
        requirements={"call": call},
        timeout=None,
    )
